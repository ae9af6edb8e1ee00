"""Matching (routing): event -> the deliveries that it owes, each with its reasons.

One router at a time serves an organization: it holds the organization's row while it routes a chunk, so that
order is kept and rules do not change in between. Running twice adds nothing: a delivery is unique on
(event, endpoint), and a person is e-mailed once about one event, however many rules say so.
"""

from __future__ import annotations

import json
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models.functions import Lower

from events import catalogue
from events.models import Event
from hooks.engine import clock, lanes
from hooks.models import Delivery, Endpoint, Hook, Lane
from notifications_project.accounts.models import Membership, Organization, User
from notifications_project.accounts.roles import Role

CHUNK = 500  # events routed in one transaction
_MOST_DELIVERIES = 5_000  # after which a chunk is cut, so that no transaction grows without bound
_TURN = 0.05  # seconds after which the next organizations wait for the next call: seats are to be filled meanwhile
_REST = 60.0  # seconds in which an organization is not tried again after its events could not be routed

Reason = dict[str, Any]
logger = logging.getLogger(__name__)


class _Round:
    """Whose turn it is, in this process: the organizations with unrouted events, by id, round and round.

    Finding the next is one look into the index, however many events wait.
    """

    def __init__(self) -> None:
        self.last: UUID | None = None
        self.resting: dict[UUID, float] = {}

    def next(self) -> UUID | None:
        now = time.monotonic()
        self.resting = {owner: until for owner, until in self.resting.items() if until > now}
        unrouted = Event.objects.filter(routed_at__isnull=True).exclude(organization__in=self.resting)
        owners = unrouted.order_by("organization_id").values_list("organization_id", flat=True)
        following = owners.filter(organization__gt=self.last).first() if self.last else None
        self.last = following or owners.first()
        return self.last


_round = _Round()


def route() -> int:
    """Route what waits for a moment, one chunk an organization; the number of events routed.

    An organization whose events cannot be routed (by a defect, a rotten row) rests, and stops nobody else.
    """
    began, routed = time.monotonic(), 0
    served: set[UUID] = set()
    while (owner := _round.next()) and owner not in served:
        served.add(owner)
        try:
            routed += _route_organization(owner)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("the events of organization %s cannot be routed; they wait", owner)
            _round.resting[owner] = time.monotonic() + _REST
        if time.monotonic() - began > _TURN:
            break
    return routed


@transaction.atomic
def _route_organization(owner: UUID) -> int:
    locked = Organization.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=owner)
    organization = locked.first()
    if organization is None:
        return 0  # another router is at it
    waiting = Event.objects.filter(organization=organization, routed_at__isnull=True)
    events = list(waiting.order_by("pk")[:CHUNK])
    rules = Rules(organization)
    rules.hold_what_is_disabled()
    owed: list[_Owed] = []
    done = 0
    for event in events:
        owed += rules.owed(event)
        done += 1
        if len(owed) >= _MOST_DELIVERIES:
            break
    now = clock.now()
    touched = _store(organization, owed, now)
    Event.objects.filter(pk__in=[event.pk for event in events[:done]]).update(routed_at=now)
    lanes.touch(touched)
    return done


@dataclass(slots=True)
class _Owed:
    """One delivery to be made: to a webhook's endpoint, or to an e-mail address."""

    event: Event
    endpoint: Endpoint | None
    address: str
    reasons: list[Reason] = field(default_factory=list)
    hook: Hook | None = None
    held: bool = True

    def add(self, reason: Reason, hook: Hook | None, held: bool) -> None:
        if reason not in self.reasons:  # a member whose address was typed as well
            self.reasons.append(reason)
        self.hook = self.hook or hook
        self.held = self.held and held


class Rules:
    """The rules of one organization, read once for many events, in a bounded number of queries."""

    def __init__(self, organization: Organization) -> None:
        hooks = Hook.objects.existing().filter(organization=organization, enabled=True).order_by("created_at", "pk")
        self.hooks = list(
            hooks.select_related("endpoint").defer("endpoint__secrets").prefetch_related("resources", "notify_users")
        )
        memberships = Membership.objects.filter(organization=organization, user__is_active=True)
        self.members = list(memberships.select_related("user").order_by("joined_at", "pk"))
        self.by_type: dict[str, list[Hook]] = defaultdict(list)
        for hook in self.hooks:
            for name in catalogue.expand(hook.events) if hook.events else catalogue.EVENT_TYPES:
                self.by_type[name].append(hook)
        self.resources = {hook.pk: {resource.pk for resource in hook.resources.all()} for hook in self.hooks}
        self.recipients = {hook.pk: list(self._recipients(hook)) for hook in self.hooks if hook.kind == "email"}

    def hold_what_is_disabled(self) -> None:
        """Lock the endpoints that are disabled, and see whether they still are.

        A delivery that is held would wait for ever if its endpoint were enabled between that look and the commit.
        """
        disabled = {
            hook.endpoint.pk: hook.endpoint for hook in self.hooks if hook.endpoint and hook.endpoint.disabled_at
        }
        if disabled:
            rows = Endpoint.objects.select_for_update(no_key=True).filter(pk__in=disabled).order_by("pk")
            for pk, disabled_at in rows.values_list("pk", "disabled_at"):
                disabled[pk].disabled_at = disabled_at

    def owed(self, event: Event) -> list[_Owed]:
        """What an event owes; nothing for a test, which goes to the endpoint that is tested and to no other."""
        if event.is_test:
            return []
        webhooks: list[_Owed] = []
        mails: dict[str, _Owed] = {}
        for hook in self._asking(event):
            reason = {"rule": "hook", "id": hook.public_id, "name": hook.name}
            if hook.endpoint is not None:
                owed = _Owed(event, hook.endpoint, "")
                owed.add(reason, hook, held=hook.paused or hook.endpoint.disabled_at is not None)
                webhooks.append(owed)
                continue
            for address in self.recipients[hook.pk]:
                mail = mails.setdefault(address.lower(), _Owed(event, None, address))
                mail.add(reason, hook, held=hook.paused)
        for user, reason in self._by_default(event):
            mail = mails.setdefault(user.email.lower(), _Owed(event, None, user.email))
            mail.add(reason, None, held=False)
        return webhooks + list(mails.values())

    def _asking(self, event: Event) -> Iterable[Hook]:
        concerned = _concerned_hook(event)
        for hook in self.by_type.get(event.type, []):
            chosen = self.resources[hook.pk]
            if (not hook.restricted or event.resource_id in chosen) and hook.public_id != concerned:
                yield hook

    def _recipients(self, hook: Hook) -> Iterable[str]:
        users = {user.pk for user in hook.notify_users.all()}
        for membership in self.members:
            if hook.notify_members or membership.role in hook.notify_roles or membership.user_id in users:
                yield membership.user.email
        yield from hook.notify_addresses

    def _by_default(self, event: Event) -> Iterable[tuple[User, Reason]]:
        """Members who get an e-mail without a hook: the catalogue's default, and the system's own news."""
        event_type = catalogue.EVENT_TYPES.get(event.type)
        if event_type is None:
            return
        own = event_type.subject == catalogue.Subject.HOOK
        if not own and event_type.email_default != catalogue.EmailDefault.ON:
            return
        for membership in self.members:
            if not own:
                yield membership.user, {"rule": "default", "name": event_type.name}
            elif membership.role in {Role.ADMIN, Role.MANAGER}:
                yield membership.user, {"rule": "role", "name": membership.role}


def _concerned_hook(event: Event) -> str | None:
    """The hook that a `hook.*` event is about: it is not told of its own trouble."""
    if not event.type.startswith("hook."):
        return None
    about = json.loads(event.representation).get("hook")
    return about.get("id") if isinstance(about, dict) else None


def _store(organization: Organization, owed: Sequence[_Owed], now: datetime) -> set[int]:
    """Insert the deliveries in bulk; the lanes in which work is now due."""
    mails = _mail_endpoints(organization, {each.address.lower(): each.address for each in owed if not each.endpoint})
    rows = []
    for each in owed:
        endpoint = each.endpoint or mails[each.address.lower()]
        held = each.held or endpoint.disabled_at is not None
        rows.append(
            Delivery(
                organization=organization,
                event=each.event,
                endpoint=endpoint,
                lane_id=endpoint.lane_id,
                hook=each.hook,
                reasons=each.reasons,
                due_at=None if held else now,
            )
        )
    Delivery.objects.bulk_create(rows, batch_size=1000, ignore_conflicts=True)
    return {row.lane_id for row in rows if row.due_at}


def _mail_endpoints(organization: Organization, addresses: dict[str, str]) -> dict[str, Endpoint]:
    """The endpoint of each address, by its lower-case form; missing ones are made."""
    if not addresses:
        return {}
    lane = mail_lane(organization)
    mails = Endpoint.objects.filter(organization=organization, kind=Endpoint.Kind.EMAIL)
    known = mails.defer("secrets").annotate(lower=Lower("address"))
    found = {endpoint.address.lower(): endpoint for endpoint in _having(known, addresses)}
    missing = [
        Endpoint(
            organization=organization,
            kind=Endpoint.Kind.EMAIL,
            # A database may know the lower case of ASCII letters only: what it would not find again is stored so.
            address=address if address.isascii() else lower,
            format="mail",
            lane=lane,
            secrets={},
        )
        for lower, address in addresses.items()
        if lower not in found
    ]
    if missing:
        Endpoint.objects.bulk_create(missing, batch_size=500, ignore_conflicts=True)
        found |= {endpoint.address.lower(): endpoint for endpoint in _having(known, addresses)}
    return found


def _having(known: Any, addresses: dict[str, str]) -> Iterable[Endpoint]:
    lowers = list(addresses)
    for start in range(0, len(lowers), 500):
        yield from known.filter(lower__in=lowers[start : start + 500])


def mail_lane(organization: Organization) -> Lane:
    """The one lane of an organization's mail."""
    lane, _ = Lane.objects.get_or_create(organization=organization, transport="smtp")
    return lane


def mail_endpoint(organization: Organization, address: str) -> Endpoint:
    """The endpoint of one e-mail address of an organization."""
    return _mail_endpoints(organization, {address.lower(): address})[address.lower()]
