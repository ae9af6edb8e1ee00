"""Mail through a provider's API (django-anymail): requests, refusals, and later reports."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from anymail.backends.test import EmailBackend
from anymail.exceptions import (
    AnymailAPIError,
    AnymailRecipientsRefused,
    AnymailRequestsAPIError,
    AnymailSerializationError,
)
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from django.conf import LazySettings, settings
from django.core import mail
from django.test import Client
from django.urls import include, path

from events.models import Event
from hooks.consent import bounces
from hooks.endpoints import lookup
from hooks.models import Attempt, Circuit, Delivery, Endpoint
from notifications_project.accounts.models import Organization, User

Record = Callable[..., Event]
Run = Callable[[], None]
SECRET = "name:correct-horse-battery-staple"
urlpatterns = [
    path("anymail/postmark/tracking/", PostmarkTrackingWebhookView.as_view()),
    path("", include("notifications_project.urls")),
]


class Provider(EmailBackend):  # type: ignore[misc]
    """Anymail's backend for tests, with an API that answers `trouble`."""

    trouble: Exception | None = None

    def post_to_esp(self, payload: Any, message: Any) -> Any:
        if Provider.trouble:
            raise Provider.trouble
        return super().post_to_esp(payload, message)


@pytest.fixture
def provider(settings: LazySettings) -> Iterator[type[Provider]]:
    settings.EMAIL_BACKEND = f"{__name__}.Provider"
    Provider.trouble = None
    yield Provider
    Provider.trouble = None


def answered(status: int) -> AnymailRequestsAPIError:
    response = requests.Response()
    response.status_code, response.reason = status, "Said so"
    return AnymailRequestsAPIError("Said so", response=response)


@pytest.mark.django_db(transaction=True)
def test_a_mail_goes_out_with_its_headers(record: Record, alice: User, provider: type[Provider], pump: Run) -> None:
    record("stack.redeploy.ok")
    pump()
    [sent] = mail.outbox
    params = sent.anymail_test_params
    assert [address.addr_spec for address in params["to"]] == [alice.email]
    assert params["extra_headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.outcome) == ("delivered", "Accepted by the mail provider")


@pytest.mark.django_db(transaction=True)
def test_an_address_that_the_provider_refuses_is_stopped(
    record: Record, alice: User, provider: type[Provider], pump: Run
) -> None:
    provider.trouble = AnymailRecipientsRefused()
    record("server.stopped")
    pump()
    assert (Delivery.objects.get().state, Delivery.objects.get().due_at) == ("pending", None)
    assert Endpoint.objects.get(kind="email").disabled_at is not None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("trouble", "state", "tries", "away"),
    [
        (AnymailRequestsAPIError("Cannot connect"), "pending", 0, True),
        (answered(401), "pending", 0, True),
        (answered(403), "pending", 0, True),
        (answered(429), "pending", 1, False),
        (answered(503), "pending", 1, False),
        (answered(422), "failed", 1, False),
        (AnymailSerializationError("An odd header"), "failed", 1, False),
        (AnymailAPIError("Unreadable"), "pending", 0, True),
    ],
)
def test_other_trouble_is_the_provider_s_or_the_message_s(
    trouble: Exception, state: str, tries: int, away: bool, record: Record, alice: User, provider: type[Provider],
    pump: Run,
) -> None:  # fmt: skip
    provider.trouble = trouble
    record("server.stopped")
    pump()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.tries) == (state, tries)
    assert Circuit.objects.filter(failures__gt=0).exists() is away
    assert Endpoint.objects.get(kind="email").disabled_at is None
    assert "Said so" in Attempt.objects.get().explanation or "provider" in Attempt.objects.get().explanation


# --- What is reported later ----------------------------------------------------------------------------------


@pytest.fixture
def reports(settings: LazySettings) -> Iterator[Callable[..., int]]:
    """Return a function that posts a report as Postmark does, and returns the status: `reports(Type="HardBounce")`."""
    from anymail.signals import tracking

    settings.ROOT_URLCONF = __name__
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    bounces.listen()

    def post(secret: str = SECRET, **fields: Any) -> int:
        body = {"RecordType": "Bounce", "MessageID": "1", **fields}
        authorization = f"Basic {base64.b64encode(secret.encode()).decode()}"
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        return client.post(
            "/anymail/postmark/tracking/", json.dumps(body), "application/json", HTTP_AUTHORIZATION=authorization
        ).status_code

    yield post
    tracking.disconnect(dispatch_uid="hooks.consent.bounces")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("report", "words"),
    [
        ({"Type": "HardBounce", "Details": "smtp;550 5.1.1 unknown"}, "Postmark says that mail to it bounces: "),
        ({"Type": "BadEmailAddress", "Details": "No such host"}, "sends nothing to it: invalid: No such host"),
        ({"RecordType": "SpamComplaint", "Type": "SpamComplaint"}, "marked a mail as spam"),
    ],
)
def test_a_bounce_for_good_and_a_complaint_stop_the_address(
    report: dict[str, str], words: str, reports: Callable[..., int], acme: Organization, alice: User
) -> None:
    endpoint = lookup.get_or_create_mail_endpoint(acme, alice.email)
    assert reports(Email=alice.email.upper(), **report) == 200
    endpoint.refresh_from_db()
    assert words in endpoint.disabled_reason
    assert Event.objects.filter(type="hook.disabled").count() == 1
    assert reports(Email=alice.email, **report) == 200  # providers repeat reports
    assert Event.objects.filter(type="hook.disabled").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "report",
    [
        {"Type": "Transient"},
        {"Type": "VirusNotification"},
        {"Type": "Blocked"},
        {"RecordType": "Delivery", "Recipient": "alice@people.example"},
        {"RecordType": "Open", "Recipient": "alice@people.example"},
    ],
)
def test_other_reports_stop_nothing(
    report: dict[str, str], reports: Callable[..., int], acme: Organization, alice: User
) -> None:
    endpoint = lookup.get_or_create_mail_endpoint(acme, alice.email)
    assert reports(**({"Email": alice.email} | report)) == 200
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("reason", "stops"),
    [
        ("bounced", True), ("invalid", True), ("unsubscribed", True), ("spam", True),
        ("blocked", False), ("timed_out", False), ("other", False), (None, False),
    ],
)  # fmt: skip
def test_what_the_provider_rejects_stops_the_address_if_the_address_is_why(
    reason: str | None, stops: bool, reports: Callable[..., int], acme: Organization, alice: User
) -> None:
    from anymail.signals import AnymailTrackingEvent, tracking

    endpoint = lookup.get_or_create_mail_endpoint(acme, alice.email)
    event = AnymailTrackingEvent(event_type="rejected", recipient=alice.email, reject_reason=reason)
    tracking.send(sender=None, event=event, esp_name="Mailgun")
    endpoint.refresh_from_db()
    assert (endpoint.disabled_at is not None) is stops


@pytest.mark.django_db
def test_a_report_without_the_secret_is_refused(reports: Callable[..., int], acme: Organization, alice: User) -> None:
    endpoint = lookup.get_or_create_mail_endpoint(acme, alice.email)
    assert reports("name:wrong", Type="HardBounce", Email=alice.email) == 400
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is None


@pytest.mark.django_db
def test_a_report_about_an_address_that_nobody_knows_is_taken(reports: Callable[..., int]) -> None:
    assert reports(Type="HardBounce", Email="nobody@example.org") == 200
    assert not Endpoint.objects.exists()


# --- The settings --------------------------------------------------------------------------------------------

_LOOK = """
import django; django.setup()
from django.conf import settings
from django.urls import resolve, Resolver404
from anymail.signals import tracking
from django.core.mail import get_connection
def there(path):
    try: return bool(resolve(path))
    except Resolver404: return False
print(type(get_connection(timeout=3)).__module__, settings.MAIL_CONFIGURED, bool(tracking.receivers),
    there("/anymail/mailgun/tracking/"), there("/anymail/mailgun/inbound/"), there("/anymail/postmark/tracking/"))
"""


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        ({}, "anymail.backends.mailgun True True False False False"),
        ({"ANYMAIL_WEBHOOK_SECRET": SECRET}, "anymail.backends.mailgun True True True False False"),
    ],
)
def test_the_environment_chooses_a_provider_and_routes_its_address_alone(more: dict[str, str], seen: str) -> None:
    given = {"EMAIL_PROVIDER": "mailgun", "ANYMAIL_MAILGUN_API_KEY": "key", "EMAIL_URL": "", **more}
    found = subprocess.run(
        [sys.executable, "-c", _LOOK], env=os.environ | given, cwd=settings.BASE_DIR, capture_output=True, text=True
    )
    assert found.stdout.strip() == seen, found.stderr
