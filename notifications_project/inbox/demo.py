"""The demo's people, organization and resources, which a newcomer finds; no event is invented."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from knox.crypto import hash_token

from events.models import Resource
from notifications_project.accounts.models import ApiToken, Membership, Organization, User
from notifications_project.accounts.organizations import add_member, create_organization, create_user
from notifications_project.accounts.roles import Role
from notifications_project.inbox.models import Box

ORGANIZATION = "Analytical Engines"
MEMBERS = {
    "grace@example.com": ("Grace", Role.MANAGER),
    "alan@example.com": ("Alan", Role.DEVELOPER),
    "joan@example.com": ("Joan", Role.ACCOUNTING),
}
RESOURCES = (
    (Resource.Kind.APPLICATION, "shop"),
    (Resource.Kind.APPLICATION, "blog"),
    (Resource.Kind.ADDON, "shop-db"),
)
TOKEN_FILE = "token"  # noqa: S105  (a file's name)


@dataclass(frozen=True)
class Demo:
    """The data of the demo that `manage.py up` prints; `password` is empty once somebody has changed it."""

    email: str
    password: str
    organization: Organization
    token: str


def prepare() -> Demo:
    """Make the demo's missing rows; rows that were changed or deleted since the first start stay so."""
    with transaction.atomic():
        user = User.objects.filter(email__iexact=settings.DEMO_EMAIL).first()
        if user is None:
            user = create_user(email=settings.DEMO_EMAIL, password=settings.DEMO_PASSWORD, name="Ada")
        organization = _find_organization(user) or _make_organization(user)
        Box.objects.get_or_create(name="demo")
        token = _get_or_create_token(user, organization, settings.DEMO_DIR / TOKEN_FILE)
    password = settings.DEMO_PASSWORD if user.check_password(settings.DEMO_PASSWORD) else ""
    return Demo(user.email, password, organization, token)


def _find_organization(user: User) -> Organization | None:
    memberships = Membership.objects.filter(user=user, organization__kind=Organization.Kind.TEAM)
    first = memberships.select_related("organization").order_by("organization__created_at").first()
    return first.organization if first else None


def _make_organization(admin: User) -> Organization:
    organization = create_organization(name=ORGANIZATION, admin=admin)
    for email, (name, role) in MEMBERS.items():
        if not User.objects.filter(email__iexact=email).exists():
            create_user(email=email, password=settings.DEMO_PASSWORD, name=name)
        add_member(organization=organization, email=email, role=role, actor=admin)
    for kind, name in RESOURCES:
        Resource.objects.create(organization=organization, kind=kind, name=name)
    return organization


def _get_or_create_token(user: User, organization: Organization, file: Path) -> str:
    """Return the token in `file` while it works, so that the printed `curl` stays the same; else a new one."""
    known = file.read_text().strip() if file.exists() else ""
    kept = ApiToken.objects.filter(digest=hash_token(known), organization=organization).first() if known else None
    if kept is not None and not kept.is_expired:
        return known
    _, token = ApiToken.objects.create(user, expiry=None, name="Demo", organization=organization)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(f"{token}\n")
    return str(token)
