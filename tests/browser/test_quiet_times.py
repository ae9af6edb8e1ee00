"""A quiet time as its user lives through it: snoozed, one digest; and mail of a kind that is ended from a mail."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.demo import Demo
from tests.browser.looking import seen
from tests.browser.test_mailed import link_in_newest_mail
from tests.browser.visitor import WAIT, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_only]


def record(demo: Demo, event_type: str) -> None:
    """Record an event by the command that `up` prints, with another event type."""
    command = demo.curl.replace("stack.redeploy.ok", event_type)
    assert event_type in command
    subprocess.run(["bash", "-c", command], capture_output=True, check=True)


def link_to_unsubscribe(inbox: Page, address: str, subject: str) -> str:
    """Wait until the Inbox has a mail with this subject to this address; gives the link in it."""
    mine = inbox.locator("article").filter(has_text=address).filter(has_text=subject)
    for _ in range(WAIT // 1000):
        inbox.goto("/inbox/?show=email")
        if mine.count():
            break
        inbox.wait_for_timeout(1000)
    mine.first.get_by_role("link").click()
    return str(inbox.locator("main a[href*='/unsubscribe/']").first.get_attribute("href"))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("width", [1280, 390])
def test_what_came_while_snoozed_is_one_mail_and_mail_of_a_kind_can_be_ended(
    new_demo: Demo, open_page: Callable[..., Page], width: int
) -> None:
    page = sign_in(open_page(new_demo, width=width), new_demo)
    page.goto("/account/notifications/snooze/")
    page.get_by_role("button", name="Snooze", exact=True).click()
    expect(page.get_by_text("is snoozed until")).to_be_visible()
    for event_type in ("process.down", "job.fail", "process.down"):
        record(new_demo, event_type)
    page.goto("/account/notifications/channels/email/deliveries/")
    for _ in range(WAIT // 1000):
        if page.get_by_text("Waits for the end of a quiet time").count() == 3:
            break
        page.wait_for_timeout(1000)
        page.reload()
    seen(page, "waits-for-the-end")
    page.goto("/account/notifications/snooze/")
    page.get_by_role("button", name="End the snooze (E-mail)").click()
    expect(page.get_by_text("What waited arrives as one digest.")).to_be_visible()

    inbox = open_page(new_demo, width=width)
    sign_in(inbox, new_demo)
    settings = link_in_newest_mail(inbox, "Your quiet time is over: 3 notifications", "account/notifications")
    expect(inbox.get_by_text("3 notifications from your quiet time").first).to_be_visible()
    assert settings.endswith("/account/notifications/")
    page.goto("/account/notifications/channels/email/deliveries/")
    page.get_by_role("link", name="Process is down").first.click()
    expect(page.get_by_text("Told in one digest").first).to_be_visible()
    seen(page, "told-in-a-digest")
    page.get_by_role("link", name="one digest").click()
    expect(page.get_by_text("it waited for the end of a quiet time, with others")).to_be_visible()
    seen(page, "digest-delivery")

    record(new_demo, "server.stopped")
    owner = open_page(new_demo, width=width)  # not signed in
    owner.goto(link_to_unsubscribe(inbox, new_demo.email, "stopped responding"))
    seen(owner, "end-a-kind")
    owner.get_by_role("button", name="Unsubscribe from Server heartbeat stopped").click()
    expect(owner.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    seen(owner, "ended-a-kind")
    page.goto("/account/notifications/")
    cell = page.get_by_role("button", name="Server heartbeat stopped: E-mail", exact=True)
    expect(cell).to_have_attribute("aria-pressed", "false")
    owner.get_by_role("button", name="Undo").click()
    expect(owner.get_by_role("heading", name="Unsubscribe?")).to_be_visible()
    page.reload()
    expect(cell).to_have_attribute("aria-pressed", "true")
