"""Helpers of the tests of confirmations: a hook that names strangers, and the link in their mail."""

from __future__ import annotations

import re
from datetime import timedelta

from django.db.models import F

from hooks.manage import rules
from hooks.models import Delivery, Endpoint, Hook
from hooks.routing import router
from notifications_project.accounts.models import Organization
from tests.hooks.conftest import Mailbox

OPS = "ops@example.org"


def naming(acme: Organization, *addresses: str, **fields: object) -> Hook:
    notify = rules.Notify(addresses=addresses or (OPS,))
    fields = {"name": "Ops", "events": ["git.push"], **fields}
    return rules.create_email_hook(organization=acme, actor=None, notify=notify, **fields)  # type: ignore[arg-type]


def told() -> set[str]:
    router.route()
    return set(Delivery.objects.values_list("endpoint__address", flat=True))


def endpoint() -> Endpoint:
    return Endpoint.objects.get(address__iexact=OPS)


def link_in(mailbox: Mailbox) -> str:
    [mail] = mailbox.mails
    found = re.search(r"http://localhost:8000(/confirm/[\w:.-]+/)", mail.get_body(("plain",)).get_content())
    assert found
    assert found[1] in mail.get_body(("html",)).get_content()
    return found[1]


def earlier(**by: int) -> None:
    """Move the sending of the mail back by so much time."""
    Endpoint.objects.update(asked_at=F("asked_at") - timedelta(**by))
