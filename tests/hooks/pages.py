"""Helpers for tests of the pages about hooks: a webhook with a secret in its URL, and the paths of its pages."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from events.models import Event
from hooks.manage import rules
from hooks.models import Hook
from notifications_project.accounts.models import Organization, User

ClientOf = Callable[[User], Client]
Webhook = Callable[..., Hook]
Record = Callable[..., Event]
FILLED = {"name": "Audit trail", "url": "http://127.0.0.1:9/in", "format": "raw", "enabled": "on"}


def add_webhook(acme: Organization, name: str = "Receiver", **fields: object) -> Hook:
    fields = {"url": "http://ann:secret@127.0.0.1:9/in?token=t0p", **fields}
    return rules.create_webhook(organization=acme, actor=None, spec=rules.WebhookSpec.of(name=name, **fields))[0]


def page_of(home: str, hook: Hook, rest: str = "") -> str:
    return f"{home}/hooks/{hook.public_id}/{rest}"
