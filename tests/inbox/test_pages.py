"""The Inbox's pages list the messages, newest first, and show each in full."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from notifications_project.accounts.models import Organization, User
from notifications_project.inbox import receiving
from notifications_project.inbox.models import Box, Message

HTMX = {"HX-Request": "true"}
MAIL = b"""From: notifications@console.example\r
To: alice@people.example\r
Subject: =?utf-8?q?Stack_redeployed_=E2=9C=93?=\r
MIME-Version: 1.0\r
Content-Type: multipart/alternative; boundary=x\r
\r
--x\r
Content-Type: text/plain; charset=utf-8\r
\r
shop is up\r
--x\r
Content-Type: text/html; charset=utf-8\r
\r
<h1>shop</h1><p>is <a href="https://example.com/">up</a></p>\r
--x--\r
"""


@pytest.fixture
def browser(client_of: Callable[[User], Client], alice: User, acme: Organization) -> Client:
    return client_of(alice)


def mail() -> Message:
    return receiving.store_email("notifications@console.example", ["alice@people.example"], MAIL)


def webhook(box: str = "demo", body: bytes = b'{"event_type": "job.fail"}') -> Message:
    return receiving.store_webhook(Box.objects.get_or_create(name=box)[0], "POST", body, {"X-One": "1"}, set())


@pytest.mark.parametrize("path", ["/inbox/", "/inbox/demo/"])
def test_who_is_not_signed_in_sees_nothing(db: None, path: str) -> None:
    answer = Client().get(path)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/login/")


def test_who_is_not_signed_in_cannot_read_a_message_or_change_an_answer(db: None) -> None:
    message = webhook()

    assert Client().get(f"/inbox/messages/{message.pk}/").status_code == 302
    assert Client().post("/inbox/demo/answer/", {"answer": "gone"}).status_code == 302
    assert Box.objects.get().answer == Box.Answer.OK


def test_an_empty_inbox_says_what_to_do_next(browser: Client) -> None:
    page = browser.get("/inbox/").text

    assert "Nothing has arrived yet" in page
    assert "http://localhost:8000/inbox/demo/" in page
    assert "/notifications/webhooks/add" in page
    assert "url=http%3A%2F%2Flocalhost%3A8000%2Finbox%2Fdemo%2F" in page


def test_everything_is_listed_newest_first(browser: Client) -> None:
    webhook()
    mail()

    page = browser.get("/inbox/").text

    assert page.index("Stack redeployed ✓") < page.index("job.fail")


def test_the_tabs_show_one_kind_each(browser: Client) -> None:
    webhook()
    mail()

    assert "job.fail" not in browser.get("/inbox/?show=email").text
    assert "Stack redeployed" not in browser.get("/inbox/?show=webhook").text


def test_a_boxs_own_page_shows_what_came_there(browser: Client) -> None:
    webhook("one", b'{"type": "first"}')
    webhook("two", b'{"type": "second"}')

    page = browser.get("/inbox/one/").text

    assert "first" in page
    assert "second" not in page


def test_polling_gets_an_empty_answer_until_something_arrives(browser: Client) -> None:
    shown = browser.get("/inbox/").context["state"]
    unchanged = browser.get(f"/inbox/?show=&seen={shown}", headers=HTMX)
    webhook()
    changed = browser.get(f"/inbox/?show=&seen={shown}", headers=HTMX)

    assert unchanged.status_code == 204
    assert changed.status_code == 200
    assert "job.fail" in changed.text
    assert "<html" not in changed.text


def test_a_webhook_is_shown_with_headers_body_and_signature(browser: Client) -> None:
    page = browser.get(f"/inbox/messages/{webhook().pk}/").text

    assert "X-One" in page
    assert "  &quot;event_type&quot;: &quot;job.fail&quot;" in page  # indented
    assert "Not signed" in page


def test_an_email_is_shown_with_its_parts_and_its_source(browser: Client) -> None:
    page = browser.get(f"/inbox/messages/{mail().pk}/").text

    assert "Stack redeployed ✓" in page
    assert "shop is up" in page
    assert 'is up &lt;<a href="https://example.com/" rel="nofollow">https://example.com/</a>&gt;' in page
    assert "--x--" in page


def test_what_arrives_cannot_write_into_the_page(browser: Client) -> None:
    message = webhook(body=b'{"type": "<script>alert(1)</script>"}')

    for path in ("/inbox/", f"/inbox/messages/{message.pk}/"):
        assert "<script>alert" not in browser.get(path).text


def test_signing_in_may_return_to_where_the_answer_is_chosen(browser: Client) -> None:
    Box.objects.create(name="demo", answer=Box.Answer.values[-1])
    response = browser.get(reverse("inbox:answer", args=["demo"]))
    assert response.headers.get("Location") == reverse("inbox:box", args=["demo"])
    assert Box.objects.get(name="demo").answer == Box.Answer.values[-1]
