"""Hostile requests to every route, by every kind of user: none gives a 5xx or breaks the connection."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

import pytest
from django.test import Client

from events import intake
from hooks.manage import rules
from notifications_project.accounts.models import ApiToken, Organization, User
from notifications_project.accounts.roles import Role
from tests.conftest import member
from tests.environment import SETTINGS
from tests.faults.console import Web
from tests.faults.fuzzing import Fuzzer, Generator
from tests.faults.sizes import FULL
from tests.project.processes import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(3600 if FULL else 400)]

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", 20_000 if FULL else 500))
SEED = int(os.environ.get("FUZZ_SEED", "20261130"))
FIELDS = [
    "name", "email", "login", "password", "password1", "oldpassword", "role", "kind", "url", "format",
    "events", "resources", "event_type", "type", "resource", "data", "state", "search", "q", "before",
    "after", "limit", "scope", "settings", "urgent", "channel", "enabled", "options", "token", "room",
    "notify", "members", "roles", "users", "addresses", "rate_limit", "per_second", "burst", "ordered",
    "paused", "time_zone", "lifetime", "organization", "snoozed_until", "quiet_hours", "from", "until", "ids",
    "delivery", "address", "next", "occurred_at", "member", "told", "cell", "form", "page", "device", "id",
    "topic", "chat",
]  # fmt: skip


def right_values(acme: Organization, alice: User) -> dict[str, list[str]]:
    """Return existing values for each name in the paths of routes."""
    hook, _ = rules.create_webhook(
        organization=acme,
        actor=None,
        spec=rules.WebhookSpec.of(name="Receiver", url="http://127.0.0.1:9/", events=["git.push"]),
    )
    event = intake.record(acme, [intake.NewEvent(type="git.push", resource=None, data={})])[0]
    return {
        "owner": [acme.public_id, alice.public_id],
        "organization": [acme.public_id],
        "hook": [hook.public_id],
        "event": [event.public_id],
        "user": [alice.public_id],
        "kind": ["webhook", "email", "ios", "hipchat"],
        "name": ["demo"],
        "box": ["demo"],
    }


def test_no_hostile_request_is_an_error_of_ours(
    acme: Organization, alice: User, olga: User, database_url: str, client_of: Callable[[User], Client]
) -> None:
    dave = member(acme, "Dave", Role.DEVELOPER)
    right = right_values(acme, alice)
    web = Web(**SETTINGS | {"DATABASE_URL": database_url})
    try:
        fuzzer = Fuzzer(web.socket.getsockname()[1])
        until(lambda: _answers(fuzzer), 60, "the start of the web server")
        generator = Generator(SEED, right, FIELDS)
        callers = [_headers_of(user, client_of) for user in (alice, dave, olga)] + [({}, {})]
        for _ in range(REQUESTS):
            method, target, body, headers = generator.request()
            if "logout" in target:
                continue
            page, api = generator.random.choice(callers)
            known = api if target.startswith("/api/") else page
            fuzzer.send(method, target, body, {**known, **headers})
    finally:
        web.kill()
    told = sorted(fuzzer.statuses.items())
    print(f"{sum(fuzzer.statuses.values())} requests to {len(generator.routes)} routes: {told}")  # noqa: T201
    kinds = Counter(failure.partition(":")[0] for failure in fuzzer.failures)
    assert fuzzer.failures == [], f"{kinds}\n" + "\n".join(fuzzer.failures[:30])
    assert fuzzer.statuses[200] > REQUESTS / 100, "most requests must not be refused at the door"


def _answers(fuzzer: Fuzzer) -> bool:
    fuzzer.send("GET", "/accounts/login/", b"", {})
    started = fuzzer.statuses[200] > 0
    fuzzer.statuses.clear()
    fuzzer.failures.clear()
    return started


def _headers_of(user: User, client_of: Callable[[User], Client]) -> tuple[dict[str, str], dict[str, str]]:
    """Return headers for pages (a session with its CSRF token) and for the API (a token)."""
    browser = client_of(user)
    browser.get("/accounts/password/change/")
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())
    csrf = browser.cookies["console_csrf"].value if "console_csrf" in browser.cookies else ""
    _, token = ApiToken.objects.create(user, name="fuzz")
    return {"Cookie": cookies, "X-CSRFToken": csrf}, {"Authorization": f"Bearer {token}"}
