"""Finding what an address names, inside one organization."""

from __future__ import annotations

from uuid import UUID

from django.shortcuts import get_object_or_404

from hooks.models import Delivery, Hook
from hooks.presentation import delivery_lists
from notifications_project.accounts.access import OrganizationRequest
from notifications_project.accounts.models import Organization
from notifications_project.accounts.roles import Permission, allows


def find_hook(organization: Organization, pk: UUID) -> Hook:
    """A hook that exists, with its endpoint and lane. Raises Http404."""
    existing = Hook.objects.existing().select_related("organization", "endpoint__lane").defer("endpoint__secrets")
    return get_object_or_404(existing, organization=organization, pk=pk)


def find_delivery(organization: Organization, pk: UUID) -> Delivery:
    """Return a delivery with its event, endpoint, lane and hook. Raises Http404."""
    loaded = Delivery.objects.select_related("organization", "event__resource", "endpoint", "hook")
    found = delivery_lists.load_back_off(loaded).defer("endpoint__secrets")
    return get_object_or_404(found, organization=organization, pk=pk)


def has_permission(request: OrganizationRequest, permission: Permission) -> bool:
    """Return True if the viewer of an organization's page has a permission there."""
    return allows(request.membership.role, permission)
