"""Changes of a user's e-mail address happen here, in all tables at once.

On the page an address changes when its owner follows the link that was mailed to the new address. Sign-in looks an
address up in the library's table (`EmailAddress`), everything else in `User.email`: `change_email` keeps the two
equal, `User.save` refuses every other change, sign-in requires both to agree, and `find_strayed` finds users whose
two addresses differ after a change by SQL.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Lower
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext

from notifications_project.accounts import audit, outgoing, quotas
from notifications_project.accounts.languages import find_message_language, get_message_language
from notifications_project.accounts.locking import lock_organizations_of
from notifications_project.accounts.models import EmailChange, User
from notifications_project.accounts.signals import email_changed

VALID_FOR = timedelta(days=1)
MOST_PER_DAY = 5  # mails to new addresses that one user can cause
BY_USER = "changes of address by"


class EmailChangeError(Exception):
    """Raised if an address cannot be changed; the message tells people why."""


def request_change(*, user: User, email: str) -> None:
    """Mail a link to the new address; following it makes the change. Raises EmailChangeError.

    The result is the same for the address of another account, whose owner gets a mail that says so: the answer must
    not reveal who has an account.
    """
    if email == user.email:
        raise EmailChangeError(gettext("This is your address already."))
    if not settings.MAIL_CONFIGURED:
        message = gettext("This console cannot send mail yet. The person who runs it can change your address.")
        raise EmailChangeError(message)
    with transaction.atomic():
        _count(user, email)
        token = secrets.token_urlsafe(32)
        EmailChange.objects.update_or_create(
            user=user,
            defaults={"email": email, "token_hash": _hash(token), "expires_at": timezone.now() + VALID_FOR},
        )
        taken = _find_others(user, email).exists()
        language = find_message_language(email) if taken else get_message_language(user)
        _mail(email, language, "change_taken" if taken else "change", f"{settings.PUBLIC_URL}/account/email/{token}/")


def find_change(user: User, token: str) -> EmailChange | None:
    """Return the change that a link is about, None if it is another user's or has expired."""
    own = EmailChange.objects.filter(user=user, token_hash=_hash(token), expires_at__gt=timezone.now())
    return own.select_related("user").first()


@transaction.atomic
def change_email(*, user: User, email: str, actor: User | None) -> None:
    """Change a user's address everywhere. Raises EmailChangeError.

    Sessions and links for a new password end, pending deliveries go to the new address, and both addresses get a mail.
    `email` is in the stored form (`mail.addresses.normalize`), and the user or the operator has confirmed it.
    """
    organizations = lock_organizations_of([user.pk])  # first: routing reads members and addresses under these locks
    current = User.objects.select_for_update().get(pk=user.pk)
    before = current.email
    if email == before and not find_strayed().filter(pk=user.pk).exists():
        raise EmailChangeError(gettext("%(address)s is the address already.") % {"address": email})
    if _find_others(current, email).exists():
        raise EmailChangeError(gettext("Another user has the address %(address)s.") % {"address": email})
    User.objects.filter(pk=user.pk).update(email=email, session_generation=models.F("session_generation") + 1)
    # Without this, links would stay valid: those that confirm the old address name its row, password links hold it.
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=email.lower(), primary=True, verified=True)
    EmailChange.objects.filter(user=user).delete()
    user.refresh_from_db()
    for organization in organizations:
        action = "user.email_changed" if organization.is_personal else "member.email_changed"
        audit.record(organization, actor, action, email, before=before, after=email)
    email_changed.send(User, user=user, before=before)
    for address in dict.fromkeys((before, email)):
        _mail(address, get_message_language(user), "changed", "", before=before, after=email)


def find_strayed() -> QuerySet[User]:
    """Return the users whose address in the sign-in table differs from `User.email`."""
    rows = EmailAddress.objects.filter(user=OuterRef("pk"))
    lower = User.objects.alias(lower=Lower("email"))
    return lower.filter(
        models.Q(Exists(rows.exclude(email=OuterRef("lower")))) | ~Exists(rows.filter(email=OuterRef("lower")))
    )


def _find_others(user: User, email: str) -> QuerySet[User]:
    return User.objects.alias(lower=Lower("email")).filter(lower=email.lower()).exclude(pk=user.pk)


def _count(user: User, email: str) -> None:
    for name, subject, most in (
        (BY_USER, user.pk, MOST_PER_DAY),
        (quotas.TO_ADDRESS, email.lower(), settings.MAX_UNREQUESTED_PER_ADDRESS),
    ):
        if quotas.find_free_time(name, subject, most):
            raise EmailChangeError(gettext("Enough such mails were sent today. Try again tomorrow."))
        quotas.take(name, subject, most)


def _mail(address: str, language: str, name: str, link: str, **context: str) -> None:
    with translation.override(language):
        subjects = {
            "change": gettext("Confirm your new address"),
            "change_taken": gettext("You have an account already"),
            "changed": gettext("The address of your account was changed"),
        }
        text = render_to_string(f"mail/email_{name}.txt", {"link": link, "console": settings.PUBLIC_URL, **context})
        outgoing.queue_mail(address=address, subject=subjects[name], text=text, useful_for=VALID_FOR)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
