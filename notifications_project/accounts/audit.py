"""The audit log is written here, by `record` alone; `audit_words` puts entries into words."""

from __future__ import annotations

from typing import Any

from notifications_project import graphemes
from notifications_project.accounts.models import AuditEntry, Organization, User


def record(organization: Organization, actor: User | str | None, action: str, target: str, **detail: Any) -> None:
    """Write an entry: `actor` did `action`, such as `hook.created`, to `target`, which is named as it is called now.

    `actor` None is the system; a text, such as an e-mail address, is a person without an account.
    Call it inside the transaction of the change itself. `detail` is small JSON and must never hold a secret.
    """
    AuditEntry.objects.create(
        organization=organization,
        actor=actor if isinstance(actor, User) else None,
        actor_name=graphemes.cut(str(actor), 254) if actor else "system",
        action=action,
        target=graphemes.cut(target, 200),
        detail=detail,
    )
