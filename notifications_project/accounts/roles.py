"""Roles and their permissions; pages and API both use this table."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    ADMIN = "admin", _("Administrator")
    MANAGER = "manager", _("Manager")
    DEVELOPER = "developer", _("Developer")
    ACCOUNTING = "accounting", _("Accounting")


class Permission(models.TextChoices):
    READ = "read", _("see everything in the organization")
    RECORD_EVENTS = "record_events", _("record events")
    RECORD_ACCESS_EVENTS = "record_access_events", _("record events about access, accounts and organizations")
    TEST_HOOKS = "test_hooks", _("test hooks and send deliveries again")
    MANAGE_HOOKS = "manage_hooks", _("manage hooks")
    MANAGE_RESOURCES = "manage_resources", _("manage applications and add-ons")
    MANAGE_MEMBERS = "manage_members", _("manage members")


_DEVELOPER = {Permission.READ, Permission.RECORD_EVENTS, Permission.TEST_HOOKS, Permission.MANAGE_RESOURCES}
_MANAGER = _DEVELOPER | {Permission.MANAGE_HOOKS}

PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.ADMIN: frozenset(_MANAGER | {Permission.MANAGE_MEMBERS, Permission.RECORD_ACCESS_EVENTS}),
    Role.MANAGER: frozenset(_MANAGER),
    Role.DEVELOPER: frozenset(_DEVELOPER),
    Role.ACCOUNTING: frozenset({Permission.READ}),
}


def allows(role: str, permission: Permission) -> bool:
    return permission in PERMISSIONS.get(role, frozenset())


def list_roles_with(permission: Permission) -> str:
    """Return the roles with a permission in words, such as "Administrator, Manager"."""
    return ", ".join(str(role.label) for role in Role if allows(role, permission))


def name_roles_with(permission: Permission) -> str:
    """Return the roles with a permission as the English of the API has them, such as "administrators and managers"."""
    names = [f"{role.label.lower()}s" for role in Role if allows(role, permission)]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
