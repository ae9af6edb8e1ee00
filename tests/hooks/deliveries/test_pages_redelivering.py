"""Resending from the pages about deliveries, with real receivers."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.utils import timezone

from hooks.models import Delivery, Endpoint
from hooks.routing import router
from notifications_project.accounts.models import User
from tests.conftest import Receiver
from tests.hooks.pages import ClientOf, Record, Webhook
from tests.pages import get, read

pytestmark = pytest.mark.django_db(transaction=True)


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
    assert "Nothing was selected" in read(client.post(again, follow=True))
    Endpoint.objects.filter(hook=hook).update(disabled_at=timezone.now())
    ticked = {"delivery": [Delivery.objects.get(hook=hook).public_id]}
    assert "1 delivery was not sent again. Its hook is disabled." in read(client.post(again, ticked, follow=True))
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
    assert "The hook was deleted" in read(answer)
    assert len(receiver.requests) == 1


def test_signing_in_may_return_to_where_something_is_sent_again_and_nothing_is_sent(
    home: str, webhook: Webhook, record: Record, dave: User, client_of: ClientOf
) -> None:
    webhook()
    record("job.fail")
    router.route()
    delivery = Delivery.objects.get(hook__kind="webhook")
    before = list(Delivery.objects.order_by("pk").values())
    client = client_of(dave)
    one = f"{home}/deliveries/{delivery.public_id}/"
    assert client.get(f"{one}redeliver/").headers.get("Location") == one
    assert client.get(f"{home}/deliveries/redeliver/?state=failed").headers.get("Location") == (
        f"{home}/deliveries/?state=failed"
    )
    assert list(Delivery.objects.order_by("pk").values()) == before
