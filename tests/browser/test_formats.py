"""The form of a webhook in a browser: a URL proposes its format, and only that format's fields are shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_httpserver import HTTPServer

from hooks.formats import list_webhook_formats
from tests.browser.demo import Demo
from tests.browser.looking import looked_at
from tests.browser.visitor import sign_in
from tests.hooks.formats.hipchat_server import ROOM, TOKEN, HipChatServer

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_only]  # which the demo is

HIPCHAT = "https://api.hipchat.com/v1/rooms/message"


def open_form(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Webhooks").click()
    page.get_by_role("link", name="Add a webhook").first.click()
    page.get_by_label("Name", exact=True).fill("Ops room")


def fill_in(page: Page, hipchat: HipChatServer) -> None:
    page.get_by_role("radio", name="HipChat").check()
    page.get_by_label("Webhook URL").fill(hipchat.url)
    page.get_by_label("API token", exact=True).fill(TOKEN)
    page.get_by_label("Room", exact=True).fill(ROOM)


@pytest.mark.parametrize("width", [390, 1280])
def test_a_pasted_url_chooses_its_format_until_a_person_does(
    demo: Demo, open_page: Callable[..., Page], width: int
) -> None:
    page = sign_in(open_page(demo, width=width), demo)
    open_form(page)
    room = page.get_by_label("Room", exact=True)
    expect(room).to_be_hidden()

    page.get_by_label("Webhook URL").fill(HIPCHAT)
    expect(page.get_by_text("This is an address of HipChat: the format HipChat is chosen.")).to_be_visible()
    expect(page.get_by_role("radio", name="HipChat")).to_be_checked()
    expect(room).to_be_visible()
    expect(page.get_by_label("Topic", exact=True)).to_be_hidden()

    page.get_by_role("radio", name="Raw").check()
    expect(room).to_be_hidden()
    page.get_by_label("Webhook URL").fill("https://ntfy.sh/ops")
    page.get_by_role("button", name="Choose ntfy").click()
    expect(page.get_by_role("radio", name="ntfy")).to_be_checked()
    expect(page.get_by_text("the format ntfy is chosen.")).to_be_visible()
    expect(page.get_by_label("Topic", exact=True)).to_be_visible()
    assert looked_at(page) == []


@pytest.mark.parametrize("width", [390, 1280])
def test_a_preview_of_what_is_typed_appears_in_the_form(demo: Demo, open_page: Callable[..., Page], width: int) -> None:
    page = sign_in(open_page(demo, width=width), demo)
    open_form(page)
    page.get_by_role("radio", name="HipChat").check()
    page.get_by_label("API token", exact=True).fill("a-token-of-the-room")
    page.get_by_label("Room", exact=True).fill("Ops")
    page.get_by_label("Event type", exact=True).select_option("job.fail")
    page.get_by_role("button", name="Show the preview").click()
    expect(page.get_by_text("POST https://api.hipchat.com/v1/rooms/message")).to_be_visible()
    expect(page.get_by_label("API token", exact=True)).to_have_value("a-token-of-the-room")
    assert looked_at(page) == []


@pytest.mark.parametrize("width", [390, 1280])
def test_a_token_is_verified_in_the_form(
    demo: Demo, open_page: Callable[..., Page], httpserver: HTTPServer, width: int
) -> None:
    hipchat = HipChatServer(httpserver)
    page = sign_in(open_page(demo, width=width), demo)
    open_form(page)
    fill_in(page, hipchat)
    page.get_by_role("button", name="Verify token").click()
    expect(page.get_by_text("The server accepts this token. Nothing was posted.")).to_be_visible()
    expect(page.get_by_label("API token", exact=True)).to_have_value(TOKEN)
    assert looked_at(page) == []
    page.get_by_label("API token", exact=True).fill("a-token-that-nobody-knows")
    page.get_by_role("button", name="Verify token").click()
    expect(page.get_by_text("Auth token a-to•••••• not found. Check the API token")).to_be_visible()
    assert looked_at(page) == []

    page.get_by_label("Room", exact=True).press("Enter")  # which saves
    expect(page.get_by_role("heading", name="Test Ops room", level=1)).to_be_visible()
    assert hipchat.posted == []


def test_without_javascript_a_token_is_verified_and_the_form_saved_then(
    demo: Demo, open_page: Callable[..., Page], httpserver: HTTPServer
) -> None:
    hipchat = HipChatServer(httpserver)
    page = sign_in(open_page(demo, java_script_enabled=False), demo)
    open_form(page)
    fill_in(page, hipchat)
    page.get_by_role("button", name="Verify token").click()
    expect(page.get_by_text("The server accepts this token. Nothing was posted.")).to_be_in_viewport()
    page.get_by_role("button", name="Add the webhook").click()
    expect(page.get_by_role("heading", name="Test Ops room", level=1)).to_be_visible()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("width", [390, 1280])
def test_the_preview_of_every_format_fits_and_is_accessible(
    demo: Demo, open_page: Callable[..., Page], width: int
) -> None:
    page = sign_in(open_page(demo, width=width), demo)
    open_form(page)
    page.get_by_label("Webhook URL").fill(f"{demo.url}/inbox/demo/")
    page.get_by_label("Event type", exact=True).select_option("stack.redeploy.fail")
    for known in list_webhook_formats():
        page.locator(f"[name='format'][value='{known.name}']").check()
        page.get_by_role("button", name="Show the preview").click()
        shown = "Body" if known.name == "raw" else f"About as {known.label} shows it"
        expect(page.locator("#previewed").get_by_role("heading", name=shown)).to_be_visible()
        assert looked_at(page) == [], known.name


def test_without_javascript_a_url_proposes_and_the_preview_has_a_page(
    demo: Demo, open_page: Callable[..., Page]
) -> None:
    page = sign_in(open_page(demo, java_script_enabled=False), demo)
    open_form(page)
    page.get_by_label("Webhook URL").fill(HIPCHAT)
    page.get_by_role("button", name="Add the webhook").click()
    expect(page.get_by_role("radio", name="HipChat")).to_be_checked()
    expect(page.get_by_text("so the format HipChat is chosen now").first).to_be_visible()
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Show the preview").click()
    preview = opened.value
    expect(preview.get_by_role("heading", name="Preview of Ops room", level=1)).to_be_visible()
    preview.get_by_label("Event type").select_option("git.push")
    preview.get_by_role("button", name="Show").click()
    expect(preview.get_by_label("Event type")).to_have_value("git.push")
    page.get_by_role("radio", name="Raw").check()
    page.get_by_label("Webhook URL").fill(f"{demo.url}/inbox/demo/")
    page.get_by_role("button", name="Add the webhook").click()
    expect(page.get_by_text("whsec_").first).to_be_visible()
