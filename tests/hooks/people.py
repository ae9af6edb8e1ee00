"""Helpers for tests of many members: members with channels and choices, made in bulk."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.hashers import make_password

from events.models import Resource
from hooks.channels import services
from hooks.models import Channel, Delivery, Endpoint, NotificationSetting
from hooks.preferences.notification_settings import Choice, Scope, choose
from notifications_project.accounts.models import Membership, Organization, User
from notifications_project.accounts.roles import Role

KINDS = tuple(Channel.Kind.values)
NOWHERE = "http://127.0.0.1:9/"


def members(organization: Organization, names: Iterable[str], role: str = Role.DEVELOPER) -> list[User]:
    """Create members; they get a personal space when they need one."""
    password = make_password(None)
    users = User.objects.bulk_create(
        User(email=f"{name.lower()}@people.example", name=name, password=password) for name in names
    )
    Membership.objects.bulk_create(Membership(organization=organization, user=user, role=role) for user in users)
    return users


def application(organization: Organization, name: str) -> Resource:
    return Resource.objects.create(organization=organization, kind="application", name=name)


def with_hipchat(user: User, url: str = NOWHERE, **options: str) -> Channel:
    return services.set_up(
        user, Channel.Kind.HIPCHAT, url=url, options={"token": "t0ken-of-hipchat", "room": "Ops", **options}
    )[0]


def with_webhook(user: User, url: str = NOWHERE) -> tuple[Channel, str]:
    """Give a user a webhook channel; return the secret that it signs with."""
    return services.set_up(user, Channel.Kind.WEBHOOK, url=url, options={})


def turn(user: User, event_type: str, channel: str, on: bool | None, scope: Scope | None = None) -> None:
    choose(user, [Choice(event_type, channel, on)], scope or Scope())


def settings_of(user: User, event_type: str, channel: str, chosen: dict[object, bool | None]) -> None:
    """Return a user's stored choices by the id of a resource or organization, or None for everything."""
    for of, enabled in chosen.items():
        if enabled is not None:
            NotificationSetting.objects.create(
                user=user,
                event_type=event_type,
                channel=channel,
                enabled=enabled,
                organization=of if isinstance(of, Organization) else None,
                resource=of if isinstance(of, Resource) else None,
            )


def kind_of(delivery: Delivery) -> str:
    """Return the kind of channel that a delivery goes to."""
    if delivery.endpoint.kind == Endpoint.Kind.EMAIL:
        return Channel.Kind.EMAIL
    if delivery.endpoint.kind == Endpoint.Kind.DEVICE:
        return Channel.Kind.IOS
    return Channel.Kind.HIPCHAT if delivery.endpoint.format == "hipchat" else Channel.Kind.WEBHOOK
