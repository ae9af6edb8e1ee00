"""The panel and the API show who has to confirm, and send the mail again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from events.models import Event
from hooks import tasks
from hooks.consent import confirming
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.conftest import Api
from tests.hooks.conftest import Mailbox
from tests.hooks.consent.asking import OPS, earlier, endpoint, naming
from tests.hooks.pages import ClientOf, page_of
from tests.pages import get

pytestmark = pytest.mark.django_db(transaction=True)
Record = Callable[..., Event]
Run = Callable[[], None]


def test_the_panel_and_the_hook_s_page_say_that_it_waits(
    acme: Organization, home: str, alice: User, mailbox: Mailbox, client_of: ClientOf
) -> None:
    hook, client = naming(acme), client_of(alice)
    assert "The mail with the link is about to be sent" in get(client, page_of(home, hook))
    tasks.sweep()
    assert "1 waits for confirmation" in get(client, f"{home}/notifications/emails/")
    html = get(client, page_of(home, hook))
    assert "A mail with a link was sent" in html
    assert "Send again" not in html
    earlier(minutes=11)
    assert "Send again" in get(client, page_of(home, hook))
    confirming.confirm(endpoint())
    assert "Who is not told" not in get(client, page_of(home, hook))


def test_it_is_sent_again_at_most_once_in_ten_minutes(
    acme: Organization, home: str, alice: User, mailbox: Mailbox, client_of: ClientOf
) -> None:
    hook, client = naming(acme), client_of(alice)
    tasks.sweep()

    def again() -> str:
        html = client.post(page_of(home, hook, "ask-again/"), {"address": OPS}, follow=True).text
        tasks.sweep()
        return html

    assert "Wait ten minutes" in again()
    assert len(mailbox.mails) == 1
    earlier(minutes=11)
    assert f"on its way to {OPS}" in again()
    assert "Wait ten minutes" in again()
    assert len(mailbox.mails) == 2
    entry = AuditEntry.objects.get(action="address.asked_again")
    assert (entry.actor, entry.target) == (alice, OPS)


def test_only_who_manages_hooks_sends_again(
    acme: Organization, home: str, dave: User, olga: User, mailbox: Mailbox, client_of: ClientOf
) -> None:
    hook = naming(acme)
    tasks.sweep()
    earlier(minutes=11)
    for user, status in ((dave, 403), (olga, 404)):
        assert client_of(user).post(page_of(home, hook, "ask-again/"), {"address": OPS}).status_code == status
    tasks.sweep()
    assert len(mailbox.mails) == 1


def test_no_address_that_the_hook_does_not_name_is_written_to(
    acme: Organization, home: str, alice: User, mailbox: Mailbox, client_of: ClientOf
) -> None:
    hook = naming(acme)
    tasks.sweep()
    for address in ("victim@example.org", alice.email, ""):
        response = client_of(alice).post(page_of(home, hook, "ask-again/"), {"address": address}, follow=True)
        said = f"{address} does not wait for confirmation." if address else "Give an address."
        assert said in response.text
    tasks.sweep()
    assert mailbox.told == [OPS]


def test_the_api_says_who_waits_and_sends_again(
    acme: Organization, home: str, alice: User, dave: User, mailbox: Mailbox, api: Callable[[User], Api]
) -> None:
    hook = f"/api/v1{home}/hooks/{naming(acme).public_id}/"
    tasks.sweep()
    assert api(dave).get(hook).json()["unconfirmed"] == [OPS]
    assert api(dave).post(f"{hook}ask-again/", {"address": OPS}).status_code == 403
    refused = api(alice).post(f"{hook}ask-again/", {"address": OPS})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "address")
    earlier(minutes=11)
    assert api(alice).post(f"{hook}ask-again/", {"address": OPS}).status_code == 200
    tasks.sweep()
    assert len(mailbox.mails) == 2
