"""Applications and add-ons are added, renamed, archived; each change is one transaction with its audit entry."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from events.models import Resource
from notifications_project.accounts import audit
from notifications_project.accounts.models import Organization, User
from notifications_project.spelling import is_visible, normalize_text

LONGEST_NAME = 100


class ResourceError(Exception):
    """A change that cannot be made; the message says why, for people."""


def clean_name(name: str) -> str:
    """Return the name in the form NFC, without spaces around it. Raises ResourceError."""
    name = normalize_text(name)
    if not name:
        raise ResourceError(gettext("Give it a name."))
    if len(name) > LONGEST_NAME:
        raise ResourceError(gettext("A name has at most %(number)s characters.") % {"number": LONGEST_NAME})
    if not is_visible(name):
        raise ResourceError(gettext("A name has no control characters, and none that cannot be seen."))
    return name


@transaction.atomic
def create(*, organization: Organization, kind: str, name: str, actor: User | None) -> Resource:
    """Create a resource. Raises ResourceError if there is no such kind, or the name cannot be used or is taken."""
    if kind not in Resource.Kind.values:
        raise ResourceError(f"The kind is one of {' or '.join(Resource.Kind.values)}.")
    resource, created = Resource.objects.get_or_create(organization=organization, kind=kind, name=clean_name(name))
    if not created:
        raise ResourceError(_refuse_taken(resource))
    audit.record(organization, actor, f"{kind}.added", resource.name)
    return resource


@transaction.atomic
def rename(resource: Resource, *, name: str, actor: User) -> Resource:
    """Rename a resource. Raises ResourceError if the name cannot be used or is taken."""
    name, before = clean_name(name), resource.name
    if name == before:
        return resource
    try:
        with transaction.atomic():
            Resource.objects.filter(pk=resource.pk).update(name=name)
    except IntegrityError:
        holder = Resource.objects.get(organization=resource.organization_id, kind=resource.kind, name=name)
        raise ResourceError(_refuse_taken(holder)) from None
    resource.name = name
    audit.record(resource.organization, actor, f"{resource.kind}.renamed", before, after=name)
    return resource


@transaction.atomic
def archive(resource: Resource, *, actor: User) -> Resource:
    """Archive a resource: it leaves the lists of choices, its history stays."""
    now = timezone.now()
    if Resource.objects.filter(pk=resource.pk, archived_at=None).update(archived_at=now):
        audit.record(resource.organization, actor, f"{resource.kind}.archived", resource.name)
        resource.archived_at = now
    return resource


@transaction.atomic
def restore(resource: Resource, *, actor: User) -> Resource:
    if Resource.objects.filter(pk=resource.pk, archived_at__isnull=False).update(archived_at=None):
        audit.record(resource.organization, actor, f"{resource.kind}.restored", resource.name)
        resource.archived_at = None
    return resource


def _refuse_taken(holder: Resource) -> str:
    if holder.kind == Resource.Kind.APPLICATION:
        if holder.archived_at:
            return gettext("An application was archived under this name: restore it, or choose another name.")
        return gettext("An application has this name already.")
    if holder.archived_at:
        return gettext("An add-on was archived under this name: restore it, or choose another name.")
    return gettext("An add-on has this name already.")
