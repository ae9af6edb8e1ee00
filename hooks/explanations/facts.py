"""Facts that explanations of people are made of: what happened about an event, and what the rules would decide now.

What happened is what its deliveries say: their reasons are what was decided when the event was routed. What would
happen now is what routing itself answers (`OrganizationRules.plan_deliveries`), asked about the members of one page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from events.models import Event
from hooks.audience.recipients import Member, find_members_among, find_named_addresses
from hooks.models import Channel, Delivery, Endpoint, Hook
from hooks.presentation import delivery_lists
from hooks.routing.rules import OrganizationRules, PlannedDelivery
from notifications_project.accounts.models import Membership, Organization
from notifications_project.bulk import find_rows

Kind = Channel.Kind
Key = tuple[UUID | str, str]  # a user and a channel; for e-mail, the address in lower case


@dataclass(frozen=True)
class Person:
    """A member, or an address that belongs to none (`membership` is None)."""

    address: str
    membership: Membership | None = None

    @property
    def member(self) -> Member | None:
        found = self.membership
        return Member(found.user_id, found.role, found.user.email) if found else None

    @property
    def is_active(self) -> bool:
        return self.membership is not None and self.membership.user.is_active

    def make_key(self, kind: str) -> Key:
        if kind == Kind.EMAIL:
            return self.address.lower(), kind
        assert self.membership
        return self.membership.user_id, kind


class Facts:
    """The past and the present of an event, for some members and the addresses that hooks name.

    `viewer` sees all of their own channels.
    """

    def __init__(
        self, event: Event, people: Sequence[Person], outsiders: Sequence[Person], rules: OrganizationRules,
        viewer: UUID | None, workers: Callable[[], bool],
    ) -> None:  # fmt: skip
        self.event, self.people, self.outsiders, self.rules = event, people, outsiders, rules
        self.viewer, self.workers = viewer, workers
        self.organization: Organization = event.organization
        self.now = timezone.now()
        self.asking = {hook.pk for hook in rules.find_asking_hooks(event)} if not event.is_test else set()
        self.owed = self._find_owed()
        self.then: dict[Key, list[Delivery]] = {}
        self.disabled: set[str] = set()  # addresses in lower case
        self.channels: dict[tuple[UUID, str], Channel] = {}

    @classmethod
    def read(
        cls,
        event: Event,
        memberships: Sequence[Membership],
        viewer: UUID | None = None,
        workers: Callable[[], bool] = lambda: True,
    ) -> Facts:
        """Read the facts of an event from `subjects.annotate_subject`, with its organization and resource."""
        organization = event.organization
        people = [Person(each.user.email, each) for each in memberships]
        existing = Hook.objects.existing().filter(organization=organization).order_by("created_at", "pk")
        mailing = list(existing.filter(kind=Hook.Kind.EMAIL).prefetch_related("resources", "notify_users"))
        typed = {address.lower(): address for hook in mailing for address in hook.notify_addresses}
        members = find_members_among(organization, typed)
        concerned = {member.user_id: member for member in members.values()}
        concerned |= {each.member.user_id: each.member for each in people if each.member and each.is_active}
        outsiders = [Person(typed[lower]) for lower in typed if lower not in members]
        rules = OrganizationRules.read(organization, {event.type}, list(concerned.values()))
        facts = cls(event, people, outsiders, rules, viewer, workers)
        facts._read_deliveries(typed)
        channels = Channel.objects.filter(user__in=facts._list_users())
        facts.channels = {(channel.user_id, channel.kind): channel for channel in channels}
        return facts

    def is_viewer(self, person: Person) -> bool:
        return person.membership is not None and person.membership.user_id == self.viewer

    def is_open(self, person: Person, kind: str) -> bool:
        """Return True if the viewer may read more than that the person was told: result, set-up of the channel."""
        return kind == Kind.EMAIL or self.is_viewer(person)

    def is_named(self, person: Person, hook: Hook) -> bool:
        """Return True if an e-mail hook names the person, by address, role or as every member."""
        members = [person.member] if person.member else []
        return person.address.lower() in map(str.lower, find_named_addresses(hook, members))

    def list_mailing(self) -> Iterator[Hook]:
        """Yield the e-mail hooks that ask for the event's type."""
        return (hook for hook in self.rules.by_type.get(self.event.type, ()) if hook.kind == Hook.Kind.EMAIL)

    def list_named_outsiders(self) -> list[Person]:
        """Return the addresses of no member that were told, or that a hook that asks for the event names."""
        named = {
            address.lower()
            for hook in self.rules.hooks
            if hook.pk in self.asking and hook.kind == Hook.Kind.EMAIL
            for address in hook.notify_addresses
        }
        return [
            each for each in self.outsiders if each.address.lower() in named or self.then.get(each.make_key(Kind.EMAIL))
        ]

    def _list_users(self) -> list[UUID]:
        return [each.user_id for person in self.people if (each := person.membership)]

    def _find_owed(self) -> dict[Key, PlannedDelivery]:
        """Return what the rules would decide now, by person and channel."""
        planned = self.rules.plan_deliveries(self.event)
        to = {each.endpoint.pk: each for each in planned if each.endpoint}
        owed: dict[Key, PlannedDelivery] = {
            (each.address.lower(), str(Kind.EMAIL)): each for each in planned if each.address
        }
        for (user, kind), endpoints in self.rules.reach.to.items():
            for endpoint in endpoints:
                if endpoint.pk in to:
                    owed.setdefault((user, kind), to[endpoint.pk])
        return owed

    def _read_deliveries(self, typed: Collection[str]) -> None:
        """Read the deliveries to these people, by person and channel, and which addresses are disabled."""
        lowers = [*{person.address.lower() for person in self.people}, *typed]
        # By their endpoints: an event may have ten thousand deliveries, of which these are few.
        mails = Endpoint.objects.mails().filter(organization=self.organization).without_secrets()
        addresses = list(find_rows(mails, "lower", lowers))
        own = Endpoint.objects.filter(organization__in=self._list_users()).exclude(kind=Endpoint.Kind.EMAIL)
        endpoints = {each.pk: each for each in [*addresses, *own.select_related("channel").without_secrets()]}
        self.disabled = {endpoint.address.lower() for endpoint in addresses if endpoint.disabled_at}
        found: dict[Key, list[Delivery]] = defaultdict(list)
        deliveries = delivery_lists.load_back_off(self.event.deliveries.all())
        for delivery in find_rows(deliveries, "endpoint", list(endpoints)):
            endpoint = delivery.endpoint = endpoints[delivery.endpoint_id]
            if endpoint.kind == Endpoint.Kind.EMAIL:
                found[endpoint.address.lower(), Kind.EMAIL].append(delivery)
            elif delivery.hook_id is None:
                found[endpoint.organization_id, find_channel_kind(endpoint)].append(delivery)
        self.then = found


def find_channel_kind(endpoint: Endpoint) -> str:
    """Return by which channel of its user an endpoint is reached. Load its channel."""
    if endpoint.kind == Endpoint.Kind.DEVICE:
        return Kind.IOS
    if channel := getattr(endpoint, "channel", None):
        return str(channel.kind)
    return Kind.HIPCHAT if endpoint.format == "hipchat" else Kind.WEBHOOK  # it was removed
