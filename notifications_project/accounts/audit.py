"""The audit log: the one function that writes it."""

from __future__ import annotations

from typing import Any

from notifications_project.accounts.models import AuditEntry, Organization, User


def record(organization: Organization, actor: User | None, action: str, target: str, **detail: Any) -> None:
    """Write that `actor` (None: the system) did `action` (`hook.created`) to `target` (its name then).

    Call it inside the transaction of the change itself. `detail` is small JSON and never holds a secret.
    """
    AuditEntry.objects.create(
        organization=organization,
        actor=actor,
        actor_name=str(actor) if actor else "system",
        action=action,
        target=target[:200],
        detail=detail,
    )
