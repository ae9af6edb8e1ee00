"""The rules of one organization, read once, and the deliveries that they owe for an event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events import catalogue
from events.catalogue import EmailDefault
from events.models import Event
from hooks import clock
from hooks.audience.choices import Breadth, Choices, Decision, list_kinds
from hooks.audience.quiet_times import Quiet
from hooks.audience.recipients import Member, OptOuts, find_named_addresses, list_members
from hooks.endpoints.lookup import EndpointRef, lock_endpoint_refs, read_endpoint_refs
from hooks.messages import Reason, RuleKind
from hooks.models import Channel, Endpoint, Hook
from hooks.routing.channel_endpoints import ChannelEndpoints
from hooks.routing.subjects import find_subject_address, find_subject_channel, find_subject_hook
from notifications_project.accounts.models import Organization
from notifications_project.accounts.roles import Role

_BY_ROLE: dict[str, Reason] = {role.value: {"rule": RuleKind.ROLE, "name": role.value} for role in Role}


@dataclass(slots=True)
class PlannedDelivery:
    """A planned delivery: to a webhook's endpoint, or to an e-mail address."""

    event: UUID
    endpoint: EndpointRef | None
    address: str
    reasons: list[Reason]
    hook: UUID | None = None
    held: bool = False
    quiet_until: datetime | None = None

    def add(self, reason: Reason, hook: UUID | None, held: bool) -> None:
        if reason not in self.reasons:  # a member whose address was typed as well
            self.reasons.append(reason)
        self.hook = self.hook or hook
        self.held = self.held and held


class OrganizationRules:
    """The rules of one organization about some event types, read once, in a bounded number of queries."""

    def __init__(
        self,
        *,
        hooks: Sequence[Hook],
        endpoints: dict[UUID, EndpointRef],
        members: Sequence[Member],
        silence: OptOuts,
        choices: Choices,
        reach: ChannelEndpoints,
        quiet: Quiet,
    ) -> None:
        self.hooks, self.endpoints, self.members, self.silence = hooks, endpoints, members, silence
        self.choices, self.reach, self.quiet = choices, reach, quiet
        self.by_address = {member.email.lower(): member for member in members}
        self.by_type: dict[str, list[Hook]] = defaultdict(list)
        for hook in hooks:
            for name in catalogue.expand(hook.events):
                self.by_type[name].append(hook)
        self.reasons: dict[UUID, Reason] = {
            hook.pk: {"rule": RuleKind.HOOK, "id": hook.public_id, "name": hook.name} for hook in hooks
        }
        self.resources = {hook.pk: {resource.pk for resource in hook.resources.all()} for hook in hooks}
        self.recipients = {
            hook.pk: list(silence.find_told(hook, find_named_addresses(hook, members)))
            for hook in hooks
            if hook.kind == Hook.Kind.EMAIL
        }
        self.defaults: dict[str, Reason] = {}
        self.settings: dict[Breadth, Reason] = {
            breadth: {"rule": RuleKind.SETTING, "name": breadth.value}
            for breadth in Breadth
            if breadth != Breadth.DEFAULT
        }

    @classmethod
    def read(
        cls, organization: Organization, types: Collection[str], members: Sequence[Member] | None = None
    ) -> OrganizationRules:
        """Read the rules, to decide about `members` instead of all.

        Members whose address a hook names must be among them.
        """
        existing = Hook.objects.existing().filter(organization=organization, enabled=True).order_by("created_at", "pk")
        hooks = list(existing.prefetch_related("resources", "notify_users"))
        chosen = Endpoint.objects.filter(hook__in=[hook.pk for hook in hooks])
        members = list_members(organization) if members is None else members
        choices = Choices.read(organization, types, members)
        return cls(
            hooks=hooks,
            endpoints={endpoint.pk: endpoint for endpoint in read_endpoint_refs(chosen)},
            members=members,
            silence=OptOuts.read(organization, hooks, members),
            choices=choices,
            reach=ChannelEndpoints.read(organization, choices, members),
            quiet=Quiet.read(organization, types, members, clock.now()),
        )

    def lock_disabled_endpoints(self) -> None:
        """Lock the endpoints that are disabled, and see whether they still are."""
        disabled = [endpoint.pk for endpoint in self.endpoints.values() if endpoint.disabled_at]
        if disabled := [*disabled, *self.reach.list_disabled()]:
            fresh = lock_endpoint_refs(disabled)
            self.endpoints |= {pk: to for pk, to in fresh.items() if pk in self.endpoints}
            self.reach.replace(fresh)

    def plan_deliveries(self, event: Event) -> list[PlannedDelivery]:
        """Match an event: decide which endpoints and addresses are told, and by which rules.

        Nobody for a test, which goes to the endpoint that is tested and to no other.
        """
        if event.is_test:
            return []
        webhooks = [
            PlannedDelivery(
                event.pk, to, "", [self.reasons[hook.pk]], hook.pk, hook.paused or to.disabled_at is not None
            )
            for hook in self.find_asking_hooks(event)
            if hook.endpoint_id is not None and (to := self.endpoints[hook.endpoint_id])
        ]
        return webhooks + self._plan_mails(event) + self._plan_for_channels(event)

    def _plan_mails(self, event: Event) -> list[PlannedDelivery]:
        """Plan one delivery for each person, however many rules say so; none for members who turned it off."""
        mails: dict[str, PlannedDelivery] = {}
        unwanted = {find_subject_address(event)}

        def mail(address: str, reason: Reason, hook: Hook | None = None) -> None:
            if (lower := address.lower()) in unwanted:
                return
            if lower not in mails:
                mails[lower] = PlannedDelivery(event.pk, None, address, [], held=True)
            mails[lower].add(reason, hook.pk if hook else None, hook is not None and hook.paused)

        own: list[tuple[Member, Reason]] = []
        for member in self._find_mailable(event.type):
            decision = self.choices.decide(member, event.type, Channel.Kind.EMAIL, event.resource_id)
            if decision.on:
                own.append((member, self._find_reason(event, member, decision)))
            elif decision.chosen:
                unwanted.add(member.email.lower())
        for hook in self.find_asking_hooks(event):
            for address in self.recipients.get(hook.pk, ()):
                mail(address, self.reasons[hook.pk], hook)
        for member, reason in own:
            mail(member.email, reason)
        if self.quiet.until:
            for lower, owed in mails.items():
                if whose := self.by_address.get(lower):
                    owed.quiet_until = self.quiet.find_end(whose.user_id, Channel.Kind.EMAIL, event.type)
        return list(mails.values())

    def _find_mailable(self, event_type: str) -> Iterable[Member]:
        """The members of whom a choice or the default says anything about mails of a type."""
        known = catalogue.EVENT_TYPES.get(event_type)
        if known and (known.email_default == EmailDefault.ON or known.subject == catalogue.Subject.HOOK):
            return self.members
        return self._find_choosers(event_type, Channel.Kind.EMAIL)

    def _find_choosers(self, event_type: str, channel: str) -> Iterator[Member]:
        users = set(self.choices.find_choosers(event_type, channel))
        return (member for member in self.members if member.user_id in users) if users else iter(())

    def _plan_for_channels(self, event: Event) -> list[PlannedDelivery]:
        """To members' own channels, where they turned it on."""
        owed = []
        concerned = find_subject_channel(event)
        for channel in (kind for kind in list_kinds() if kind not in {Channel.Kind.EMAIL, concerned}):
            for member in self._find_choosers(event.type, channel):
                decision = self.choices.decide(member, event.type, channel, event.resource_id)
                if not decision.on:
                    continue
                quiet_until = self.quiet.find_end(member.user_id, channel, event.type)
                for to in self.reach.to.get((member.user_id, channel), ()):
                    reasons, held = [self._find_reason(event, member, decision)], to.disabled_at is not None
                    owed.append(PlannedDelivery(event.pk, to, "", reasons, held=held, quiet_until=quiet_until))
        return owed

    def _find_reason(self, event: Event, member: Member, decision: Decision) -> Reason:
        if decision.chosen:
            return self.settings[decision.by]
        if catalogue.EVENT_TYPES[event.type].subject == catalogue.Subject.HOOK:
            return _BY_ROLE[member.role]
        return self.defaults.setdefault(event.type, {"rule": RuleKind.DEFAULT, "name": event.type})

    def find_asking_hooks(self, event: Event) -> Iterator[Hook]:
        """The hooks that ask for an event."""
        concerned = find_subject_hook(event)
        for hook in self.by_type.get(event.type, []):
            if self.is_covered(hook, event) and hook.public_id != concerned:
                yield hook

    def is_covered(self, hook: Hook, event: Event) -> bool:
        """Return True if the event is about a resource of the hook, or the hook has no restriction."""
        return not hook.restricted or event.resource_id in self.resources[hook.pk]
