"""Checks of a shown page: sideways scrolling and barriers to people; and pictures on request."""

from __future__ import annotations

import os
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SHOTS = os.environ.get("SHOTS", "")  # a directory to leave pictures of the pages in


def seen(page: Page, name: str) -> None:
    """Assert that nothing is wrong with the shown page."""
    if SHOTS:
        width = page.evaluate("innerWidth")
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.screenshot(path=f"{SHOTS}/{name}-{scheme}-{width}.png", full_page=True)
    assert looked_at(page) == []


def looked_at(page: Page) -> list[str]:
    """Return the problems of the shown page."""
    problems = []
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        problems.append("scrolls sideways")
    if page.locator(".card").count() != page.locator("main .card").count():
        problems.append("has content outside of its main part")
    if page.locator("h1").count() != 1:
        problems.append(f"has {page.locator('h1').count()} main headings")
    problems += barriers(page)
    page.emulate_media(color_scheme="dark")
    problems += [f"dark: {each}" for each in barriers(page, runOnly=["color-contrast"])]
    page.emulate_media(color_scheme="light")
    return problems


def barriers(page: Page, **options: Any) -> list[str]:
    """Return the barriers to people that axe finds."""
    response = Axe().run(page, options={"resultTypes": ["violations"], **options}).response
    return [
        f"{each['impact']}: {each['help']}: {', '.join(str(node['target']) for node in each['nodes'][:3])}"
        for each in response["violations"]
        if each["impact"] in {"serious", "critical"}
    ]
