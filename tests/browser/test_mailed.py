"""An address that is named for the first time, as its owner sees it: asked by a mail, told, and unsubscribed again."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.demo import Demo
from tests.browser.looking import seen
from tests.browser.visitor import WAIT, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_only]


def link_in_newest_mail(page: Page, subject: str, path: str) -> str:
    """Wait until the Inbox has a mail with this subject; gives a link in it."""
    found = page.get_by_role("link", name=re.compile(re.escape(subject))).first
    for _ in range(WAIT // 1000):
        page.goto("/inbox/?show=email")
        if found.count():
            break
        page.wait_for_timeout(1000)
    found.click()
    return str(page.locator(f"main a[href*='/{path}/']").first.get_attribute("href"))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("width", [1280, 390])
def test_an_address_confirms_is_told_and_unsubscribes(
    new_demo: Demo, open_page: Callable[..., Page], width: int
) -> None:
    admin = sign_in(open_page(new_demo, width=width), new_demo)
    admin.goto(f"{admin.url.split('/notifications')[0]}/notifications/emails/add/")
    admin.get_by_label("Name", exact=True).fill("Operations")
    admin.get_by_label("Other e-mail addresses").fill("ops@example.org")
    admin.get_by_role("button", name="Add the e-mail hook").click()
    expect(admin.get_by_text("1 waits for confirmation")).to_be_visible()
    seen(admin, "panel")
    admin.get_by_role("link", name="1 waits for confirmation").click()
    expect(admin.get_by_role("heading", name="Who is not told")).to_be_visible()
    seen(admin, "waits")

    inbox = open_page(new_demo, width=width)
    sign_in(inbox, new_demo)
    owner = open_page(new_demo, width=width)
    owner.goto(link_in_newest_mail(inbox, "Please confirm this address", "confirm"))
    seen(owner, "confirm")
    owner.get_by_role("button", name="Yes, send me these e-mails").click()
    expect(owner.get_by_role("heading", name="Your address is confirmed")).to_be_visible()
    seen(owner, "confirmed")

    subprocess.run(["bash", "-c", new_demo.curl], capture_output=True, check=True)
    for _ in range(WAIT // 1000):
        inbox.goto("/inbox/?show=email")
        mine = inbox.get_by_text("E-mail to ops@example.org")
        if mine.count() > 1:  # the newest is above the mail that asked
            break
        inbox.wait_for_timeout(1000)
    inbox.locator("article").filter(has_text="ops@example.org").first.get_by_role("link").click()
    owner.goto(str(inbox.locator("main a[href*='/unsubscribe/']").first.get_attribute("href")))
    seen(owner, "unsubscribe")
    owner.get_by_role("button", name="Unsubscribe").click()
    expect(owner.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    seen(owner, "unsubscribed")

    admin.reload()
    expect(admin.get_by_text("unsubscribed from this hook")).to_be_visible()
    seen(admin, "unsubscribed-hook")
    admin.get_by_role("button", name="Subscribe again").click()
    expect(admin.get_by_text("ops@example.org is told again.")).to_be_visible()
    owner.reload()
    expect(owner.get_by_role("heading", name="Unsubscribe?")).to_be_visible()
