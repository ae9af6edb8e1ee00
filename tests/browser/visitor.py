"""A visitor in Chromium: opening the console, signing in, and the first steps that several tests take."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Browser, Page, Playwright, expect

from tests.browser.demo import Demo

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT = 20_000  # milliseconds until something that must happen has not happened
expect.set_options(timeout=WAIT)


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


def visit(chromium: Browser, demo: Demo, *, width: int = 1280, height: int = 900, **options: Any) -> Page:
    """A page of somebody who has never been here."""
    size = {"width": width, "height": height}
    context = chromium.new_context(base_url=demo.url, viewport=size, reduced_motion="reduce", **options)  # type: ignore[arg-type]
    context.set_default_timeout(WAIT)
    return context.new_page()


def sign_in(page: Page, demo: Demo) -> Page:
    page.goto("/")
    page.get_by_label(re.compile("e-?mail", re.IGNORECASE)).fill(demo.email)
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Notifications", level=1)).to_be_visible()
    return page


def add_webhook_to_the_inbox(page: Page, demo: Demo) -> None:
    """From the Inbox to the form, in which the address stands already; ends where the secret is shown."""
    page.goto("/inbox/")
    page.get_by_role("link", name="Add a webhook to this inbox").first.click()
    expect(page.get_by_label("Webhook URL")).to_have_value(f"{demo.url}/inbox/demo/")
    page.get_by_role("button", name="Add the webhook").click()
    expect(page.get_by_text("whsec_").first).to_be_visible()


def press_test(page: Page) -> None:
    """On the panel, the Test button of the first webhook, and the test itself; ends when it was delivered."""
    page.goto("/")
    page.get_by_role("link", name="Webhooks").click()
    page.get_by_role("link", name="Test", exact=True).first.click()
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_text("Delivered", exact=True).first).to_be_visible()
