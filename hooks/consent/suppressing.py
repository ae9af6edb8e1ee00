"""E-mail addresses that mail is no longer tried at: because the mail server refuses them, or a provider says so."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Lower

from hooks.endpoints import health
from hooks.models import Endpoint
from hooks.queue import pending
from hooks.queue.wakeup import wake
from notifications_project.accounts import audit
from notifications_project.accounts.models import Organization, User
from notifications_project.isolation import isolated
from notifications_project.mail.addresses import comparable


@transaction.atomic
def try_again(endpoint: Endpoint, actor: User) -> bool:
    """Have mail to an address tried again, what waited for it first; whether it was stopped."""
    # Routing reads what is stopped, and rules change what waits: each in turn.
    Organization.objects.select_for_update(no_key=True).get(pk=endpoint.organization_id)
    current = Endpoint.objects.select_for_update(no_key=True).defer("secrets").get(pk=endpoint.pk)
    if current.disabled_at is None:
        return False
    pending.reactivate(current)
    audit.record(current.organization, actor, "address.tried_again", current.address)
    wake()
    return True


@transaction.atomic
def stop_everywhere(address: str, why: str) -> int:
    """Stop mail to an address in every organization that tells it; in how many it was not stopped before.

    A provider says so of the account that all organizations send with, and would not send there for another either.
    """
    known = Endpoint.objects.filter(kind=Endpoint.Kind.EMAIL, disabled_at__isnull=True)
    here = known.annotate(lower=Lower("address")).filter(lower=comparable(address)).values_list("pk", flat=True)
    rows = Endpoint.objects.select_for_update(no_key=True, of=("self",)).select_related("organization")
    endpoints = list(rows.filter(pk__in=list(here), disabled_at__isnull=True).defer("secrets").order_by("pk"))
    stopped = 0
    for endpoint in endpoints:
        with isolated(f"mail to address {endpoint.pk} cannot be stopped"), transaction.atomic():
            health.stop_mail(endpoint, why)
            stopped += 1
    return stopped
