"""The pages that show deliveries: the list with its filters, and one with all its attempts."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from events.models import Event
from hooks.models import Delivery
from hooks.routing import router
from notifications_project.accounts.models import Organization, User
from tests.conftest import Receiver
from tests.hooks.conftest import Mailbox
from tests.hooks.pages import ClientOf, Record, Webhook
from tests.pages import get

pytestmark = pytest.mark.django_db(transaction=True)


def acme_id(event: Event) -> str:
    return event.organization.public_id.removeprefix("orga_")


def test_without_deliveries_the_list_says_what_to_do(home: str, anna: User, client_of: ClientOf) -> None:
    assert "Nothing has been sent yet" in get(client_of(anna), f"{home}/deliveries/")


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
    router.route()
    delivery = Delivery.objects.get(endpoint__address="anna@people.example")
    page = f"{home}/deliveries/{delivery.public_id}/"
    waiting = get(client_of(anna), page)
    assert "Request" not in waiting
    assert "<h2>Event</h2>" in waiting
    pump()
    sent = get(client_of(anna), page)
    assert "Request" not in sent
    assert "Deployment succeeded" in sent.split("<h2>Text</h2>")[1]


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
