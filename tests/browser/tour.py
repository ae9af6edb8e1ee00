"""Makes the README's pictures from a running demo: `.venv/bin/python -m tests.browser.tour`.

Everything that they show has happened: hooks made and events recorded through the API, answers of the Inbox.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.demo import BASE, Demo
from tests.browser.visitor import launch, sign_in, visit

PICTURES = BASE / "notifications_project" / "static" / "tour"
LARGEST = 200_000  # bytes of a picture
EVENTS = [
    ("stack.redeploy.ok", {"kind": "application", "name": "shop"}, {"name": "shop", "git_branch": "main", "status": 1}),
    ("stack.deploy.started", {"kind": "application", "name": "blog"}, {"name": "blog", "git_branch": "main"}),
    (
        "stack.redeploy.fail",
        {"kind": "application", "name": "blog"},
        {"name": "blog", "git_branch": "main", "status": 2},
    ),
    ("process.down", {"kind": "application", "name": "shop"}, {"process_name": "nginx", "server": {"name": "Meerkat"}}),
]


class Api:
    """The demo's API, with the address and the token of the printed curl."""

    def __init__(self, demo: Demo) -> None:
        events = re.search(r"https?://\S+/events/", demo.curl)
        token = re.search(r"Bearer (\S+?)'", demo.curl)
        assert events, demo.curl
        assert token, demo.curl
        self.base = events[0].removesuffix("events/")
        self.headers = {"Authorization": f"Bearer {token[1]}"}

    def post(self, path: str, body: Any) -> Any:
        answer = requests.post(self.base + path, json=body, headers=self.headers, timeout=20)
        assert answer.ok, answer.text
        return answer.json()

    def webhook(self, name: str, url: str, **more: Any) -> None:
        self.post("hooks/", {"kind": "webhook", "name": name, "url": url, "format": "raw"} | more)


def furnish(page: Page, demo: Demo) -> None:
    """A few hooks, of which one fails and one is paused, and events for them."""
    api = Api(demo)
    page.goto("/inbox/ops/")
    page.get_by_label("It answers with").select_option("error")
    page.get_by_role("button", name="Save").click()
    api.webhook("Audit trail", f"{demo.url}/inbox/demo/")
    api.webhook("Deployments", f"{demo.url}/inbox/deployments/", events=["deployment-result"])
    api.webhook("Ops room", f"{demo.url}/inbox/ops/", events=["process.down", "server.stopped", "job.fail"])
    api.webhook("Release train", f"{demo.url}/inbox/train/", events=["stack.deploy.started"], paused=True)
    for kind, resource, data in EVENTS:
        api.post("events/", {"type": kind, "resource": resource, "data": data})


def decide(page: Page, demo: Demo) -> None:
    """Make the user's own webhook, a few choices, and another choice for an organization."""
    page.goto("/account/notifications/")
    page.get_by_role("button", name="Stack redeploy failed: Webhook").click()
    page.get_by_label("Webhook URL").fill(f"{demo.url}/inbox/mine/")
    page.locator("main form button.primary[type=submit]").click()
    page.wait_for_url(lambda url: "/channels/webhook/?" not in url)
    page.goto("/account/notifications/")
    for name in ("Stack provision failed: Webhook", "Stack provisioned successfully: E-mail", "Git push: E-mail"):
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.get_by_role("status").get_by_text(name)).to_be_visible()
    page.get_by_role("button", name="Stack redeploy failed: even when snoozed").click()
    page.get_by_role("link", name="Analytical Engines", exact=True).last.click()
    page.get_by_role("button", name="Server heartbeat stopped: E-mail", exact=True).click()
    expect(page.get_by_label("My notifications").get_by_text("1 changed")).to_be_visible()


def take(page: Page, name: str) -> None:
    file = PICTURES / f"{name}.png"
    page.screenshot(path=file, animations="disabled")
    assert file.stat().st_size < LARGEST, f"{file.name} is {file.stat().st_size} bytes"
    sys.stdout.write(f"{file.relative_to(BASE)}\n")


def tour(chromium: Browser, demo: Demo, color_scheme: Any) -> None:
    page = sign_in(visit(chromium, demo, color_scheme=color_scheme), demo)
    if color_scheme == "light":
        furnish(page, demo)
    page.goto("/inbox/")
    expect(page.get_by_text("Signature verified")).to_have_count(8)  # the failing one was tried twice
    expect(page.get_by_text("E-mail to grace@example.com")).to_have_count(3)
    take(page, f"inbox-{color_scheme}")
    page.goto("/")
    page.get_by_role("link", name="Webhooks").click()
    expect(page.get_by_role("link", name="Add a webhook")).to_be_visible()
    take(page, f"panel-{color_scheme}")
    page.get_by_role("link", name="Ops room").first.click()
    page.get_by_role("link", name="Deliveries").last.click()
    page.locator("main a[href*='/deliveries/dlv_']").first.click()
    expect(page.locator(".line > li.bad")).to_have_count(2)
    take(page, f"delivery-{color_scheme}")
    if color_scheme == "light":
        decide(page, demo)
    page.goto("/account/notifications/")
    expect(page.get_by_role("heading", name="My notifications")).to_be_visible()
    take(page, f"settings-{color_scheme}")
    page.context.close()


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        chromium = launch(playwright)
        demo = Demo(Path(directory)).start()
        try:
            for color_scheme in ("light", "dark"):
                tour(chromium, demo, color_scheme)
        finally:
            demo.stop()
            chromium.close()


if __name__ == "__main__":
    main()
