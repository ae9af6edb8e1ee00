"""*My notifications* as a person uses it: cells, rows, undoing, one organization; with scripts and without."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.demo import Demo
from tests.browser.looking import seen
from tests.browser.visitor import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_only]
PAGE = "/account/notifications/"
DOWN = "Process is down: E-mail"


def cell(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def press(page: Page, name: str) -> None:
    """A click on a cell, which turns it to what it says that it would."""
    before = cell(page, name).get_attribute("aria-pressed")
    cell(page, name).click()
    expect(cell(page, name)).not_to_have_attribute("aria-pressed", str(before))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("width", [1280, 390])
def test_a_click_decides_and_can_be_undone(new_demo: Demo, open_page: Callable[..., Page], width: int) -> None:
    page = sign_in(open_page(new_demo, width=width), new_demo)
    subprocess.run(["bash", "-c", new_demo.curl], capture_output=True, check=True)
    page.goto(PAGE)
    seen(page, "my-notifications-fresh")
    expect(page.get_by_text("this would have sent you 1 e-mail.")).to_be_visible()
    page.evaluate("window.stayed = true")  # nothing below loads the page again

    press(page, "Stack redeployed successfully: E-mail")
    expect(page.get_by_text("Stack redeployed successfully: E-mail is off.")).to_be_visible()
    expect(page.get_by_text("this would have sent you nothing.")).to_be_visible()
    expect(cell(page, "Stack redeployed successfully: E-mail")).to_be_focused()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Taken back: “Stack redeployed successfully: E-mail is off”.")).to_be_visible()
    expect(cell(page, "Stack redeployed successfully: E-mail")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("this would have sent you 1 e-mail.")).to_be_visible()

    press(page, DOWN)
    cell(page, f"{DOWN} (Back to the default)").click()
    expect(page.get_by_text(f"{DOWN} is at its default again.")).to_be_visible()
    expect(cell(page, f"{DOWN} (Back to the default)")).to_have_count(0)

    row = page.locator("tr", has_text="Server heartbeat stopped")
    row.locator("summary").click()
    expect(row.get_by_text("On by default").first).to_be_visible()
    row.get_by_role("button", name="Turn off for every channel").click()
    expect(cell(page, "Server heartbeat stopped: E-mail")).to_have_attribute("aria-pressed", "false")
    expect(row.locator("details")).not_to_have_attribute("open", "")
    expect(row.locator("summary")).to_be_focused()

    page.locator("thead summary", has_text="E-mail").click()
    page.get_by_role("button", name="Turn on for every event").click()
    expect(page.locator('[aria-label$=": E-mail"]:not([aria-pressed="true"])')).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(cell(page, "Git push: E-mail")).to_have_attribute("aria-pressed", "false")
    expect(cell(page, "Server heartbeat stopped: E-mail")).to_have_attribute("aria-pressed", "false")

    cell(page, "Process is down: even when snoozed").click()
    expect(cell(page, "Process is down: even when snoozed")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("window.stayed")
    seen(page, "my-notifications-chosen")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("width", [1280, 390])
def test_one_organization_says_otherwise(new_demo: Demo, open_page: Callable[..., Page], width: int) -> None:
    page = sign_in(open_page(new_demo, width=width), new_demo)
    page.goto(PAGE)
    page.get_by_role("link", name="Analytical Engines", exact=True).last.click()
    press(page, DOWN)
    expect(page.get_by_label("My notifications").get_by_text("1 changed")).to_be_visible()
    seen(page, "my-notifications-organization")
    page.get_by_role("link", name="Everything").click()
    expect(cell(page, DOWN)).to_have_attribute("title", "On by default; differs in Analytical Engines (off)")
    page.get_by_role("link", name="Another…").click()
    expect(page.get_by_role("button", name="Find")).to_be_visible()
    seen(page, "my-notifications-choose")
    page.get_by_label("Name").fill("shop-db")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="shop-db").click()
    expect(cell(page, DOWN)).to_have_attribute("title", "As for Analytical Engines: off, you chose it")
    press(page, DOWN)
    seen(page, "my-notifications-application")
    cell(page, f"{DOWN} (As the general setting)").click()
    expect(cell(page, DOWN)).to_have_attribute("aria-pressed", "false")


@pytest.mark.timeout(180)
def test_quick_clicks_are_all_kept(new_demo: Demo, open_page: Callable[..., Page]) -> None:
    page = sign_in(open_page(new_demo), new_demo)
    page.goto(PAGE)
    names = [f"{each}: E-mail" for each in ("Job run failed", "Process is down", "Git push", "Add-on created")]
    before = [cell(page, name).get_attribute("aria-pressed") for name in names]
    page.evaluate(
        "names => names.forEach(name => document.querySelector(`[aria-label='${name}']`).click())",
        names,
    )
    for name, pressed in zip(names, before, strict=True):
        expect(cell(page, name)).not_to_have_attribute("aria-pressed", str(pressed))
    page.reload()
    for name, pressed in zip(names, before, strict=True):
        expect(cell(page, name)).not_to_have_attribute("aria-pressed", str(pressed))


@pytest.mark.timeout(180)
def test_it_works_without_scripts(new_demo: Demo, open_page: Callable[..., Page]) -> None:
    page = sign_in(open_page(new_demo, java_script_enabled=False), new_demo)
    page.goto(PAGE)
    press(page, DOWN)
    assert page.url.endswith(f"{PAGE}#process.down-email")
    expect(cell(page, DOWN)).to_be_in_viewport()
    expect(page.get_by_text("Process is down: E-mail is off.")).to_be_in_viewport()
    page.get_by_role("button", name="Undo").click()
    expect(cell(page, DOWN)).to_have_attribute("aria-pressed", "true")
    page.locator("tr", has_text="Git push").locator("summary").click()
    page.locator("tr", has_text="Git push").get_by_role("button", name="Turn on for every channel").click()
    expect(cell(page, "Git push: E-mail")).to_have_attribute("aria-pressed", "true")
    cell(page, "Process is down: even when snoozed").click()
    expect(cell(page, "Process is down: even when snoozed")).to_have_attribute("aria-pressed", "true")


@pytest.mark.timeout(180)
def test_the_first_click_on_a_webhook_sets_it_up_and_then_it_is_on(
    new_demo: Demo, open_page: Callable[..., Page]
) -> None:
    page = sign_in(open_page(new_demo), new_demo)
    page.goto(PAGE)
    cell(page, "Job run failed: Webhook").click()
    page.get_by_label("Webhook URL").fill(f"{new_demo.url}/inbox/mine/")
    page.locator("main form button.primary[type=submit]").click()
    page.wait_for_url(lambda url: "/channels/webhook/?" not in url)
    page.goto(PAGE)
    expect(cell(page, "Job run failed: Webhook")).to_have_attribute("aria-pressed", "true")
    press(page, "Job run failed: Webhook")
    press(page, "Server heartbeat stopped: Webhook")
