"""Suppressed e-mail addresses: no mail is sent to them, as the mail server or a provider refused them for good."""

from __future__ import annotations

from django.db import transaction

from hooks.endpoints import health
from hooks.locking import lock_endpoint, lock_endpoints, lock_organization
from hooks.models import Endpoint
from hooks.queue import pending
from hooks.queue.wakeup import wake
from notifications_project.accounts import audit
from notifications_project.accounts.models import User
from notifications_project.isolation import isolate
from notifications_project.mail.addresses import make_comparable


@transaction.atomic
def try_again(endpoint: Endpoint, actor: User) -> bool:
    """Permit mail to a suppressed address again and release its held mails; False if it was not suppressed."""
    lock_organization(endpoint.organization_id)
    current = lock_endpoint(endpoint.pk)
    if current.disabled_at is None:
        return False
    pending.reactivate(current)
    audit.record(current.organization, actor, "address.tried_again", current.address)
    wake()
    return True


@transaction.atomic
def stop_everywhere(address: str, why: str) -> int:
    """Stop mail to an address in every organization; return in how many it was not stopped before.

    All organizations send with the provider's one account, so its refusal holds for each of them.
    """
    known = Endpoint.objects.for_addresses([make_comparable(address)]).filter(disabled_at__isnull=True)
    endpoints = lock_endpoints(known.select_related("organization").without_secrets())
    stopped = 0
    for endpoint in endpoints:
        with isolate(f"mail to address {endpoint.pk} cannot be stopped"), transaction.atomic():
            health.stop_mail(endpoint, why)
            stopped += 1
    return stopped
