"""Locks on organizations, the first in the order that `hooks.locking` writes down.

Routing, and every change of an organization's members, rules and settings, locks its row first: they take turns. The
locks are FOR NO KEY UPDATE, so that rows which refer to the organization can be inserted meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q, QuerySet

from notifications_project.accounts.models import Membership, Organization


def lock_organization(organization: UUID) -> Organization:
    """Lock one organization and read it anew. Raises Organization.DoesNotExist."""
    return Organization.objects.select_for_update(no_key=True).get(pk=organization)


def lock_idle_organization(organization: UUID) -> Organization | None:
    """Lock one organization unless somebody else has it."""
    return Organization.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=organization).first()


def lock_organizations(organizations: QuerySet[Organization]) -> list[Organization]:
    """Lock several organizations, by their ids."""
    return list(organizations.select_for_update(no_key=True, of=("self",)).order_by("pk"))


def lock_organizations_of(users: Collection[UUID], *more: UUID) -> list[Organization]:
    """Lock all organizations of some users, the personal spaces among them, and some more."""
    owners = Membership.objects.filter(user__in=users).values("organization")
    return lock_organizations(Organization.objects.filter(Q(pk__in=owners) | Q(pk__in=more)))
