"""Boxes receive webhooks over HTTP, verify their signature, and give the chosen answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from standardwebhooks import Webhook

from hooks.channels import services
from hooks.manage import rules
from hooks.models import Hook
from notifications_project.accounts.models import Organization, User
from notifications_project.inbox import receiving, views
from notifications_project.inbox.models import Box, Message

URL = "http://localhost:8000/inbox/demo/"
BODY = json.dumps({"event_type": "process.down", "process_name": "nginx"})
pytestmark = pytest.mark.django_db


@pytest.fixture
def hook_and_secret(acme: Organization, alice: User) -> tuple[Hook, str]:
    return rules.create_webhook(organization=acme, actor=alice, spec=rules.WebhookSpec.of(name="To the Inbox", url=URL))


def signed(secret: str, *, when: datetime | None = None, body: str = BODY) -> dict[str, str]:
    when = when or datetime.now(UTC)
    return {
        "webhook-id": "dlv_1",
        "webhook-timestamp": str(int(when.timestamp())),
        "webhook-signature": Webhook(secret).sign("dlv_1", when, body),
    }


def send(headers: dict[str, str] | None = None, body: str | bytes = BODY, box: str = "demo") -> Message:
    answer = Client().post(f"/inbox/{box}/", body, content_type="application/json", headers=headers or {})
    assert answer.json() == {"received": True}
    return Message.objects.latest("pk")


def test_what_arrives_is_kept_as_it_came() -> None:
    message = send({"X-Anything": "at all"}, "{ not json", box="another")

    assert bytes(message.body) == b"{ not json"
    assert ["X-Anything", "at all"] in message.headers
    assert (message.method, message.status, str(message.box)) == ("POST", 200, "another")


def test_a_message_is_named_by_its_event_type() -> None:
    assert send().title == "process.down"


def test_a_signature_of_somebody_s_own_webhook_verifies(alice: User) -> None:
    _, secret = services.set_up(alice, "webhook", url=URL, options={})
    message = send(signed(secret))

    assert (message.signature, message.signature_reason) == (
        Message.Signature.VERIFIED,
        "It was signed with the secret of the webhook of Alice.",
    )


def test_a_signature_made_with_the_hooks_secret_verifies(hook_and_secret: tuple[Hook, str]) -> None:
    message = send(signed(hook_and_secret[1]))

    assert message.signature == Message.Signature.VERIFIED
    assert "To the Inbox" in message.signature_reason


def test_the_hooks_address_may_lack_the_slash(acme: Organization, alice: User) -> None:
    _, secret = rules.create_webhook(
        organization=acme, actor=alice, spec=rules.WebhookSpec.of(name="No slash", url=URL.rstrip("/"))
    )

    assert send(signed(secret)).signature == Message.Signature.VERIFIED


def test_the_secret_before_a_rotation_still_verifies(hook_and_secret: tuple[Hook, str], alice: User) -> None:
    hook, before = hook_and_secret
    after = rules.rotate_secret(hook, alice)

    assert send(signed(before)).signature == Message.Signature.VERIFIED
    assert send(signed(after)).signature == Message.Signature.VERIFIED


def test_a_changed_body_is_a_wrong_signature(hook_and_secret: tuple[Hook, str]) -> None:
    message = send(signed(hook_and_secret[1]), BODY.replace("nginx", "mysql"))

    assert message.signature == Message.Signature.WRONG
    assert "No matching signature" in message.signature_reason


def test_an_old_signature_is_wrong(hook_and_secret: tuple[Hook, str]) -> None:
    message = send(signed(hook_and_secret[1], when=datetime.now(UTC) - timedelta(minutes=6)))

    assert message.signature == Message.Signature.WRONG
    assert "too old" in message.signature_reason


@pytest.mark.parametrize("signature", ["v1", "v1,%%", "v1,a", "nonsense at all", "v2,AAAA"])
def test_a_malformed_signature_is_wrong(hook_and_secret: tuple[Hook, str], signature: str) -> None:
    headers = signed(hook_and_secret[1]) | {"webhook-signature": signature}

    assert send(headers).signature == Message.Signature.WRONG


def test_bytes_that_are_no_text_are_received(hook_and_secret: tuple[Hook, str]) -> None:
    assert send(signed(hook_and_secret[1]), b"\xff\xfe\x00").signature == Message.Signature.WRONG


def test_a_request_without_signature_is_unsigned(hook_and_secret: tuple[Hook, str]) -> None:
    message = send()

    assert message.signature == Message.Signature.UNSIGNED
    assert "webhook-signature" in message.signature_reason


def test_a_signature_of_a_stranger_is_of_unknown_origin(hook_and_secret: tuple[Hook, str]) -> None:
    assert send(signed(hook_and_secret[1]), box="another").signature == Message.Signature.UNKNOWN


@pytest.mark.parametrize(
    ("answer", "status", "retry_after"),
    [("ok", 200, None), ("error", 500, None), ("busy", 429, "30"), ("gone", 410, None)],
)
def test_a_box_answers_as_it_was_told_to(
    client_of: Callable[[User], Client], alice: User, answer: str, status: int, retry_after: str | None
) -> None:
    Box.objects.create(name="demo")
    client_of(alice).post("/inbox/demo/answer/", {"answer": answer})

    got = Client().post(URL, BODY, content_type="application/json")

    assert got.status_code == status
    assert got.headers.get("Retry-After") == retry_after
    assert "Content-Security-Policy" not in got.headers  # it is no page
    assert Message.objects.get().status == status  # kept, whatever the answer


def test_a_box_can_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(views, "sleep", pauses.append)
    Box.objects.create(name="demo", answer=Box.Answer.SLOW)

    send()

    assert pauses == [20.0]


def test_a_body_over_one_mebibyte_is_refused() -> None:
    assert Client().post(URL, b"x" * (1024 * 1024), content_type="text/plain").status_code == 200
    assert Client().post(URL, b"x" * (1024 * 1024 + 1), content_type="text/plain").status_code == 413
    assert Message.objects.count() == 1


def test_a_put_is_received_and_a_delete_is_not() -> None:
    assert Client().put(URL, BODY, content_type="application/json").status_code == 200
    assert Client().delete(URL).status_code == 405


def test_only_the_newest_messages_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "KEPT", 3)
    for number in range(5):
        send(body=json.dumps({"type": f"number {number}"}))

    titles = Message.objects.order_by("-pk").values_list("title", flat=True)
    assert list(titles) == ["number 4", "number 3", "number 2"]


@pytest.mark.parametrize("body", ["[" * 100_000, '{"type": "\\ud83d"}', '{"type": ["\\udc00"]}'])
def test_a_body_that_is_hardly_json_is_kept_and_shown(
    body: str, client_of: Callable[[User], Client], alice: User
) -> None:
    message = send(body=body)

    assert bytes(message.body) == body.encode()
    page = client_of(alice).get(reverse("inbox:message", args=[message.pk]))
    assert page.status_code == 200
