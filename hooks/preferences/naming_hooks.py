"""The e-mail hooks that name one user, of all organizations at once: in a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from events import catalogue
from hooks.models import Endpoint, Hook, Unsubscription
from notifications_project.accounts.models import Membership, User


@dataclass(frozen=True, slots=True)
class Naming:
    """A hook that names the user. `resources`: those it is restricted to. If `unsubscribed`, it tells nothing."""

    name: str
    types: frozenset[str]
    restricted: bool = False
    resources: frozenset[UUID] = frozenset()
    unsubscribed: bool = False


def find_naming_hooks(user: User, memberships: Sequence[Membership]) -> dict[UUID, list[Naming]]:
    """Return the enabled e-mail hooks that name the user, by organization; `memberships` are the user's."""
    roles = {each.organization_id: each.role for each in memberships}
    mails = Hook.objects.existing().filter(organization__in=roles, kind=Hook.Kind.EMAIL, enabled=True)
    by_name = set(mails.filter(notify_users=user).values_list("pk", flat=True))
    lower = user.email.lower()
    named = [
        hook
        for hook in mails.order_by("created_at", "pk")
        if hook.notify_members
        or roles[hook.organization_id] in hook.notify_roles
        or hook.pk in by_name
        or lower in map(str.lower, hook.notify_addresses)
    ]
    addresses = Endpoint.objects.for_addresses([lower]).filter(organization__in=roles)
    left = Unsubscription.objects.filter(hook__organization__in=roles, endpoint__in=addresses)
    unsubscribed = set(left.values_list("hook_id", flat=True))
    resources = _find_resources([hook.pk for hook in named if hook.restricted])
    found: dict[UUID, list[Naming]] = defaultdict(list)
    for hook in named:
        types = catalogue.expand(hook.events)
        chosen = frozenset(resources[hook.pk])
        found[hook.organization_id].append(Naming(hook.name, types, hook.restricted, chosen, hook.pk in unsubscribed))
    return found


def _find_resources(hooks: Sequence[UUID]) -> dict[UUID, set[UUID]]:
    found: dict[UUID, set[UUID]] = defaultdict(set)
    if hooks:
        chosen = Hook.objects.filter(pk__in=hooks, resources__isnull=False)
        for hook, resource in chosen.values_list("pk", "resources"):
            found[hook].add(resource)
    return found
