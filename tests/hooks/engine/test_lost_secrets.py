"""Secrets that no key in ENCRYPTION_KEYS decrypts: everything else works, and a rotation heals."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from standardwebhooks import Webhook

from events.models import Event
from hooks import clock
from hooks.channels import cards, services
from hooks.manage import rules
from hooks.models import Delivery, Endpoint, Hook, Lane
from notifications_project.accounts.models import Organization, User
from notifications_project.encryption import CannotDecrypt
from notifications_project.inbox import signature
from tests.conftest import Api, Receiver
from tests.hooks.conftest import Mailbox
from tests.pages import get, read

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
ClientOf = Callable[[User], Client]
Make = Callable[..., Hook]
Record = Callable[..., Event]
Run = Callable[[], None]


def lose_the_key(settings: LazySettings) -> None:
    settings.ENCRYPTION_KEYS = ["another key, of which nothing here was made"]


def stored(endpoint: Endpoint | None) -> str:
    """Return the encrypted secrets in the database."""
    assert endpoint
    with connection.cursor() as cursor:
        pk = endpoint.pk if connection.vendor == "postgresql" else endpoint.pk.hex
        cursor.execute("SELECT secrets FROM hooks_endpoint WHERE id = %s", [pk])
        return str(cursor.fetchone()[0])


@pytest.fixture
def lost(webhook: Make, record: Record, pump: Run, settings: LazySettings) -> Hook:
    """Create a hook with a lost secret, an earlier delivery, and one that waits because of the loss."""
    hook = webhook(name="Ops room", events=["git.push"])
    record("git.push")
    pump()
    lose_the_key(settings)
    record("git.push")
    pump()
    return hook


@pytest.fixture
def home(lost: Hook) -> str:
    return f"/organizations/{lost.organization.public_id}"


def test_every_page_and_list_opens(
    home: str, lost: Hook, alice: User, client_of: ClientOf, api: Callable[..., Api]
) -> None:
    client, program = client_of(alice), api(alice)
    delivered = Delivery.objects.get(state="delivered")
    pages = [
        "notifications/emails/", "notifications/webhooks/", "deliveries/", f"deliveries/?hook={lost.public_id}",
        f"deliveries/{delivered.public_id}/", f"events/{delivered.event.public_id}/", "events/", "audit/", "members/",
        *(f"hooks/{lost.public_id}/{page}" for page in ("", "delete/", "secret/", "test/")),
    ]  # fmt: skip
    for page in pages:
        get(client, f"{home}/{page}")
    lists = ["hooks/", f"hooks/{lost.public_id}/", "deliveries/", f"deliveries/{delivered.public_id}/"]
    for path in lists:
        assert program.get(f"/api/v1{home}/{path}").status_code == 200, path


@pytest.mark.parametrize("page", ["", "test/"])
def test_the_page_of_the_hook_says_what_is_wrong_and_what_helps(
    page: str, home: str, lost: Hook, alice: User, dave: User, client_of: ClientOf
) -> None:
    html = get(client_of(alice), f"{home}/hooks/{lost.public_id}/{page}")
    assert "cannot be read" in html
    assert "Enter the URL again" in html
    assert "Rotating makes a new secret" in html
    assert "rotate-secret/" in html
    assert html.count("ENCRYPTION_KEYS") == 1
    test_button = f'href="{home}/hooks/{lost.public_id}/test/"'
    assert test_button not in html
    if page:
        assert "rotate-secret/" not in get(client_of(dave), f"{home}/hooks/{lost.public_id}/{page}")
    rules.rotate_secret(lost, None)
    assert "The URL of" in get(client_of(alice), f"{home}/hooks/{lost.public_id}/{page}")
    rules.update_hook(lost, None, url="http://127.0.0.1:9/")
    html = get(client_of(alice), f"{home}/hooks/{lost.public_id}/{page}")
    assert "cannot be read" not in html
    assert page or test_button in html


@pytest.mark.parametrize("by", ["page", "API"])
def test_a_new_secret_and_the_url_given_again_heal_and_what_waited_goes_out(
    by: str, home: str, lost: Hook, alice: User, client_of: ClientOf, api: Callable[..., Api],
    pump: Run, receiver: Receiver,
) -> None:  # fmt: skip
    if by == "API":
        answer = api(alice).post(f"/api/v1{home}/hooks/{lost.public_id}/rotate-secret/")
        secret = answer.json()["secret"]
    else:
        client = client_of(alice)
        html = read(client.post(f"{home}/hooks/{lost.public_id}/rotate-secret/", follow=True))
        assert "The old secret could not be read" in html
        secret = Endpoint.objects.get(hook=lost).secrets["signing"][0]["key"]
        assert secret in html
    assert Endpoint.objects.get(hook=lost).secrets == {"signing": [{"key": secret, "until": None}]}
    pump()
    assert len(receiver.requests) == 1, "nobody knows where it leads"
    change = api(alice).patch(f"/api/v1{home}/hooks/{lost.public_id}/", {"url": receiver.url})
    assert change.status_code == 200
    pump()
    after = receiver.requests[1]
    Webhook(secret).verify(after.data, dict(after.headers))
    assert not lost.deliveries.exclude(state="delivered").exists()
    entry = lost.organization.audit_entries.get(action="hook.secret_rotated")
    assert "no key" in entry.detail["replaced"]
    assert "no key in ENCRYPTION_KEYS reads" in get(client_of(alice), f"{home}/audit/")


def test_lists_say_so_and_promise_nothing(
    home: str, lost: Hook, alice: User, client_of: ClientOf, api: Callable[..., Api]
) -> None:
    program = api(alice)
    [hook] = program.get(f"/api/v1{home}/hooks/").json()["results"]
    assert (hook["state"], hook["health"]["secret_lost"]) == ("secret_lost", True)
    waiting = Delivery.objects.get(state="pending")
    read = program.get(f"/api/v1{home}/deliveries/{waiting.public_id}/").json()
    assert read["next_try_at"] is None
    assert "no key in ENCRYPTION_KEYS reads" in read["explanation"]
    for page in ("notifications/webhooks/", "deliveries/", f"deliveries/{waiting.public_id}/"):
        html = get(client_of(alice), f"{home}/{page}")
        assert "no key in ENCRYPTION_KEYS reads" in html.replace("No key", "no key"), page
        assert "To be sent now" not in html, page
    rules.rotate_secret(lost, None)
    assert program.get(f"/api/v1{home}/hooks/").json()["results"][0]["state"] == "secret_lost", "and so is the URL"
    rules.update_hook(Hook.objects.get(pk=lost.pk), None, url="http://127.0.0.1:9/")
    assert program.get(f"/api/v1{home}/hooks/").json()["results"][0]["state"] == "unused"


def test_the_list_promises_no_try_and_offers_what_helps(
    home: str, lost: Hook, alice: User, client_of: ClientOf
) -> None:
    html = get(client_of(alice), f"{home}/notifications/webhooks/")
    assert "next try" not in html
    assert "Test now" not in html
    assert "Make a new secret" in html


def test_a_channel_says_so_too(alice: User, settings: LazySettings, receiver: Receiver) -> None:
    channel, _ = services.set_up(alice, "webhook", url=receiver.url, options={})
    lose_the_key(settings)
    channel.refresh_from_db()
    assert cards.build_card(channel, clock.now()).state.word == "Secret lost"


def test_a_failing_channel_offers_what_can_work(
    alice: User, settings: LazySettings, receiver: Receiver, client_of: ClientOf
) -> None:
    channel, _ = services.set_up(alice, "webhook", url=receiver.url, options={})
    Endpoint.objects.filter(channel=channel).update(failing_since=clock.now(), last_answer="500")
    page = "/account/notifications/channels/"
    assert "Test now" in get(client_of(alice), page)
    lose_the_key(settings)
    html = get(client_of(alice), page)
    assert "Test now" not in html
    assert "Enter the URL again" in html
    Endpoint.objects.filter(channel=channel).update(format="slack")
    html = get(client_of(alice), page)
    assert "Test now" not in html
    assert "Enter the URL again" in html


def test_the_log_has_one_line_whatever_the_number_of_lanes_and_looks(
    webhook: Make, record: Record, pump: Run, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    webhook(events=["git.push"])
    webhook(name="Another", events=["git.push"])
    lose_the_key(settings)
    record("git.push")
    for _ in range(2):
        pump()
        Lane.objects.update(not_before=None, next_at=clock.now(), work_due_at=clock.now())
    [line] = [each for each in caplog.records if "ENCRYPTION_KEYS" in each.getMessage()]
    assert line.exc_info is None
    assert "Traceback" not in caplog.text
    settings.ENCRYPTION_KEYS = ["a third set of keys, which reads nothing either"]
    pump()
    assert len([each for each in caplog.records if "ENCRYPTION_KEYS" in each.getMessage()]) == 2


def keys_used(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    with contextlib.suppress(SystemExit):
        call_command("encryption_keys", "--json", *arguments, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def told(answer: dict[str, Any]) -> tuple[list[int], int, int]:
    return [key["rows"] for key in answer["keys"]], answer["unreadable"], answer["rewritten"]


def test_the_command_calls_keys_as_the_operator_does(db: None, settings: LazySettings) -> None:
    settings.SECRET_KEY_FALLBACKS = ["the one before"]
    derived = [f"from the secret key: {key}" for key in (settings.SECRET_KEY, "the one before", "first")]
    settings.ENCRYPTION_KEYS = ["first", *derived]
    assert [key["name"] for key in keys_used()["keys"]] == [
        "number 1 of ENCRYPTION_KEYS", "SECRET_KEY", "number 1 of SECRET_KEY_FALLBACKS",
        "number 1 of ENCRYPTION_KEYS, as a secret key",
    ]  # fmt: skip


def test_the_command_counts_what_each_key_is_needed_for_and_frees_the_old_ones(
    webhook: Make, settings: LazySettings
) -> None:
    old, new, lost = (
        settings.ENCRYPTION_KEYS[0],
        "a new key of at least 32 characters",
        "a key that is soon dropped, 32",
    )
    hook = webhook()
    settings.ENCRYPTION_KEYS = [lost]
    webhook(name="Lost")
    settings.ENCRYPTION_KEYS = [new, old]
    webhook(name="New")
    assert told(keys_used()) == ([1, 1], 1, 0)
    assert told(keys_used("--rewrite")) == ([2, 0], 1, 1)
    assert told(keys_used("--rewrite")) == ([2, 0], 1, 0)
    settings.ENCRYPTION_KEYS = [new]
    assert Endpoint.objects.get(hook=hook).secrets["signing"][0]["key"].startswith("whsec_")
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("encryption_keys", stdout=out)
    assert ended.value.code == 1
    assert out.getvalue().splitlines()[:2] == [
        "key 1, number 1 of ENCRYPTION_KEYS: 2 rows (encrypts)",
        "no key: 1 rows cannot be read; put their key back, or make new secrets",
    ]


def test_rotating_what_can_be_read_says_nothing_of_it(acme: Organization, webhook: Make) -> None:
    rules.rotate_secret(webhook(), None)
    assert acme.audit_entries.get(action="hook.secret_rotated").detail == {}


def test_it_can_be_tested_changed_and_deleted(
    home: str, lost: Hook, alice: User, client_of: ClientOf, api: Callable[..., Api], receiver: Receiver, pump: Run
) -> None:
    client, program, kept = client_of(alice), api(alice), stored(lost.endpoint)
    page, resource = f"{home}/hooks/{lost.public_id}/", f"/api/v1{home}/hooks/{lost.public_id}/"
    result = client.post(f"{page}test/", {"event_type": "git.push"}).headers["Location"]
    assert "cannot be read" in get(client, result)
    assert program.post(f"{resource}test/").status_code == 202
    shown = program.get(resource).json()["url"]
    assert shown.startswith("http://127.0.0.1")
    assert shown.endswith("/••••••")
    typed = {"name": "Renamed", "url": shown, "format": "raw", "events": ["git.push"], "enabled": "on"}
    assert client.post(page, typed).status_code == 302
    assert program.patch(resource, {"name": "Again"}).json()["name"] == "Again"
    for switch in ("pause/", "resume/", "disable/", "enable/"):
        assert client.post(f"{page}{switch}").status_code == 302
    assert stored(lost.endpoint) == kept, "the operator may put the key back"
    assert client.post(f"{page}delete/").status_code == 302
    assert not Hook.objects.existing().filter(pk=lost.pk).exists()


def test_what_is_not_signed_is_healed_by_its_url_alone(
    webhook: Make, settings: LazySettings, record: Record, pump: Run, receiver: Receiver
) -> None:
    hook = webhook(name="Chat", format="slack")
    lose_the_key(settings)
    record("git.push")
    pump()
    assert receiver.requests == []
    rules.update_hook(Hook.objects.get(pk=hook.pk), None, url=receiver.url)
    pump()
    assert len(receiver.requests) == 1
    assert not hook.deliveries.exclude(state="delivered").exists()


def test_a_new_url_alone_does_not_sign_with_what_the_receiver_does_not_know(
    lost: Hook, pump: Run, receiver: Receiver
) -> None:
    rules.update_hook(Hook.objects.get(pk=lost.pk), None, url=receiver.url)
    pump()
    assert len(receiver.requests) == 1
    rules.rotate_secret(lost, None)
    pump()
    assert len(receiver.requests) == 2


def test_a_key_that_is_put_back_reads_it_again(webhook: Make, settings: LazySettings) -> None:
    keys, lost = settings.ENCRYPTION_KEYS, webhook()
    lose_the_key(settings)
    endpoint = Endpoint.objects.get(hook=lost)
    with pytest.raises(CannotDecrypt):
        endpoint.secrets.get("signing")
    endpoint.last_answer = "Saved whole"
    endpoint.save()
    settings.ENCRYPTION_KEYS = keys
    assert Endpoint.objects.get(hook=lost).secrets["signing"][0]["key"].startswith("whsec_")


def test_mail_needs_no_key(
    acme: Organization, record: Record, pump: Run, mailbox: Mailbox, alice: User, settings: LazySettings
) -> None:
    rules.create_email_hook(organization=acme, actor=None, name="All", notify=rules.Notify(members=True))
    record("git.push")
    pump()
    lose_the_key(settings)
    record("git.push")
    pump()
    assert mailbox.told == [alice.email] * 2


def test_the_inbox_judges_without_it(lost: Hook, receiver: Receiver) -> None:
    key = base64.b64encode(b"k" * 32).decode()
    sent = dict.fromkeys(signature.HEADERS, key)
    assert signature.judge(b"{}", sent, {receiver.url}).signature == signature.Signature.UNKNOWN
