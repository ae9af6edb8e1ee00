"""The first minute with the console, precisely as the README promises it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.demo import Demo
from tests.browser.visitor import add_webhook_to_the_inbox, press_test, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_only]  # which the demo is


@pytest.mark.timeout(180)
def test_a_newcomer_sees_a_notification_arrive(new_demo: Demo, open_page: Callable[..., Page]) -> None:
    page = sign_in(open_page(new_demo), new_demo)

    add_webhook_to_the_inbox(page, new_demo)
    press_test(page)
    expect(page.get_by_text("webhook-signature").first).to_be_attached()  # the request
    expect(page.get_by_text('"received": true').first).to_be_attached()  # the answer

    page.goto("/inbox/")
    expect(page.get_by_text("Signature verified")).to_have_count(1)

    pasted = subprocess.run(["bash", "-c", new_demo.curl], capture_output=True, text=True, check=True)
    assert "evt_" in pasted.stdout

    # Nothing is clicked or reloaded: the page brings what arrives by itself.
    expect(page.get_by_text("Signature verified")).to_have_count(2)
    expect(page.get_by_text("E-mail to ada@example.com").first).to_be_visible()


def test_the_first_steps_work_without_javascript(demo: Demo, open_page: Callable[..., Page]) -> None:
    page = sign_in(open_page(demo, java_script_enabled=False), demo)

    add_webhook_to_the_inbox(page, demo)
    press_test(page)

    page.goto("/inbox/")
    expect(page.get_by_role("link", name="Refresh")).to_be_visible()
    expect(page.get_by_text("Signature verified").first).to_be_visible()
