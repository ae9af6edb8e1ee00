"""The Test button, with real receivers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from events.models import Event
from hooks.models import Delivery, Hook, Lane, PumpHeartbeat
from notifications_project.accounts.models import Organization, User
from tests.conftest import Receiver
from tests.hooks.pages import ClientOf, Record, Webhook
from tests.pages import get, read

pytestmark = pytest.mark.django_db(transaction=True)


def press_test(client: Client, home: str, hook: Hook, event_type: str = "job.fail") -> str:
    """Press the button; return the path of the result."""
    answer = client.post(f"{home}/hooks/{hook.public_id}/test/", {"event_type": event_type})
    assert answer.status_code == 302, read(answer)
    return str(answer.headers["Location"])


def test_a_test_shows_waiting_then_request_and_answer(
    home: str, webhook: Webhook, receiver: Receiver, dave: User, client_of: ClientOf, pump: Callable[[], None]
) -> None:
    receiver.status, receiver.body = 200, "thanks"
    client = client_of(dave)
    result = press_test(client, home, webhook(events=["job.fail"]))
    waiting = get(client, result)
    assert "Waiting" in waiting
    assert 'hx-trigger="every 500ms"' in waiting
    assert '<noscript><meta http-equiv="refresh"' in waiting

    pump()

    settled = get(client, result)
    assert "webhook-signature" in settled
    assert "thanks" in settled
    assert "hx-trigger" not in settled
    assert "http-equiv" not in settled
    assert len(receiver.requests) == 1


def test_htmx_gets_only_the_result(home: str, webhook: Webhook, dave: User, client_of: ClientOf) -> None:
    client = client_of(dave)
    result = press_test(client, home, webhook())
    html = read(client.get(result, headers={"HX-Request": "true"}))
    assert html.lstrip().startswith("<section")
    assert "<html" not in html


def test_without_a_mail_server_the_page_of_a_test_says_so(
    home: str, acme: Organization, dave: User, client_of: ClientOf, settings: LazySettings
) -> None:
    settings.MAIL_CONFIGURED = False
    client = client_of(dave)
    html = get(client, press_test(client, home, Hook.objects.existing().get(organization=acme)))
    assert "waits for a mail server (EMAIL_URL)" in html
    assert "a worker picks it up" not in html
    assert "Waits for a mail server (EMAIL_URL)" in get(client, f"{home}/deliveries/")


def test_without_a_worker_the_page_says_so_and_what_to_do(
    home: str, webhook: Webhook, dave: User, client_of: ClientOf
) -> None:
    PumpHeartbeat.objects.all().delete()
    client = client_of(dave)
    result = press_test(client, home, webhook())
    assert "No worker is running" not in get(client, result)
    assert "a worker picks it up" in get(client, result)
    some_time_ago = timezone.now() - timedelta(minutes=1)
    Lane.objects.update(work_due_at=some_time_ago, next_at=some_time_ago)
    Event.objects.update(recorded_at=some_time_ago)
    html = get(client, result)
    assert "manage.py worker" in html
    assert "a worker picks it up" not in html
    assert "No worker is running: what is due waits." in html
    for path in ("deliveries/", "events/", f"deliveries/{Delivery.objects.get().public_id}/"):
        page = get(client, f"{home}/{path}")
        assert "No worker is running: what is due waits." in page
        assert "To be sent now" not in page
    assert "Waits for a worker" in page


def test_a_failed_test_says_what_to_check(
    home: str, webhook: Webhook, receiver: Receiver, dave: User, client_of: ClientOf, pump: Callable[[], None]
) -> None:
    receiver.status = 404
    client = client_of(dave)
    result = press_test(client, home, webhook())
    pump()
    html = get(client, result)
    assert "Not delivered" in html
    assert "check its path" in html


def test_an_unknown_type_is_refused_at_the_field(home: str, webhook: Webhook, dave: User, client_of: ClientOf) -> None:
    answer = client_of(dave).post(f"{home}/hooks/{webhook().public_id}/test/", {"event_type": "no.such"})
    assert 'id="event_type_error"' in read(answer)
    assert not Delivery.objects.exists()


def test_the_type_offered_first_is_one_that_the_hook_asks_for(
    home: str, webhook: Webhook, dave: User, client_of: ClientOf
) -> None:
    html = get(client_of(dave), f"{home}/hooks/{webhook(events=['credits']).public_id}/test/")
    assert re.search(r'value="credits.added" selected', html)


def test_one_click_tests_a_stopped_hook_and_success_puts_it_to_work_again(
    home: str,
    webhook: Webhook,
    record: Record,
    receiver: Receiver,
    dave: User,
    client_of: ClientOf,
    pump: Callable[[], None],
) -> None:
    receiver.status = 410
    hook = webhook(name="Ops room", events=["git.push"])
    record("git.push")
    pump()
    client = client_of(dave)
    html = get(client, f"{home}/notifications/webhooks/")
    assert "Test and re-enable" in html
    assert f'<form method="post" action="{home}/hooks/{hook.public_id}/test/"' in html
    assert "Ops room was disabled." in get(client, f"{home}/hooks/{hook.public_id}/test/")

    result = press_test(client, home, hook, "")
    assert "If the test succeeds, it is enabled again." in get(client, result)
    pump()
    assert "Ops room stays disabled" in get(client, result)

    receiver.status = 204
    result = press_test(client, home, hook, "")
    pump()
    assert "Ops room is enabled again. What waited is sent now." in get(client, result)
    assert Delivery.objects.filter(hook=hook, event__is_test=True, event__type="git.push").count() == 2
    assert Delivery.objects.get(hook=hook, event__is_test=False).state == "delivered"
    assert "Test and re-enable" not in get(client, f"{home}/notifications/webhooks/")
    result = press_test(client, home, hook)
    pump()
    assert "to work again" not in get(client, result)


def test_an_accountant_cannot_test(home: str, webhook: Webhook, anna: User, client_of: ClientOf) -> None:
    hook = webhook()
    assert client_of(anna).get(f"{home}/hooks/{hook.public_id}/test/").status_code == 403
    answer = client_of(anna).post(f"{home}/hooks/{hook.public_id}/test/", {"event_type": "job.fail"})
    assert answer.status_code == 403
    assert not Delivery.objects.exists()


def test_another_delivery_is_no_result_of_a_test(
    home: str, webhook: Webhook, record: Record, dave: User, client_of: ClientOf, pump: Callable[[], None]
) -> None:
    hook = webhook()
    record("job.fail")
    pump()
    real = Delivery.objects.get(hook=hook)
    assert client_of(dave).get(f"{home}/hooks/{hook.public_id}/test/?delivery={real.public_id}").status_code == 404
    assert client_of(dave).get(f"{home}/hooks/{hook.public_id}/test/?delivery=nonsense").status_code == 404
