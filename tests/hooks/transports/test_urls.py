"""URLs: the stored, the dialled and the requested URL agree."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from django.conf import LazySettings

from hooks.endpoints.validation import InvalidRule
from hooks.formats import FORMATS, list_webhook_formats
from hooks.manage import rules
from hooks.transports import http, outbound
from notifications_project.accounts.models import Organization
from tests.conftest import Receiver
from tests.hooks.transports.test_hostile_receivers import notification

OPTIONS: dict[str, dict[str, str]] = {
    "ntfy": {"topic": "alerts", "token": "tk_1234567890"},
    "hipchat": {"token": "12345678", "room": "Ops", "version": "1"},
    "telegram": {"token": f"1:{'a' * 30}", "chat": "1"},
    "pagerduty": {"routing_key": "a" * 32},
    "flowdock": {"flow_token": "a" * 32},
}


def make(acme: Organization, url: str, format: str = "raw", **options: Any) -> Any:
    return rules.create_webhook(
        organization=acme, actor=None, spec=rules.WebhookSpec.of(name="A hook", url=url, format=format, options=options)
    )[0]


def test_query_and_path_arrive_as_they_were_typed(acme: Organization, receiver: Receiver) -> None:
    http.post(notification(f"{receiver.url}/%2f/100%?sig=Ab%2Bc%2F%3D&note=100%&x=%26"))
    assert receiver.requests[0].environ["RAW_URI"] == "/hook/%2f/100%25?sig=Ab%2Bc%2F%3D&note=100%25&x=%26"


@pytest.mark.parametrize(
    ("userinfo", "pair"),
    [("user:5%E2%82%AC", "user:5€"), ("us%C3%A9r:p%C3%A4ss", "usér:päss"), ("token", "token:"), ("us%C3%A9r", "usér:")],
)
def test_name_and_password_arrive_in_utf_8(receiver: Receiver, userinfo: str, pair: str) -> None:
    answer = http.post(notification(receiver.url.replace("//", f"//{userinfo}@")))
    assert answer.arrived
    sent = receiver.requests[0].headers.getlist("Authorization")
    assert sent == [f"Basic {base64.b64encode(pair.encode()).decode()}"]


def test_what_cannot_be_read_is_an_answer_that_blames_nobody_else(receiver: Receiver) -> None:
    answer = http.post(notification("http://127.0.0.1\\@1.1.1.1/"))
    assert answer.code == "invalid"
    assert "backslash" in answer.text


@pytest.mark.parametrize("known", list_webhook_formats(), ids=lambda known: known.name)
def test_a_stored_url_that_cannot_be_read_any_more_ends_no_worker_in_any_format(known: Any) -> None:
    for url in ("http://127.0.0.1\\@1.1.1.1/", "http://[", "", "http://host:0/", "ftp://x", "http://%00/"):
        bad = replace(notification(url), format=known.name, options=OPTIONS.get(known.name, {}))
        answer = http.post(bad)
        assert answer.code == "invalid"
        assert answer.text.startswith(("The URL", "This is not a URL", "The port"))


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("ntfy", {"topic": "alerts", "token": "tk_1234567890"}),
        ("hipchat", {"token": "12345678", "room": "Ops", "version": "2"}),
    ],
)
def test_two_authorizations_are_refused_when_they_are_written(
    acme: Organization, receiver: Receiver, format: str, options: dict[str, str]
) -> None:
    url = receiver.url.replace("//", "//user:pw@")
    with pytest.raises(InvalidRule) as refusal:
        make(acme, url, format, **options)
    assert "leave one of them out" in refusal.value.errors["url"]
    hook = make(acme, receiver.url, format, **options)
    with pytest.raises(InvalidRule) as refusal:
        rules.update_hook(hook, None, url=url)
    assert "leave one of them out" in refusal.value.errors["url"]


def test_a_token_that_comes_to_a_url_with_a_password_is_refused_too(acme: Organization, receiver: Receiver) -> None:
    hook = make(acme, receiver.url.replace("//", "//user:pw@"), "ntfy", topic="alerts")
    with pytest.raises(InvalidRule) as refusal:
        rules.update_hook(hook, None, options={"topic": "alerts", "token": "tk_1234567890"})
    assert "leave one of them out" in refusal.value.errors["url"]


@pytest.mark.parametrize(("format", "more"), [("ntfy", {}), ("hipchat", {"version": "2"})])
def test_a_hook_that_was_stored_with_two_sends_the_tokens_alone(
    receiver: Receiver, format: str, more: dict[str, str]
) -> None:
    url, options = receiver.url.replace("//", "//user:pw@"), OPTIONS[format] | more
    http.post(replace(notification(url), format=format, options=options))
    assert receiver.requests[0].headers.getlist("Authorization") == [f"Bearer {options['token']}"]


@pytest.mark.parametrize("known", list_webhook_formats(), ids=lambda known: known.name)
def test_a_format_that_sends_an_authorization_says_so(known: Any) -> None:
    """Otherwise a new format could send a second header."""
    for version in ("1", "2"):
        options = OPTIONS.get(known.name, {})
        options = options | {"version": version} if "version" in options else options
        about = replace(notification("https://example.com/x"), format=known.name, options=options)
        sent = {name.lower() for name in FORMATS[known.name].write(about).headers}
        assert ("authorization" in sent) == known.has_authorization(options)


@pytest.mark.parametrize(
    "port",
    [22, 25, 110, 143, 587, 6379, 11211, 5432, 3306, 2375, 9200, 6000, 27017, 2525, 5900, 1883, 4222, 26379, 61616],
)
def test_the_port_of_another_service_is_refused_when_it_is_written_and_when_it_is_dialled(
    acme: Organization, port: int
) -> None:
    for url in (f"http://127.0.0.1:{port}/", f"https://nowhere.invalid:{port}/"):
        with pytest.raises(InvalidRule) as refusal:
            make(acme, url)
        assert f"Port {port} is not permitted" in refusal.value.errors["url"]
    answer = http.post(notification(f"http://127.0.0.1:{port}/"))
    assert (answer.code, answer.text[:4]) == ("refused", "Port")


def test_the_operator_may_allow_a_port(settings: LazySettings) -> None:
    settings.OUTBOUND_ALLOWED_PORTS = frozenset({9200})
    outbound.check_port(9200)
    with pytest.raises(outbound.ForbiddenAddress):
        outbound.check_port(9300)


def test_a_fragment_is_refused_as_it_would_never_be_sent(acme: Organization) -> None:
    with pytest.raises(InvalidRule) as refusal:
        make(acme, "https://nowhere.invalid/hook#team")
    assert "%23" in refusal.value.errors["url"]


def test_what_was_typed_in_another_way_is_stored_as_it_is_dialled(acme: Organization) -> None:
    hook = make(acme, "HTTPS://Nowhere.INVALID:443/Hook?x=100%")
    assert hook.endpoint.whole_address == "https://nowhere.invalid/Hook?x=100%25"
