"""E-mail about one event type that a member gets by the member's own settings or by default: ended by the link in it.

The link names the address; whoever has the mail needs no sign-in. It ends such mail from everywhere, also where a
narrower choice asked for it, and can be taken back: `turn_off` gives what stood before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import transaction
from django.db.models.functions import Lower

from events import catalogue
from events.models import Resource
from hooks.audience import choices
from hooks.models import Channel, Endpoint, NotificationSetting
from hooks.preferences.notification_settings import EVERYTHING, Choice, Scope, choose
from notifications_project.accounts.models import Organization, User

_EMAIL = Channel.Kind.EMAIL
Before = list[tuple[str, bool | None]]  # scopes, by their public ids (everything: ""), and what was chosen for them


def find_owner(endpoint: Endpoint) -> User | None:
    """Return the user of an address; None if they changed it since."""
    known = User.objects.filter(is_active=True).annotate(lower=Lower("email"))
    return known.filter(lower=endpoint.address.lower()).first()


def is_off(user: User, event_type: str) -> bool:
    """Return True if the user turned the event type off, wherever it comes from."""
    stands = _read_choices(user, event_type)
    return any(scope == EVERYTHING and not on for scope, on in stands) and not any(on for _, on in stands)


@transaction.atomic
def turn_off(user: User, event_type: str) -> Before:
    """Turn e-mail about a type off; return the former choices where that changed them."""
    if not catalogue.is_offered(event_type):
        return []
    changes = [
        (EVERYTHING, False),
        *((scope, None) for scope, on in _read_choices(user, event_type) if on and scope != EVERYTHING),
    ]
    before: Before = []
    for scope, enabled in changes:
        stood = choose(user, [Choice(event_type, _EMAIL, enabled)], scope)
        before += [(_get_key(scope), each.enabled) for each in stood]
    return before


@transaction.atomic
def turn_on(user: User, event_type: str, before: Sequence[tuple[str, bool | None]] = ()) -> None:
    """Take it back: restore the former choices; if they are not known, the default, or on where that is off."""
    if not catalogue.is_offered(event_type):
        return
    scopes = {_get_key(scope): scope for scope in _find_scopes(user, [key for key, _ in before])}
    for key, enabled in before:
        if key in scopes:
            choose(user, [Choice(event_type, _EMAIL, enabled)], scopes[key])
    if not before:
        roles = {each.role for each in user.memberships.all()}
        told = choices.is_decided_by_hooks(event_type, _EMAIL) or any(
            choices.get_default(event_type, _EMAIL, role).on for role in roles
        )
        choose(user, [Choice(event_type, _EMAIL, None if told else True)])


def _read_choices(user: User, event_type: str) -> list[tuple[Scope, bool]]:
    """Return what the user chose about the type, in organizations of which the user still is a member."""
    rows = NotificationSetting.objects.filter(user=user, event_type=event_type, channel=_EMAIL)
    mine = set(user.memberships.values_list("organization_id", flat=True))
    return [
        (Scope(organization=row.organization, resource=row.resource), row.enabled)
        for row in rows.select_related("organization", "resource")
        if (row.resource.organization_id if row.resource else row.organization_id) in mine | {None}
    ]


def _find_scopes(user: User, keys: Sequence[str]) -> Iterator[Scope]:
    """Return the scopes with these keys that the user still has."""
    if "" in keys:
        yield EVERYTHING
    for organization in Organization.objects.filter(memberships__user=user):
        if organization.public_id in keys:
            yield Scope(organization=organization)
    wanted = [key.partition("_")[2] for key in keys if key.partition("_")[0] in Resource.KINDS]
    if wanted:
        for resource in Resource.objects.filter(pk__in=wanted, organization__memberships__user=user):
            yield Scope(resource=resource)


def _get_key(scope: Scope) -> str:
    of = scope.resource or scope.organization
    return of.public_id if of else ""
