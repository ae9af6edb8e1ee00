"""The pages that show deliveries, and the Test button, with real receivers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from events.models import Event
from hooks import matching
from hooks.models import Delivery, Endpoint, Hook, Lane, Pump
from notifications_project.accounts.models import Organization, User
from tests.conftest import Receiver
from tests.hooks.conftest import Mailbox
from tests.pages import get

ClientOf = Callable[[User], Client]
Webhook = Callable[..., Hook]
Record = Callable[..., Event]


@pytest.fixture
def home(transactional_db: None, acme: Organization) -> str:
    return f"/organizations/{acme.public_id}"


def press_test(client: Client, home: str, hook: Hook, event_type: str = "job.fail") -> str:
    """Press the button; gives the address of the result."""
    answer = client.post(f"{home}/hooks/{hook.public_id}/test/", {"event_type": event_type})
    assert answer.status_code == 302, answer.content.decode()
    return str(answer.headers["Location"])


# --- The Test button -----------------------------------------------------------------------------------------
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
    html = client.get(result, headers={"HX-Request": "true"}).content.decode()
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
    Pump.objects.all().delete()
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
    assert 'id="event_type_error"' in answer.content.decode()
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
    assert "Ops room was stopped." in get(client, f"{home}/hooks/{hook.public_id}/test/")

    result = press_test(client, home, hook, "")
    assert "If the test succeeds, it is put to work again." in get(client, result)
    pump()
    assert "Ops room stays stopped" in get(client, result)

    receiver.status = 204
    result = press_test(client, home, hook, "")
    pump()
    assert "Ops room has been put to work again: what waited goes out now." in get(client, result)
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


# --- Deliveries ----------------------------------------------------------------------------------------------
def test_without_deliveries_the_list_says_what_to_do(home: str, anna: User, client_of: ClientOf) -> None:
    assert "Nothing was sent yet" in get(client_of(anna), f"{home}/deliveries/")


def test_the_list_is_filtered_by_state_and_hook(
    home: str, webhook: Webhook, record: Record, anna: User, client_of: ClientOf, pump: Callable[[], None]
) -> None:
    good, paused = webhook(name="Good", events=["job.fail"]), webhook(name="Held", events=["job.fail"], paused=True)
    record("job.fail")
    pump()
    client = client_of(anna)

    def shown(query: str) -> set[str]:
        html = get(client, f"{home}/deliveries/?{query}")
        ids = set(re.findall(r"deliveries/(dlv_[0-9a-f-]+)/", html))
        return {d.hook.name for d in Delivery.objects.filter(hook__isnull=False) if d.hook and d.public_id in ids}

    assert shown("") == {"Good", "Held"}
    assert shown("state=delivered") == {"Good"}
    assert shown("state=pending") == {"Held"}
    assert shown(f"hook={paused.public_id}") == {"Held"}
    assert shown(f"hook={good.public_id}&state=failed") == set()
    assert shown("state=zzz") == set()
    assert "There is no state “zzz”." in get(client, f"{home}/deliveries/?state=zzz")


def test_the_list_is_filtered_by_event(
    home: str, webhook: Webhook, record: Record, anna: User, client_of: ClientOf, pump: Callable[[], None]
) -> None:
    for name in ("One", "Two"):
        webhook(name=name, events=["git.push"])
    first, second = record("git.push"), record("git.push")
    pump()
    client = client_of(anna)
    html = get(client, f"{home}/deliveries/?event={first.public_id}")
    shown = set(re.findall(r"deliveries/(dlv_[0-9a-f-]+)/", html))
    assert shown == {each.public_id for each in first.deliveries.all()}
    assert f"/events/{first.public_id}/" in html
    assert f'name="event" value="{first.public_id}"' in html, "choosing a hook keeps the event"
    for wrong in ("evt_1", second.public_id[:-1], f"evt_{acme_id(second)}"):
        assert client.get(f"{home}/deliveries/?event={wrong}").status_code == 404


def acme_id(event: Event) -> str:
    return event.organization.public_id.removeprefix("orga_")


def test_the_page_of_an_event_leads_to_all_its_deliveries(
    home: str,
    webhook: Webhook,
    record: Record,
    anna: User,
    client_of: ClientOf,
    pump: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hooks.templatetags.told._MOST", 1)
    for name in ("One", "Two"):
        webhook(name=name, events=["git.push"])
    event = record("git.push")
    pump()
    html = get(client_of(anna), f"{home}/events/{event.public_id}/")
    assert f"/deliveries/?event={event.public_id}" in html


def test_the_list_is_paged_newest_first(
    home: str,
    webhook: Webhook,
    record: Record,
    anna: User,
    client_of: ClientOf,
    no_default_mail: None,
    pump: Callable[[], None],
) -> None:
    webhook(events=["git.push"], paused=True)
    for _ in range(52):
        record("git.push")
    pump()
    client = client_of(anna)
    first = get(client, f"{home}/deliveries/")
    seen = re.findall(r'href="[^"]*deliveries/(dlv_[0-9a-f-]+)/"', first)
    assert len(seen) == 50
    older = re.search(r'href="(\?before=dlv_[^"]+)"', first)
    assert older
    rest = re.findall(r'href="[^"]*deliveries/(dlv_[0-9a-f-]+)/"', get(client, f"{home}/deliveries/{older[1]}"))
    assert len(rest) == 2
    assert seen + rest == sorted(seen + rest, reverse=True)


@pytest.mark.parametrize("query", ["before=x", "before=dlv_1", "hook=hook_"])
def test_a_broken_address_is_not_found(query: str, home: str, anna: User, client_of: ClientOf) -> None:
    assert client_of(anna).get(f"{home}/deliveries/?{query}").status_code == 404


def test_a_delivery_tells_every_attempt_and_why_it_exists(
    home: str,
    webhook: Webhook,
    record: Record,
    receiver: Receiver,
    mary: User,
    anna: User,
    client_of: ClientOf,
    pump: Callable[[], None],
) -> None:
    receiver.status, receiver.body, receiver.headers = 503, '{"error": "maintenance"}', {"Retry-After": "2700"}
    hook = webhook(name="Ops room", events=["process.down"], url=f"{receiver.url}?token=t0p")
    record("process.down", process_name="nginx")
    pump()
    delivery = Delivery.objects.get(hook=hook)
    page = f"{home}/deliveries/{delivery.public_id}/"

    html = get(client_of(mary), page)
    assert "Process is down, to Ops room" in html
    assert "Told because the hook “Ops room” asks for it." in html
    assert "attempt 2 of 10" in html
    assert "{\n  &quot;error&quot;: &quot;maintenance&quot;\n}" in html, "JSON is indented"
    assert "127.0.0.1:" in html.split("<wbr>")[1]
    assert "retry-after: 2700" in html.lower()
    assert "nginx" in html
    assert "curl -X POST" in html
    assert "t0p" in html

    for_anna = get(client_of(anna), page)
    assert "t0p" not in for_anna
    assert "curl -X POST" not in for_anna
    assert "/redeliver/" not in for_anna


def test_an_answer_that_is_nested_beyond_all_reason_is_shown_as_it_is(
    home: str,
    webhook: Webhook,
    record: Record,
    receiver: Receiver,
    anna: User,
    client_of: ClientOf,
    pump: Callable[[], None],
) -> None:
    receiver.status, receiver.body = 200, "[" * 4000
    hook = webhook(events=["git.push"])
    record("git.push")
    pump()
    delivery = Delivery.objects.get(hook=hook)
    assert "[[[[" in get(client_of(anna), f"{home}/deliveries/{delivery.public_id}/")


def test_an_email_that_was_not_written_yet_is_not_called_a_request(
    home: str, record: Record, anna: User, client_of: ClientOf, mailbox: Mailbox, pump: Callable[[], None]
) -> None:
    record("stack.redeploy.ok", git_branch="main")
    matching.route()
    delivery = Delivery.objects.get(endpoint__address="anna@people.example")
    page = f"{home}/deliveries/{delivery.public_id}/"
    waiting = get(client_of(anna), page)
    assert "Request" not in waiting
    assert "<h2>Event</h2>" in waiting
    pump()
    sent = get(client_of(anna), page)
    assert "Request" not in sent
    assert "Stack redeployed" in sent.split("<h2>Text</h2>")[1]


def test_a_delivery_of_another_organization_is_not_found(
    home: str, webhook: Webhook, record: Record, olga: User, client_of: ClientOf, pump: Callable[[], None]
) -> None:
    webhook(events=["git.push"])
    record("git.push")
    pump()
    delivery = Delivery.objects.get(event__type="git.push")
    other = Organization.objects.get(name="Other")
    client = client_of(olga)
    assert client.get(f"{home}/deliveries/{delivery.public_id}/").status_code == 404
    assert client.get(f"/organizations/{other.public_id}/deliveries/{delivery.public_id}/").status_code == 404
    assert client.post(f"{home}/deliveries/{delivery.public_id}/redeliver/").status_code == 404


def test_a_developer_redelivers_with_the_same_id(
    home: str,
    webhook: Webhook,
    record: Record,
    receiver: Receiver,
    dave: User,
    anna: User,
    client_of: ClientOf,
    pump: Callable[[], None],
) -> None:
    webhook(events=["git.push"])
    record("git.push")
    pump()
    delivery = Delivery.objects.get(event__type="git.push")
    page = f"{home}/deliveries/{delivery.public_id}/"
    assert client_of(anna).post(f"{page}redeliver/").status_code == 403
    client = client_of(dave)
    assert "Redeliver" in get(client, page)
    client.post(f"{page}redeliver/")
    pump()
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery.public_id
    assert first.data == second.data


def test_what_waits_is_tried_now_and_what_is_settled_is_redelivered(
    home: str,
    webhook: Webhook,
    record: Record,
    receiver: Receiver,
    dave: User,
    client_of: ClientOf,
    pump: Callable[[], None],
) -> None:
    receiver.status = 503
    webhook(events=["git.push"])
    record("git.push")
    pump()
    page = f"{home}/deliveries/{Delivery.objects.get(event__type='git.push').public_id}/"
    client = client_of(dave)
    assert "Retry now" in get(client, page)
    receiver.status = 204
    client.post(f"{page}redeliver/")
    pump()
    assert "Delivered at attempt 2" in get(client, f"{home}/deliveries/")
    assert "Redeliver" in get(client, page)


def test_what_was_ticked_is_sent_again_and_the_list_stays_as_it_was_filtered(
    home: str,
    webhook: Webhook,
    record: Record,
    receiver: Receiver,
    dave: User,
    anna: User,
    client_of: ClientOf,
    pump: Callable[[], None],
) -> None:
    receiver.status = 422
    hook = webhook(events=["git.push"])
    for _ in range(3):
        record("git.push")
    pump()
    filtered = f"?state=failed&hook={hook.public_id}"
    assert 'type="checkbox"' not in get(client_of(anna), f"{home}/deliveries/{filtered}")
    client = client_of(dave)
    html = get(client, f"{home}/deliveries/{filtered}")
    action = re.search(r'action="([^"]*/deliveries/redeliver/[^"]*)"', html)
    ticked = re.findall(r'name="delivery" value="(dlv_[^"]+)"', html)[:2]
    assert action
    receiver.status = 204
    answer = client.post(action[1].replace("&amp;", "&"), {"delivery": ticked})
    assert answer.headers["Location"] == f"{home}/deliveries/{filtered}"
    assert "2 deliveries are on the way." in get(client, answer.headers["Location"])
    pump()
    assert sorted(Delivery.objects.filter(hook=hook).values_list("state", flat=True)) == [
        "delivered",
        "delivered",
        "failed",
    ]
    assert client_of(anna).post(f"{home}/deliveries/redeliver/", {"delivery": ticked}).status_code == 403


def test_nothing_ticked_or_nowhere_to_send_to_is_said(
    home: str, webhook: Webhook, record: Record, mary: User, client_of: ClientOf, pump: Callable[[], None]
) -> None:
    hook = webhook(events=["git.push"])
    record("git.push")
    pump()
    client = client_of(mary)
    again = f"{home}/deliveries/redeliver/"
    assert "Nothing was selected" in client.post(again, follow=True).content.decode()
    Endpoint.objects.filter(hook=hook).update(disabled_at=timezone.now())
    ticked = {"delivery": [Delivery.objects.get(hook=hook).public_id]}
    assert (
        "1 delivery was not sent again. Its address was stopped."
        in client.post(again, ticked, follow=True).content.decode()
    )
    assert client.post(again, {"delivery": ["nonsense"]}).status_code == 404


def test_what_went_to_a_deleted_hook_cannot_be_sent_again(
    home: str,
    webhook: Webhook,
    record: Record,
    receiver: Receiver,
    mary: User,
    client_of: ClientOf,
    pump: Callable[[], None],
) -> None:
    hook = webhook(events=["git.push"])
    record("git.push")
    pump()
    delivery = Delivery.objects.get(event__type="git.push")
    client = client_of(mary)
    client.post(f"{home}/hooks/{hook.public_id}/delete/")
    page = f"{home}/deliveries/{delivery.public_id}/"
    html = get(client, page)
    assert "(deleted)" in html
    assert "/redeliver/" not in html
    answer = client.post(f"{page}redeliver/", follow=True)
    assert "The hook was deleted" in answer.content.decode()
    assert len(receiver.requests) == 1


def test_signing_in_may_return_to_where_something_is_sent_again_and_nothing_is_sent(
    home: str, webhook: Webhook, record: Record, dave: User, client_of: ClientOf
) -> None:
    webhook()
    record("job.fail")
    matching.route()
    delivery = Delivery.objects.get(hook__kind="webhook")
    before = list(Delivery.objects.order_by("pk").values())
    client = client_of(dave)
    one = f"{home}/deliveries/{delivery.public_id}/"
    assert client.get(f"{one}redeliver/").headers.get("Location") == one
    assert client.get(f"{home}/deliveries/redeliver/?state=failed").headers.get("Location") == (
        f"{home}/deliveries/?state=failed"
    )
    assert list(Delivery.objects.order_by("pk").values()) == before
