"""Suppressed e-mail addresses: no mail is sent to them, as the mail server or a provider refused them for good."""

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
    """Permit mail to a suppressed address again and release its held mails; False if it was not suppressed."""
    # Lock the organization: routing reads which addresses are stopped, and changes of rules edit waiting deliveries.
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
    """Stop mail to an address in every organization; return in how many it was not stopped before.

    All organizations send with the provider's one account, so its refusal holds for each of them.
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
