"""Unsubscribing an address from a hook's mail, and undoing that, by its owner or an administrator.

The address's pending deliveries are cancelled if only that hook asked for them; the others stay.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from hooks.locking import lock_organization
from hooks.models import Endpoint, Hook, Unsubscription
from hooks.queue import pending
from hooks.remarks import Remark, RemarkCode
from notifications_project.accounts import audit
from notifications_project.accounts.models import User


def find_existing_hooks(endpoint: Endpoint, hooks: Collection[UUID]) -> list[Hook]:
    """Return the given hooks that still exist in the organization of the address, by name."""
    found = Hook.objects.existing().filter(organization=endpoint.organization_id, kind=Hook.Kind.EMAIL, pk__in=hooks)
    return list(found.order_by("name", "pk"))


@transaction.atomic
def unsubscribe(endpoint: Endpoint, hooks: Collection[UUID], by: User | str) -> list[Hook]:
    """Stop mail from these hooks to an address; return the hooks for which that is new.

    `by` is a user, or the address itself if its owner followed the link in a mail.
    """
    lock_organization(endpoint.organization_id)
    left = []
    for hook in find_existing_hooks(endpoint, hooks):
        _, new = Unsubscription.objects.get_or_create(hook=hook, endpoint=endpoint)
        if new:
            pending.cancel_for_hook(hook, Remark(RemarkCode.UNSUBSCRIBED), only_to=endpoint)
            audit.record(endpoint.organization, by, "hook.unsubscribed", hook.name, **_describe(endpoint, by))
            left.append(hook)
    return left


@transaction.atomic
def resubscribe(endpoint: Endpoint, hooks: Collection[UUID], by: User | str) -> list[Hook]:
    """Permit mail from these hooks again; return those for which that is new. Cancelled deliveries stay so."""
    lock_organization(endpoint.organization_id)
    back = []
    for hook in find_existing_hooks(endpoint, hooks):
        deleted, _ = Unsubscription.objects.filter(hook=hook, endpoint=endpoint).delete()
        if deleted:
            audit.record(endpoint.organization, by, "hook.resubscribed", hook.name, **_describe(endpoint, by))
            back.append(hook)
    return back


def _describe(endpoint: Endpoint, by: User | str) -> dict[str, str]:
    return {} if by == endpoint.address else {"address": endpoint.address}
