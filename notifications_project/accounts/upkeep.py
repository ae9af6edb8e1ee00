"""What the workers do once a minute for accounts: send what had to wait, delete what is over."""

from __future__ import annotations

from notifications_project.accounts import counters, invitations, quotas
from notifications_project.isolation import isolated

_STEPS = (invitations.mail_due, invitations.forget_old, quotas.forget_expired, counters.forget_expired)


def run() -> None:
    """Do one round; everything in it is bounded and may be repeated."""
    for step in _STEPS:
        with isolated(f"a step of the upkeep of accounts failed: {step.__name__}"):
            step()
