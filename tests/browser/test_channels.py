"""The walk through HipChat: click the icon, enter token and room, it is on; change it under Channels."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from pytest_httpserver import HTTPServer

from tests.browser.demo import Demo
from tests.browser.looking import seen
from tests.browser.visitor import WAIT, sign_in
from tests.hooks.formats import hipchat_server
from tests.hooks.formats.hipchat_server import ROOM, TOKEN, HipChatServer

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_only]  # which the demo is
CELL = "Process is down: HipChat"


def cell(page: Page) -> Locator:
    return page.get_by_role("button", name=CELL, exact=True)


def happens(demo: Demo, event_type: str) -> None:
    """An event of the demo's application, by the API."""
    subprocess.run(["bash", "-c", demo.curl.replace("stack.redeploy.ok", event_type)], capture_output=True, check=True)


def posted(page: Page, hipchat: HipChatServer, count: int) -> None:
    """Wait until so many messages are in the room."""
    for _ in range(WAIT // 100):
        if len(hipchat.posted) >= count:
            break
        page.wait_for_timeout(100)
    assert len(hipchat.posted) == count


def told(page: Page, kind: str, count: int) -> None:
    """Wait until a channel has so many deliveries of the type; it has no more of them."""
    rows = page.get_by_role("link", name="Process is down")
    for _ in range(WAIT // 100):
        page.goto(f"/account/notifications/channels/{kind}/deliveries/")
        if rows.count() >= count:
            break
        page.wait_for_timeout(100)
    expect(rows).to_have_count(count)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("width", [1280, 390])
def test_hipchat_from_the_icon_to_the_room(
    new_demo: Demo, open_page: Callable[..., Page], httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    hipchat = HipChatServer(httpserver)
    page = sign_in(open_page(new_demo, width=width), new_demo)
    page.goto("/account/notifications/")
    cell(page).click()
    expect(page.get_by_role("heading", name="Set up HipChat", level=1)).to_be_visible()
    seen(page, "form")
    page.get_by_label("API token", exact=True).fill(TOKEN)
    page.get_by_label("Room", exact=True).fill(ROOM)
    page.get_by_label("Base URL").fill(hipchat.url)
    page.get_by_role("button", name="Save and turn on").click()
    expect(page.get_by_text(f"{CELL} is on.").first).to_be_visible()
    expect(cell(page)).to_have_attribute("aria-pressed", "true")
    expect(cell(page)).to_be_in_viewport()

    happens(new_demo, "process.down")
    posted(page, hipchat, 1)
    assert "Process" in hipchat.posted[0]

    cell(page).click()
    expect(cell(page)).to_have_attribute("aria-pressed", "false")
    happens(new_demo, "process.down")
    told(page, "email", 2)  # decided together with what the room is owed
    told(page, "hipchat", 1)
    assert len(hipchat.posted) == 1, "the room stays as it was"
    page.goto("/account/notifications/")
    cell(page).click()
    expect(cell(page)).to_have_attribute("aria-pressed", "true")

    page.goto("/account/notifications/channels/")
    card = page.locator("#hipchat")
    expect(card.get_by_text(ROOM)).to_be_visible()
    expect(card.get_by_text("Delivered")).to_be_visible()
    seen(page, "channels")
    card.get_by_role("link", name="Edit").click()
    page.get_by_label("Room", exact=True).fill("Quiet corner")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("HipChat was saved.")).to_be_visible()
    expect(card.get_by_text("Quiet corner")).to_be_visible()
    monkeypatch.setattr(hipchat_server, "ROOM", "Quiet corner")
    happens(new_demo, "process.down")
    posted(page, hipchat, 2)

    card.get_by_role("link", name="Process is down").first.click()
    expect(page.get_by_role("heading", name="Process is down, to your HipChat", level=1)).to_be_visible()
    seen(page, "own-delivery")


@pytest.mark.timeout(240)
def test_without_javascript_a_webhook_is_set_up_tested_snoozed_and_removed(
    new_demo: Demo, open_page: Callable[..., Page]
) -> None:
    page = sign_in(open_page(new_demo, java_script_enabled=False), new_demo)
    page.goto("/account/notifications/channels/")
    page.get_by_role("link", name="Set up a webhook").click()
    page.get_by_label("Webhook URL").fill(f"{new_demo.url}/inbox/demo/")
    page.get_by_role("button", name="Save and test").click()
    expect(page.get_by_text("whsec_").first).to_be_visible()
    page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_text("Delivered", exact=True).first).to_be_visible()
    page.goto("/account/notifications/snooze/")
    page.get_by_role("button", name="Snooze", exact=True).click()
    expect(page.get_by_text(re.compile("Webhook are snoozed until"))).to_be_visible()
    page.get_by_role("button", name="End the snooze (Webhook)").click()
    expect(page.get_by_text("Webhook: the snooze is over.")).to_be_visible()
    page.goto("/account/notifications/channels/webhook/remove/")
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("Webhook was removed.")).to_be_visible()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_of_channels_fits_and_is_accessible(
    new_demo: Demo, open_page: Callable[..., Page], httpserver: HTTPServer, width: int
) -> None:
    hipchat = HipChatServer(httpserver)
    page = sign_in(open_page(new_demo, width=width), new_demo)
    channels = "/account/notifications/channels/"
    page.goto(channels)
    seen(page, "nothing-set-up")
    page.goto(f"{channels}hipchat/")
    page.get_by_label("API token", exact=True).fill(TOKEN)
    page.get_by_label("Room", exact=True).fill(ROOM)
    page.get_by_label("Base URL").fill(hipchat.url)
    page.get_by_role("button", name="Verify token").click()
    expect(page.get_by_text("The server accepts this token. Nothing was posted.")).to_be_visible()
    page.get_by_role("button", name="Show the preview").click()
    expect(page.get_by_role("heading", name="About as HipChat shows it")).to_be_visible()
    seen(page, "verified")
    page.get_by_role("button", name="Save and test").click()
    expect(page.get_by_text("Delivered", exact=True).first).to_be_visible()
    seen(page, "tested")
    page.goto(f"{channels}webhook/?type=job.fail")
    seen(page, "webhook")
    page.get_by_label("Webhook URL").fill(f"{new_demo.url}/inbox/demo/")
    page.get_by_role("button", name="Save and turn on").click()
    expect(page.get_by_text("whsec_").first).to_be_visible()
    seen(page, "secret")
    page.goto("/account/notifications/snooze/")
    page.get_by_role("button", name="Snooze", exact=True).click()
    expect(page.get_by_text("snoozed until").first).to_be_visible()
    seen(page, "snooze")
    for path in ("", "ios/", "hipchat/", "hipchat/deliveries/", "hipchat/remove/", "email/test/"):
        page.goto(f"{channels}{path}")
        seen(page, path.replace("/", "-") or "all")
