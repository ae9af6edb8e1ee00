"""Every page, small and wide, light and dark: nothing scrolls sideways, nothing keeps anybody out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.demo import Demo
from tests.browser.looking import looked_at
from tests.browser.visitor import add_webhook_to_the_inbox, press_test, sign_in, visit

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_only]  # which the demo is

OF_THE_ORGANIZATION = [
    "notifications/emails/",
    "notifications/emails/add/",
    "notifications/webhooks/",
    "notifications/webhooks/add/",
    "deliveries/",
    "events/",
    "event-types/",
    "applications/",
    "applications/add/",
    "members/",
    "members/invite/",
    "audit/",
    "rename/",
]
OF_THE_ACCOUNT = [
    "/account/notifications/",
    "/account/notifications/choose/",
    "/account/notifications/last-days/",
    "/account/tokens/",
    "/account/tokens/add/",
    "/account/organizations/add/",
    "/account/profile/",
    "/account/invitations/",
    "/accounts/password/change/",
]
OF_THE_INBOX = ["/inbox/", "/inbox/?show=webhook", "/inbox/?show=email"]
LINKED = [  # pages of single things: the list on which they are found, and the link that leads there
    ("notifications/webhooks/", "/hooks/"),
    ("deliveries/", "/deliveries/dlv_"),
    ("events/", "/events/evt_"),
    ("/inbox/?show=webhook", "/inbox/messages/"),
    ("/inbox/?show=email", "/inbox/messages/"),
]


@pytest.fixture(scope="package")
def addresses(chromium: Browser, demo: Demo) -> list[str]:
    """Every page there is, in a console in which something has happened."""
    page = sign_in(visit(chromium, demo), demo)
    organization = page.url.split("/notifications")[0].removeprefix(demo.url)
    add_webhook_to_the_inbox(page, demo)
    press_test(page)
    subprocess.run(["bash", "-c", demo.curl], capture_output=True, check=True)
    page.goto("/inbox/?show=email")
    expect(page.get_by_text("E-mail to ada@example.com").first).to_be_visible()
    found = ["/accounts/password/reset/", *OF_THE_ACCOUNT, *OF_THE_INBOX]
    found += [f"{organization}/{path}" for path in OF_THE_ORGANIZATION]
    for listed, link in LINKED:
        page.goto(listed if listed.startswith("/") else f"{organization}/{listed}")
        found.append(str(page.locator(f"main a[href*='{link}']").first.get_attribute("href")))
    found += [f"{address}explain/{who}" for address in found if "/events/evt_" in address for who in ("", "?who=me")]
    for kind in ("emails", "webhooks"):
        page.goto(f"{organization}/notifications/{kind}/")
        one = page.locator("main a[href*='/hooks/hook_']").first.get_attribute("href")
        found.append(f"{str(one).partition('/test/')[0].rstrip('/')}/preview/")
    page.context.close()
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_fits_and_is_accessible(
    demo: Demo, addresses: list[str], open_page: Callable[..., Page], width: int
) -> None:
    page = open_page(demo, width=width)
    page.goto("/accounts/login/")
    problems = {"/accounts/login/": looked_at(page)}
    sign_in(page, demo)
    for address in addresses:
        page.goto(address)
        problems[address] = looked_at(page)

    found = {address: said for address, said in problems.items() if said}
    assert not found, json.dumps(found, indent=2)
