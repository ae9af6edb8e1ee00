"""Invitations ask an address to join an organization; its owner becomes a member by accepting.

Until then the owner learns nothing of the organization except the invitation itself. Inviting does the same whether
the address has an account or not, so that it does not reveal who has one.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext

from notifications_project import words
from notifications_project.accounts import audit, outgoing, quotas
from notifications_project.accounts.languages import find_message_language
from notifications_project.accounts.locking import lock_organization
from notifications_project.accounts.models import Invitation, Membership, Organization, User
from notifications_project.accounts.organizations import create_user, refuse_personal
from notifications_project.accounts.roles import Permission, allows
from notifications_project.isolation import isolate
from notifications_project.mail.unlinking import unlink

VALID_FOR = timedelta(days=7)
AGAIN_AFTER = timedelta(minutes=10)  # an invitation is mailed at most once in this time
MOST_RESENT = 5
MOST_OPEN = 200  # open invitations of one organization
KEPT_FOR = timedelta(days=30)  # after an invitation ended
BY_ORGANIZATION, BY_USER = "invitations by organization", "invitations by user"
_AT_ONCE = 200


class InvitationError(Exception):
    """Raised if an invitation cannot be made, sent again or accepted; the message tells people why."""


class QuotaExceeded(InvitationError):
    """Raised if a day's invitations are used up; the next is possible at `free_at`."""

    def __init__(self, message: str, free_at: datetime) -> None:
        super().__init__(message)
        self.free_at = free_at


class AlreadyInvited(InvitationError):
    """Raised if the address has an invitation that can still be accepted."""

    def __init__(self, invitation: Invitation) -> None:
        super().__init__(
            gettext("%(address)s is invited already. You can send that invitation again, or revoke it first.")
            % {"address": invitation.email}
        )
        self.invitation = invitation


# --- By administrators ---------------------------------------------------------------------------------------


@transaction.atomic
def invite(*, organization: Organization, email: str, role: str, actor: User) -> Invitation:
    """Create an invitation and queue its mail. Raises InvitationError and MembershipError."""
    refuse_personal(organization)
    _lock(organization)
    member = organization.memberships.select_related("user").filter(user__email__iexact=email).first()
    if member is not None:
        raise InvitationError(gettext("%(name)s is a member already.") % {"name": member.user})
    open_ones = Invitation.objects.filter(organization=organization).open()
    former = open_ones.of_address(email).first()
    if former is not None and former.state == "pending":
        raise AlreadyInvited(former)
    if open_ones.valid().count() >= MOST_OPEN:
        message = gettext("%(number)s invitations are open. Revoke some of them first.")
        raise InvitationError(message % {"number": MOST_OPEN})
    _count(organization, actor)
    now = timezone.now()
    if former is not None:  # it has expired, and a constraint allows an address one open invitation
        Invitation.objects.filter(pk=former.pk).update(revoked_at=now, mail_due_at=None)
    invitation = Invitation.objects.create(
        organization=organization,
        email=email,
        role=role,
        invited_by=actor,
        created_at=now,
        expires_at=now + VALID_FOR,
    )
    audit.record(organization, actor, "invitation.created", email, role=role)
    _mail(invitation)
    return invitation


@transaction.atomic
def resend(*, invitation: Invitation, actor: User) -> Invitation:
    """Send another mail with a new link, valid for a week; the earlier link ends. Raises InvitationError."""
    _lock(invitation.organization)
    current = _open(invitation)
    now = timezone.now()
    if current.mail_due_at:
        raise InvitationError(gettext("The invitation of %(address)s waits to be sent.") % {"address": current.email})
    if current.sent_at and now - current.sent_at < AGAIN_AFTER:
        raise QuotaExceeded(
            gettext("%(address)s got an invitation a moment ago. Wait ten minutes before you send another one.")
            % {"address": current.email},
            current.sent_at + AGAIN_AFTER,
        )
    if current.resent >= MOST_RESENT:
        message = gettext("%(address)s got this invitation %(number)s times. Revoke it instead.")
        raise InvitationError(message % {"address": current.email, "number": MOST_RESENT + 1})
    _count(current.organization, actor)
    current.resent += 1
    current.expires_at = now + VALID_FOR
    current.invited_by = actor  # who sends it answers for it: see `accept`
    current.save(update_fields=["resent", "expires_at", "invited_by"])
    audit.record(current.organization, actor, "invitation.resent", current.email)
    _mail(current)
    return current


@transaction.atomic
def revoke(*, invitation: Invitation, actor: User) -> None:
    """Revoke an invitation, whose link then opens nothing. Raises InvitationError."""
    _lock(invitation.organization)
    _end(_open(invitation), "revoked_at", actor)


def list_open(organization: Organization) -> QuerySet[Invitation]:
    """Return the open invitations of an organization, newest first, expired ones for another month."""
    since = timezone.now() - KEPT_FOR
    found = Invitation.objects.filter(organization=organization, expires_at__gt=since).open()
    return found.select_related("invited_by", "organization").order_by("-created_at", "pk")


def has_open_by(inviter: Membership) -> bool:
    """Tell whether ending this membership, or its right to invite, would revoke an invitation."""
    sent = Invitation.objects.filter(organization=inviter.organization_id, invited_by=inviter.user_id)
    return sent.open().exists()


# --- By those who are invited --------------------------------------------------------------------------------


def find(token: str) -> Invitation | None:
    """Return the invitation that the token of a link belongs to, in any state; None if there is none."""
    found = Invitation.objects.select_related("organization", "invited_by")
    return found.filter(token_hash=_hash(token)).first()


def list_acceptable(user: User) -> QuerySet[Invitation]:
    """Return the invitations that a user can accept now, newest first."""
    found = Invitation.objects.of_address(user.email).valid()
    return found.select_related("organization", "invited_by").order_by("-created_at", "pk")


@transaction.atomic
def accept(*, invitation: Invitation, user: User) -> Membership:
    """Make the owner of the invited address a member. Raises InvitationError."""
    _lock(invitation.organization)
    current = _open(invitation)
    if current.state == "expired":
        raise InvitationError(gettext("This invitation is too old. Ask for another one."))
    if not user.is_active or user.email.lower() != current.email.lower():
        message = gettext("This invitation is for %(address)s. Sign in with that address to accept it.")
        raise InvitationError(message % {"address": current.email})
    if not _may_still_invite(current):
        message = gettext(
            "The person who sent this invitation no longer manages the members of %(organization)s. "
            "Ask for another one."
        )
        raise InvitationError(message % {"organization": current.organization})
    membership, _ = Membership.objects.get_or_create(
        organization=current.organization, user=user, defaults={"role": current.role}
    )
    _end(current, "accepted_at", user, role=membership.role)
    return membership


@transaction.atomic
def accept_as_new_user(*, invitation: Invitation, password: str, name: str) -> User:
    """Create an account for the invited address, which the link has confirmed, and accept. Raises InvitationError."""
    if User.objects.filter(email__iexact=invitation.email).exists():
        message = gettext("%(address)s has an account here. Sign in to accept the invitation.")
        raise InvitationError(message % {"address": invitation.email})
    user = create_user(email=invitation.email, password=password, name=name)
    accept(invitation=invitation, user=user)
    return user


@transaction.atomic
def decline(*, invitation: Invitation, actor: User | str) -> None:
    """Decline an invitation for the owner of the address. Raises InvitationError."""
    _lock(invitation.organization)
    _end(_open(invitation), "declined_at", actor)


# --- Mails ---------------------------------------------------------------------------------------------------


def mail_due() -> None:
    """Send the mails that waited for a mail server, or until their address may get more mails."""
    if not settings.MAIL_CONFIGURED:
        return
    due = Invitation.objects.filter(mail_due_at__lte=timezone.now()).order_by("mail_due_at")
    for pk in list(due.values_list("pk", flat=True)[:_AT_ONCE]):
        with isolate(f"invitation {pk} cannot be mailed; it is put aside", partial(_put_aside, pk)):
            _mail_waiting(pk)


@transaction.atomic
def _mail_waiting(pk: UUID) -> None:
    waiting = Invitation.objects.select_related("organization", "invited_by").filter(pk=pk)
    found = waiting.first()
    if found is None:
        return
    _lock(found.organization)
    invitation = waiting.valid().filter(mail_due_at__lte=timezone.now()).first()
    if invitation is not None:  # else it has ended meanwhile, or another worker has sent it
        _mail(invitation)
    else:
        waiting.filter(expires_at__lte=timezone.now()).update(mail_due_at=None)


def _put_aside(pk: UUID) -> None:
    Invitation.objects.filter(pk=pk).update(mail_due_at=timezone.now() + quotas.DAY)


def _mail(invitation: Invitation) -> None:
    """Queue the mail with a new link, or postpone it. Call it with the organization locked."""
    now = timezone.now()
    free_at = now
    if settings.MAIL_CONFIGURED:
        free_at = quotas.take(quotas.TO_ADDRESS, invitation.email.lower(), settings.MAX_UNREQUESTED_PER_ADDRESS) or now
    if free_at > now or not settings.MAIL_CONFIGURED:
        invitation.mail_due_at = free_at
        invitation.save(update_fields=["mail_due_at"])
        return
    token = secrets.token_urlsafe(32)
    invitation.token_hash, invitation.sent_at, invitation.mail_due_at = _hash(token), now, None
    invitation.save(update_fields=["token_hash", "sent_at", "mail_due_at"])
    mail = write(invitation, f"{settings.PUBLIC_URL}/invitations/{token}/")
    outgoing.queue_mail(address=invitation.email, **mail, useful_for=invitation.expires_at - now)


def write(invitation: Invitation, link: str) -> dict[str, str]:
    """Write the subject, the text and the HTML of the mail, in the language of its receiver."""
    language = find_message_language(invitation.email)
    with translation.override(language):
        return _write(invitation, link, language)


def _write(invitation: Invitation, link: str, language: str) -> dict[str, str]:
    by = invitation.invited_by
    context = {
        "language": language,
        "organization": unlink(invitation.organization.name),
        "by": unlink(str(by)) if by else "",
        "role": invitation.get_role_display(),
        "link": link,
        "invitation": invitation,
    }
    return {
        "subject": gettext("%(organization)s invites you to its notifications") % context,
        "text": render_to_string("mail/invitation.txt", context),
        "html": render_to_string("mail/invitation.html", context),
    }


# --- Cleaning up ---------------------------------------------------------------------------------------------


def forget_old() -> None:
    """Delete invitations that ended a month ago, a bounded number at once; the audit log keeps its entries."""
    before = timezone.now() - KEPT_FOR
    old = Invitation.objects.filter(expires_at__lt=before).order_by("expires_at").values_list("pk", flat=True)
    Invitation.objects.filter(pk__in=list(old[:_AT_ONCE])).delete()


def _hash(token: str) -> str:
    """Return the stored form of a token. A plain hash is enough, as the token is long and random."""
    return hashlib.sha256(token.encode()).hexdigest()


def _lock(organization: Organization) -> None:
    # Without this lock two requests could invite one address twice, or one request could accept an invitation while
    # another revokes it.
    lock_organization(organization.pk)


def _open(invitation: Invitation) -> Invitation:
    current = Invitation.objects.select_related("organization").get(pk=invitation.pk)
    ended = {
        "accepted": gettext("This invitation was accepted already."),
        "declined": gettext("This invitation was declined."),
        "revoked": gettext("This invitation was revoked. Ask for another one."),
    }
    if current.state in ended:
        raise InvitationError(ended[current.state])
    return current


def _may_still_invite(invitation: Invitation) -> bool:
    """False also for an inviter who was deactivated, or deleted: that ends no membership, so it revokes nothing."""
    inviting = Membership.objects.filter(organization=invitation.organization, user=invitation.invited_by_id)
    role = inviting.filter(user__is_active=True).values_list("role", flat=True).first()
    return role is not None and allows(role, Permission.MANAGE_MEMBERS)


def _end(invitation: Invitation, how: str, actor: User | str, **detail: str) -> None:
    setattr(invitation, how, timezone.now())
    invitation.mail_due_at = None
    invitation.save(update_fields=[how, "mail_due_at"])
    audit.record(invitation.organization, actor, f"invitation.{how.removesuffix('_at')}", invitation.email, **detail)


def _count(organization: Organization, actor: User) -> None:
    """Count a mail of this organization and user. Raises QuotaExceeded, and counts nothing then."""
    most = settings.MAX_INVITATIONS_PER_DAY
    for name, subject in ((BY_ORGANIZATION, organization.pk), (BY_USER, actor.pk)):
        if free_at := quotas.find_free_time(name, subject, most):
            if name == BY_ORGANIZATION:
                message = gettext(
                    "%(organization)s has sent %(number)s invitations in a day, which is the limit. "
                    "The next one is possible at this time: %(time)s."
                )
            else:
                message = gettext(
                    "You have sent %(number)s invitations in a day, which is the limit. "
                    "The next one is possible at this time: %(time)s."
                )
            told = {"organization": organization, "number": most, "time": words.format_exact(free_at)}
            raise QuotaExceeded(message % told, free_at)
    quotas.take(BY_ORGANIZATION, organization.pk, most)
    quotas.take(BY_USER, actor.pk, most)
