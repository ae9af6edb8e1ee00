"""Checks before a mail is sent again: its address must still belong to a member or hook that wants it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from events.models import Event
from hooks.audience.choices import Choices
from hooks.audience.recipients import OptOuts, find_members_among
from hooks.messages import RuleKind
from hooks.models import Channel, Delivery, Endpoint, Hook, Unsubscription
from notifications_project import ids
from notifications_project.accounts.models import Organization, User

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_NOBODY = _("Its address belongs to no active member, and no enabled hook names it any more.")
_UNCONFIRMED = _("Its address has not confirmed yet that it wants to be told.")
_UNSUBSCRIBED = _("Its address has unsubscribed from every hook that asked for it.")
_TURNED_OFF = _("The member has turned such e-mails off.")


def find_reasons_not_to_resend(
    deliveries: Collection[Delivery], endpoints: Mapping[UUID, Endpoint], actor: User
) -> dict[UUID, str]:
    """Return why mails among the deliveries may not be sent again, by id; takes a few queries for each organization.

    Tests go out whatever is, and so does the actor's own mail. Give the endpoints with their organizations.
    """
    by_organization: dict[Organization, list[Delivery]] = {}
    for each in deliveries:
        endpoint = endpoints[each.endpoint_id]
        own = endpoint.address.lower() == actor.email.lower()
        test = any(reason.get("rule") == RuleKind.TEST for reason in each.reasons)
        if endpoint.kind == Endpoint.Kind.EMAIL and not own and not test:
            by_organization.setdefault(endpoint.organization, []).append(each)
    return {
        pk: str(why)
        for organization, mails in by_organization.items()
        for pk, why in _check_organization(organization, mails, endpoints)
    }


def _check_organization(
    organization: Organization, mails: Collection[Delivery], endpoints: Mapping[UUID, Endpoint]
) -> Iterator[tuple[UUID, StrOrPromise]]:
    address = {each.pk: endpoints[each.endpoint_id].address.lower() for each in mails}
    members = find_members_among(organization, set(address.values()))
    hooks = list(Hook.objects.existing().filter(organization=organization, kind=Hook.Kind.EMAIL, enabled=True))
    typed = {lower for hook in hooks for lower in map(str.lower, hook.notify_addresses)}
    unconfirmed = OptOuts.read(organization, hooks, members.values()).unconfirmed
    left = _find_leavers({each.endpoint_id for each in mails})
    events = Event.objects.filter(pk__in={each.event_id for each in mails}).values_list("pk", "type", "resource")
    about = {pk: (event_type, resource) for pk, event_type, resource in events}
    choices = Choices.read(organization, {event_type for event_type, _ in about.values()}, list(members.values()))
    for each in mails:
        lower = address[each.pk]
        asked = {reason.get("id") for reason in each.reasons}
        if lower not in members and lower not in typed:
            yield each.pk, _NOBODY
        elif lower in unconfirmed:
            yield each.pk, _UNCONFIRMED
        elif asked and asked <= left[each.endpoint_id]:
            yield each.pk, _UNSUBSCRIBED
        elif member := members.get(lower):
            event_type, resource = about[each.event_id]
            decision = choices.decide(member, event_type, Channel.Kind.EMAIL, resource)
            if decision.chosen and not decision.on:
                yield each.pk, _TURNED_OFF


def _find_leavers(endpoints: Collection[UUID]) -> dict[UUID, set[str]]:
    """The hooks that these addresses have unsubscribed from, deleted ones too, as reasons name them."""
    left: dict[UUID, set[str]] = defaultdict(set)
    found = Unsubscription.objects.filter(endpoint__in=endpoints)
    for endpoint, hook in found.values_list("endpoint", "hook"):
        left[endpoint].add(ids.encode("hook", hook))
    return left
