"""Confirmations: one mail asks an address of no member whether it wants notifications.

`Endpoint.ask_at` says when the mail is due; it is written in the transaction of the rule that names the address. A task
sends the mail soon after the commit. The sweep each minute sends the mails that a crash or an absent relay left over.
A task claims the row before it sends, so that two workers never send one mail twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django_q.tasks import async_task

from hooks import clock, mail_links
from hooks.audience import recipients
from hooks.endpoints import health, lookup
from hooks.formats.mail import find_domain
from hooks.locking import lock_endpoint, lock_organization
from hooks.messages import Answer, Message, Transport, Verdict
from hooks.models import Endpoint, Hook
from hooks.queue import wakeup
from hooks.queue.outcomes import FAILING_DISABLED_AFTER, judge
from hooks.transports import smtp
from hooks.transports.mail_connections import open_connection
from hooks.wording import mailing
from notifications_project.accounts import audit, quotas
from notifications_project.accounts.models import Organization, User
from notifications_project.isolation import isolate

logger = logging.getLogger(__name__)

CONFIRMATIONS = "confirmations by organization"
_TASK = "hooks.tasks.ask_addresses"
_AT_ONCE = 100  # mails in one task
_BUDGET = 20.0  # seconds after which a task begins no further mail
_TAKEN_FOR = timedelta(minutes=2)  # longer than a task runs: otherwise a second task could send the mail too
_LATER = timedelta(minutes=15)  # until the retry after a refusal that is not about the address


def ask_addresses(hook: Hook) -> None:
    """Request confirmations from the addresses of an e-mail hook that belong to no member and were never asked."""
    unsure = recipients.find_unconfirmed(hook.organization, hook.notify_addresses)
    if lookup.request_confirmations(hook.organization, unsure):
        _send_soon()


@transaction.atomic
def ask_again(organization: Organization, address: str, actor: User) -> bool:
    """Schedule another mail to an address; False if one was sent a moment ago or the address need not confirm."""
    lock_organization(organization.pk)
    if not recipients.find_unconfirmed(organization, [address]):
        return False
    endpoint = lookup.get_or_create_mail_endpoint(organization, address)
    now = clock.now()
    if endpoint.ask_at or (endpoint.asked_at and now - endpoint.asked_at < recipients.ASK_AGAIN_AFTER):
        return False
    Endpoint.objects.filter(pk=endpoint.pk).update(ask_at=now)
    audit.record(organization, actor, "address.asked_again", endpoint.address)
    _send_soon()
    return True


@transaction.atomic
def confirm(endpoint: Endpoint) -> bool:
    """Record that an address wants mail from the hooks that name it; False if it was confirmed before."""
    waits = Endpoint.objects.filter(pk=endpoint.pk, confirmed_at__isnull=True)
    if not waits.update(confirmed_at=clock.now(), ask_at=None):
        return False
    audit.record(endpoint.organization, endpoint.address, "address.confirmed", endpoint.address)
    return True


def find_naming_hooks(endpoint: Endpoint) -> list[Hook]:
    """Return the e-mail hooks that name the address itself, by name."""
    lower = endpoint.address.lower()
    hooks = Hook.objects.existing().filter(organization=endpoint.organization_id, kind=Hook.Kind.EMAIL)
    typed = hooks.exclude(notify_addresses=[]).order_by("name", "pk")
    return [hook for hook in typed if lower in map(str.lower, hook.notify_addresses)]


# --- Sending -------------------------------------------------------------------------------------------------


def send_due() -> int:
    """Send the confirmation mails that are due, and return how many the mail server accepted.

    Must not run inside a transaction: it would stay open during the network calls.
    """
    if not settings.EMAIL_CONFIRM_ADDRESSES or Transport.SMTP not in wakeup.list_open_transports():
        return 0
    due = Endpoint.objects.filter(ask_at__lte=clock.now()).order_by("ask_at").values_list("pk", flat=True)
    waiting = list(due[:_AT_ONCE])
    if not waiting:
        return 0
    begun, taken = time.monotonic(), 0
    with open_connection() as connection:
        for pk in waiting:
            away = False
            with isolate(f"address {pk} cannot be asked to confirm; it is put aside", partial(_put_aside, pk)):
                answer = _send_one(connection, pk)
                if answer is not None:
                    taken += answer.arrived
                    away = answer.transport_down
            if away or time.monotonic() - begun > _BUDGET:
                break
    return taken


def _send_one(connection: Any, pk: UUID) -> Answer | None:
    """Send the mail to one address and return the answer; None if there is nothing to ask now."""
    endpoint = _take(pk)
    hooks = find_naming_hooks(endpoint) if endpoint else []
    if endpoint is None or not _is_still_wanted(endpoint, hooks):
        return None
    if free_at := _take_quota(endpoint):
        Endpoint.objects.filter(pk=endpoint.pk).update(ask_at=free_at)
        return None
    message = write(endpoint, hooks)
    answer = smtp.post(connection, endpoint.address, message, time.monotonic())
    if not answer.arrived:
        _give_back(endpoint)
    _settle(endpoint, answer)
    return answer


def _take_quota(endpoint: Endpoint) -> datetime | None:
    """Count one unrequested mail against the quotas; return when the next is permitted if one is used up, else None.

    Without the quota of the organization, a new one could mail any number of strangers. Without that of the address,
    many organizations could mail one stranger without end.
    """
    if free_at := quotas.take(CONFIRMATIONS, endpoint.organization_id, settings.MAX_CONFIRMATIONS_PER_DAY):
        return free_at
    address = endpoint.address.lower()
    if free_at := quotas.take(quotas.TO_ADDRESS, address, settings.MAX_UNREQUESTED_PER_ADDRESS):
        quotas.give_back(CONFIRMATIONS, endpoint.organization_id)
        return free_at
    return None


def _give_back(endpoint: Endpoint) -> None:
    """Return a mail that was not sent to the quotas."""
    quotas.give_back(CONFIRMATIONS, endpoint.organization_id)
    quotas.give_back(quotas.TO_ADDRESS, endpoint.address.lower())


def _put_aside(pk: UUID) -> None:
    """Stop asking an address until a person asks again: an unexpected error would happen on every attempt."""
    Endpoint.objects.filter(pk=pk).update(ask_at=None, asked_at=clock.now())


def write(endpoint: Endpoint, hooks: Iterable[Hook]) -> Message:
    """Return the mail that asks an address to confirm, with the names of the hooks."""
    link = mail_links.confirm_url(endpoint.pk)
    words = mailing.build_confirmation(endpoint.organization.name)
    context = {
        "language": words.language,
        "words": words,
        "link": link,
        "hooks": [mailing.clean_hook_name(hook.name) for hook in hooks],
    }
    return Message(
        body=render_to_string("mail/confirm.txt", context).encode(),
        content_type="text/plain",
        headers={
            "Message-ID": f"<confirm.{endpoint.pk}.{int(clock.now().timestamp())}@{find_domain()}>",
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        },
        subject=words.subject,
        html=render_to_string("mail/confirm.html", context),
    )


def _send_soon() -> None:
    transaction.on_commit(_queue, robust=True)


def _queue() -> None:
    try:
        async_task(_TASK)
    except Exception:
        logger.exception("no task could be queued; the next sweep asks the addresses")


def _take(pk: UUID) -> Endpoint | None:
    """Claim an endpoint whose mail is due; None if another task has claimed it."""
    now = clock.now()
    if not Endpoint.objects.filter(pk=pk, ask_at__lte=now).update(ask_at=now + _TAKEN_FOR):
        return None
    return Endpoint.objects.select_related("organization").without_secrets().get(pk=pk)


def _is_still_wanted(endpoint: Endpoint, hooks: list[Hook]) -> bool:
    """Tell whether the address still needs to be asked; if not, clear its schedule."""
    unsure = recipients.find_unconfirmed(endpoint.organization, [endpoint.address])
    if hooks and unsure and not endpoint.disabled_at:
        return True
    Endpoint.objects.filter(pk=endpoint.pk).update(ask_at=None)
    return False


@transaction.atomic
def _settle(endpoint: Endpoint, answer: Answer) -> None:
    """Record the outcome of the mail: sent, refused for good, or to be retried."""
    row = lock_endpoint(endpoint.pk)
    now = clock.now()
    if answer.arrived:
        row.ask_at, row.asked_at, row.failing_since = None, now, None
    elif answer.transport_down:
        row.ask_at = now
    else:
        row.failing_since = row.failing_since or now
        row.ask_at = now + _LATER
        if answer.meaning == Verdict.GONE:
            row.ask_at = None
            health.stop_mail(row, judge(answer, 1).explanation)
        elif now - row.failing_since >= FAILING_DISABLED_AFTER:
            row.ask_at, row.asked_at = None, now  # given up until a person asks again
    row.save(update_fields=["ask_at", "asked_at", "failing_since"])
