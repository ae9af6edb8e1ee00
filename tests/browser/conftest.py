"""Fixtures of Chromium, and of consoles for it to look at."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests import databases
from tests.browser import visitor
from tests.browser.demo import Demo


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Run Chromium for this package only: Playwright's event loop keeps this thread from using the ORM."""
    with sync_playwright() as playwright:
        browser = visitor.launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def made_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a demo that was started once, by the first process of this run that needs it.

    To make what a demo begins with takes longer than to start it; tests/project/test_up.py has it made each time.
    """
    shared = tmp_path_factory.getbasetemp()
    directory = (shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / "made_demo"
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            new = tmp_path_factory.mktemp("demo")
            databases.copy_migrated(new / "console.sqlite3")
            Demo(new).start().stop()
            shutil.copytree(new, directory)
    return directory


@pytest.fixture(scope="package")
def demo(made_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run a console that the tests of this package share."""
    running = Demo(shutil.copytree(made_demo, tmp_path_factory.mktemp("demo") / "copy")).start()
    yield running
    running.stop()


@pytest.fixture
def new_demo(made_demo: Path, tmp_path: Path) -> Iterator[Demo]:
    """Run a console in which nothing has happened, for one test."""
    running = Demo(shutil.copytree(made_demo, tmp_path / "demo")).start()
    yield running
    running.stop()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """`open_page(demo, width=390, color_scheme="dark", …)`: a page of a new visitor.

    At the end of the test nothing may have gone wrong in any of them: no script error, no violation of the
    Content-Security-Policy, no answer with an error status.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_one(demo: Demo, *, width: int = 1280, height: int = 900, **options: Any) -> Page:
        page = visitor.visit(chromium, demo, width=width, height=height, **options)
        contexts.append(page.context)
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("response", lambda got: complaints.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []
