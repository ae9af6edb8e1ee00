"""Rules for a hook: every check gives problems by field, empty if there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext

from events import catalogue
from events.models import Resource
from hooks.endpoints.options import read_options
from hooks.endpoints.validation import find_destination_problem, format_problem
from hooks.models import Hook, Lane
from notifications_project.accounts.models import Organization
from notifications_project.accounts.roles import Role
from notifications_project.ids import PublicId
from notifications_project.mail.addresses import BadMailAddress, normalize, normalize_if_valid
from notifications_project.spelling import is_visible

_MOST = 100  # recipients of one kind, resources or events of one hook


@dataclass(frozen=True)
class Notify:
    """The recipients of an e-mail hook; at least one of the four."""

    members: bool = False
    roles: Sequence[str] = ()
    users: Sequence[UUID] = ()
    addresses: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("roles", "users"):  # so that what is the same compares equal
            object.__setattr__(self, name, tuple(getattr(self, name)))
        # One spelling of each address; what is none stays as it was written, for the check to refuse.
        object.__setattr__(self, "addresses", tuple(map(normalize_if_valid, self.addresses)))

    @classmethod
    def of(cls, hook: Hook) -> Notify:
        """Return the recipients of a hook as it stands."""
        users = list(hook.notify_users.order_by("email").values_list("pk", flat=True))
        return cls(hook.notify_members, hook.notify_roles, users, hook.notify_addresses)


@dataclass(frozen=True)
class RateLimit:
    """At most so many deliveries a second, after a pause up to `burst` at once."""

    per_second: float
    burst: int = 1

    @classmethod
    def of(cls, lane: Lane) -> RateLimit | None:
        """Return the rate that was chosen for a lane, a whole number as such."""
        if lane.rate is None:
            return None
        return cls(int(lane.rate) if lane.rate.is_integer() else lane.rate, lane.burst)


def find_errors(hook: Hook, changes: dict[str, Any]) -> dict[str, str]:
    errors: dict[str, str] = {}
    if "name" in changes and changes["name"] != hook.name:
        errors |= name_problem(changes["name"])
    if hook.endpoint and changes.keys() & {"format", "options"}:
        errors |= format_problem(changes.get("format", hook.endpoint.format), changes["options"])
    if hook.endpoint and changes.keys() & {"url", "format", "options"}:
        format = changes.get("format", hook.endpoint.format)
        options = changes.get("options") or read_options(hook.endpoint)
        errors = find_destination_problem(changes.get("url", hook.endpoint.whole_address), format, options) | errors
    if "rate_limit" in changes:
        errors |= rate_problem(changes["rate_limit"])
    if "events" in changes and changes["events"] != hook.events:
        errors |= find_events_problem(changes["events"], known=hook.events)
    if "resources" in changes:
        errors |= find_resources_problem(hook.organization, changes["resources"])
    # Nobody is left of whom it told: as it stands it may stay, so that a hook that was read can be put back.
    if "notify" in changes and changes["notify"] != Notify.of(hook):
        errors |= notify_problem(hook.organization, changes["notify"])
    return errors


def name_problem(name: str) -> dict[str, str]:
    if not name.strip():
        return {"name": gettext("Give the hook a name.")}
    if len(name) > 100 or not is_visible(name):
        return {"name": gettext("A name has at most 100 characters, all of them visible.")}
    return {}


def rate_problem(limit: RateLimit | None) -> dict[str, str]:
    if limit and not (0.01 <= limit.per_second <= 1000 and 1 <= limit.burst <= 1000):
        return {"rate_limit": gettext("Give 0.01 to 1000 deliveries per second, and a burst of 1 to 1000.")}
    return {}


def find_events_problem(names: Sequence[str] | None, known: Sequence[str] | None = None) -> dict[str, str]:
    """None is every event. Names that the hook had already are kept, even if the catalogue has lost them."""
    names, known = names or (), known or ()
    unknown = [
        name for name in names if name not in known and not catalogue.is_offered(name) and name not in catalogue.GROUPS
    ]
    if unknown:
        text = gettext("Unknown event type or group: %(names)s.") % {"names": ", ".join(map(str, unknown[:5]))}
        return {"events": text}
    return {"events": _describe_limit()} if len(names) > _MOST else {}


def find_resources_problem(organization: Organization, resources: Sequence[UUID] | None) -> dict[str, str]:
    """None is no restriction."""
    if resources is None:
        return {}
    if len(resources) > _MOST:
        return {"resources": _describe_limit()}
    found = Resource.objects.filter(organization=organization).for_ids(*resources).count()
    if found != len({each.public_id if isinstance(each, PublicId) else str(each) for each in resources}):
        return {"resources": gettext("An application or add-on is unknown here.")}
    return {}


def _describe_limit() -> str:
    return gettext("At most %(number)s can be chosen.") % {"number": _MOST}


def notify_problem(organization: Organization, notify: Notify) -> dict[str, str]:
    if not (notify.members or notify.roles or notify.users or notify.addresses):
        return {"notify": gettext("Choose who is told: members, roles, single members or addresses.")}
    if max(len(notify.roles), len(notify.users), len(notify.addresses)) > _MOST:
        return {"notify": gettext("At most %(number)s of a kind can be chosen.") % {"number": _MOST}}
    unknown = set(notify.roles) - set(Role.values)
    if unknown:
        return {"notify": gettext("Unknown role: %(names)s.") % {"names": ", ".join(sorted(unknown))}}
    members = organization.memberships.filter(user__in=notify.users).count()
    if members != len(set(notify.users)):
        return {"notify": gettext("A chosen user is not a member.")}
    for address in notify.addresses:
        try:
            normalize(address)
        except BadMailAddress as error:
            return {"notify": str(error)}
    return {}
