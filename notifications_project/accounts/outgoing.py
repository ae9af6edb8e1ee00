"""Mails about accounts: password resets, confirmations of addresses, invitations.

A request only stores the mail; the workers send it (`hooks.engine.account_mails`), however long the mail server takes.
No request waits for a mail server, so its answer takes as long for a known address as for an unknown one.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from notifications_project.accounts.models import AccountMail
from notifications_project.accounts.signals import account_mail_queued


@transaction.atomic
def queue_mail(*, address: str, subject: str, text: str, html: str = "", useful_for: timedelta) -> None:
    """Store a mail for the workers. It is dropped if it cannot be sent within `useful_for`, while its link works.

    Without a mail server nothing is stored, and every page says that there is none.
    """
    if not settings.MAIL_CONFIGURED:
        return
    content = {"address": address, "subject": subject, "text": text, "html": html}
    AccountMail.objects.create(content=content, due_at=Now(), expires_at=Now() + useful_for)
    account_mail_queued.send(AccountMail)
