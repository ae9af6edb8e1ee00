"""Upkeep of accounts, which the workers run once a minute: send postponed mails, delete expired rows."""

from __future__ import annotations

from notifications_project.accounts import counters, invitations, quotas
from notifications_project.isolation import isolate

_STEPS = (invitations.mail_due, invitations.forget_old, quotas.forget_expired, counters.forget_expired)


def run() -> None:
    """Run all tasks once; each is bounded and may be repeated."""
    for step in _STEPS:
        with isolate(f"a step of the upkeep of accounts failed: {step.__name__}"):
            step()
