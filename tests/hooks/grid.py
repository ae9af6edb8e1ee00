"""Helpers for tests of *My notifications*: pressing its buttons and reading them."""

from __future__ import annotations

import html as markup
import re

from django.test import Client

from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import EVERYTHING, Scope
from notifications_project.accounts.models import User
from tests.pages import read

PAGE = "/account/notifications/"
HTMX = {"HX-Request": "true"}
DOWN = "process.down"
EMAIL = "Process is down: E-mail"


def press(client: Client, wish: str, scope: str = "") -> str:
    """Press a button of the grid; return the next page."""
    answer = client.post(f"{PAGE}set/", {"set": wish, "scope": scope}, follow=True)
    assert answer.status_code == 200
    return markup.unescape(read(answer))


def button(html: str, name: str) -> dict[str, str]:
    """Return the attributes of the button with this name."""
    found = [each for each in re.findall(r"<button[^>]*>", html) if f'aria-label="{name}"' in markup.unescape(each)]
    assert found, f"no button {name!r}"
    return {key: markup.unescape(value) for key, value in re.findall(r'([\w-]+)="([^"]*)"', found[0])}


def undo_of(html: str) -> str:
    found = re.search(r'name="undo" value="([^"]+)"', html)
    assert found
    return markup.unescape(found[1])


def undo(client: Client, html: str) -> str:
    answer = client.post(f"{PAGE}undo/", {"undo": undo_of(html), "scope": ""}, follow=True)
    return markup.unescape(read(answer))


def chosen(user: User, scope: Scope = EVERYTHING) -> dict[tuple[str, str], bool]:
    return notification_settings.read_choices(user, scope)
