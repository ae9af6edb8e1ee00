"""Users, organizations and their members are changed here; each change is one transaction with its audit entry."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from notifications_project.accounts import audit
from notifications_project.accounts.locking import lock_organization
from notifications_project.accounts.models import ApiToken, Invitation, Membership, Organization, User
from notifications_project.accounts.roles import Permission, Role, allows
from notifications_project.accounts.signals import member_removed, organization_created
from notifications_project.mail.addresses import normalize_if_valid
from notifications_project.spelling import normalize_text


class MembershipError(Exception):
    """Raised if a change of members cannot be made; the message tells people why."""


@transaction.atomic
def create_organization(*, name: str, admin: User, actor: User | None = None) -> Organization:
    name = normalize_text(name)
    organization = Organization.objects.create(name=name)
    Membership.objects.create(organization=organization, user=admin, role=Role.ADMIN)
    audit.record(organization, actor or admin, "organization.created", name)
    organization_created.send(Organization, organization=organization)
    return organization


@transaction.atomic
def rename_organization(*, organization: Organization, name: str, actor: User) -> Organization:
    before, organization.name = organization.name, normalize_text(name)
    name = organization.name
    if before != name:
        organization.save(update_fields=["name"])
        audit.record(organization, actor, "organization.renamed", before, after=name)
    return organization


@transaction.atomic
def create_user(*, email: str, password: str | None, name: str = "") -> User:
    """Create a user with the personal space that every user has. Raises BadMailAddress."""
    user = User.objects.create_user(email, password, name=name)
    # Verified, as the caller vouches for the address; users who sign up confirm it by mail instead.
    # In lower case, as the library looks an address up: with capitals the user could not sign in.
    EmailAddress.objects.create(user=user, email=user.email.lower(), primary=True, verified=True)
    ensure_personal_space(user)
    return user


@transaction.atomic
def ensure_personal_space(user: User) -> Organization:
    """Return the user's personal space, and make it if it is missing. It has the user's id (docs/architecture.md)."""
    space, created = Organization.objects.get_or_create(
        id=user.id, defaults={"kind": Organization.Kind.PERSONAL, "name": f"{user} (personal)"}
    )
    if created:
        Membership.objects.create(organization=space, user=user, role=Role.ADMIN)
        organization_created.send(Organization, organization=space)
    return space


@transaction.atomic
def add_member(*, organization: Organization, email: str, role: str, actor: User | None) -> Membership:
    """Make an existing user a member. Raises MembershipError."""
    refuse_personal(organization)
    user = User.objects.filter(email__iexact=normalize_if_valid(email), is_active=True).first()
    if user is None:
        message = gettext("Nobody signs in here as %(address)s. Make the user first (create_user), or invite them.")
        raise MembershipError(message % {"address": email})
    membership, created = Membership.objects.get_or_create(
        organization=organization, user=user, defaults={"role": role}
    )
    if not created:
        raise MembershipError(gettext("%(name)s is a member already.") % {"name": user})
    audit.record(organization, actor, "member.added", user.email, role=role)
    return membership


@transaction.atomic
def change_role(*, organization: Organization, user: User, role: str, actor: User) -> Membership:
    """Change the role of a member. Raises MembershipError if no administrator would be left."""
    membership = _lock_membership(organization, user)
    if membership.role != role:
        _keep_an_admin(organization, membership)
        audit.record(organization, actor, "member.role_changed", user.email, before=membership.role, after=role)
        membership.role = role
        membership.save(update_fields=["role"])
        if not allows(role, Permission.MANAGE_MEMBERS):
            _revoke_invitations_by(user, organization, actor)
    return membership


@transaction.atomic
def remove_member(*, organization: Organization, user: User, actor: User) -> None:
    """End a membership, on behalf of an administrator or of the user who leaves. Raises MembershipError."""
    refuse_personal(organization)
    membership = _lock_membership(organization, user)
    _keep_an_admin(organization, membership)
    membership.delete()
    ApiToken.objects.filter(organization=organization, user=user).delete()
    audit.record(organization, actor, "member.left" if actor == user else "member.removed", user.email)
    _revoke_invitations_by(user, organization, actor)
    member_removed.send(Organization, organization=organization, user=user)


def refuse_personal(organization: Organization) -> None:
    """Raise MembershipError for a personal space."""
    if organization.is_personal:
        raise MembershipError(gettext("A personal space has one member. Create an organization to work together."))


def _revoke_invitations_by(inviter: User, organization: Organization, actor: User) -> None:
    """End the open invitations of somebody who may not invite any more. Call it with the organization locked.

    Their links would otherwise let in whom they chose, as administrators too, after they were removed for it.
    """
    for invitation in Invitation.objects.filter(organization=organization, invited_by=inviter).open():
        invitation.revoked_at, invitation.mail_due_at = timezone.now(), None
        invitation.save(update_fields=["revoked_at", "mail_due_at"])
        audit.record(organization, actor, "invitation.revoked", invitation.email, invited_by=inviter.email)


def _lock_membership(organization: Organization, user: User) -> Membership:
    lock_organization(organization.pk)  # without it two administrators who demote each other at once both succeed
    membership = Membership.objects.filter(organization=organization, user=user).first()
    if membership is None:
        raise MembershipError(gettext("%(name)s is not a member.") % {"name": user})
    return membership


def _keep_an_admin(organization: Organization, leaving: Membership) -> None:
    others = Membership.objects.filter(organization=organization, role=Role.ADMIN).exclude(pk=leaving.pk)
    if leaving.role == Role.ADMIN and not others.exists():
        message = gettext("An organization needs an administrator. Give somebody else that role first.")
        raise MembershipError(message)
