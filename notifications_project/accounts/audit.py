"""The audit log: `record` alone writes it; the other functions put entries into words."""

from __future__ import annotations

from typing import Any

from notifications_project import graphemes
from notifications_project.accounts.models import AuditEntry, Organization, User
from notifications_project.accounts.roles import Role


def record(organization: Organization, actor: User | str | None, action: str, target: str, **detail: Any) -> None:
    """Write an entry: `actor` did `action`, such as `hook.created`, to `target`, which is named as it is called now.

    `actor` None is the system; a text, such as an e-mail address, is a person without an account.
    Call it inside the transaction of the change itself. `detail` is small JSON and must never hold a secret.
    """
    AuditEntry.objects.create(
        organization=organization,
        actor=actor if isinstance(actor, User) else None,
        actor_name=graphemes.begin(str(actor), 254) if actor else "system",
        action=action,
        target=graphemes.begin(target, 200),
        detail=detail,
    )


# Phrases of actions for which "<verb> the <noun>" would not read well.
_PHRASES = {
    "member.added": "added the member",
    "member.left": "left",
    "member.email_changed": "changed the e-mail address of the member",
    "user.email_changed": "changed their e-mail address",
    "invitation.created": "invited",
    "invitation.resent": "sent the invitation again to",
    "invitation.revoked": "revoked the invitation of",
    "invitation.accepted": "accepted the invitation of",
    "invitation.declined": "declined the invitation of",
    "member.role_changed": "changed the role of",
    "hook.tested": "tested the hook",
    "hook.token_verified": "checked the token of the hook",
    "hook.secret_rotated": "made a new secret for the hook",
    "hook.unsubscribed": "unsubscribed from the hook",
    "hook.resubscribed": "undid unsubscribing from the hook",
    "address.asked_again": "sent the mail to confirm again to",
    "address.tried_again": "had mail tried again to",
    "channel.secret_rotated": "made a new secret for the channel",
    "channel.token_verified": "checked the token of the channel",
    "channel.awake": "ended the snooze of the channel",
    "channel.quiet_hours_set": "set quiet hours for the channel",
    "channel.quiet_hours_ended": "ended the quiet hours of the channel",
    "delivery.redelivered": "sent again the delivery",
    "notification_settings.changed": "changed the notification settings for",
    "notification_settings.made_urgent": "is told even when snoozed of",
    "notification_settings.made_not_urgent": "is no longer told when snoozed of",
    "event.recorded": "recorded the event",
}
_NAMED = 3  # settings that an entry names at most
_NOUNS = {"addon": "add-on", "token": "API token", "email_hook": "e-mail hook"}


def phrase(action: str) -> str:
    """Return an action in words that stand between actor and target: "created the hook" for `hook.created`."""
    if action in _PHRASES:
        return _PHRASES[action]
    noun, _, verb = action.rpartition(".")
    return f"{verb.replace('_', ' ')} the {_NOUNS.get(noun, noun.replace('_', ' '))}"


def particulars(entry: AuditEntry) -> str:
    """Return the detail of an entry in words, such as "from Developer to Admin"; empty if there is nothing to add."""
    detail = {key: _value(value) for key, value in entry.detail.items()}
    before, after = detail.pop("before", ""), detail.pop("after", "")
    words = [f"from {before}" if before else "", f"to {after}" if after else ""]
    if role := detail.pop("role", ""):
        words.append(f"as {role}")
    if isinstance(settings := entry.detail.get("settings"), list):
        more = int(entry.detail.get("number", 0)) - len(settings[:_NAMED])
        del detail["settings"]
        detail.pop("number", None)
        words.append(f"({', '.join(settings[:_NAMED])}{f' and {more} more' if more > 0 else ''})")
    rest = ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in detail.items() if value)
    return " ".join(filter(None, [*words, f"({rest})" if rest else ""]))


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_value(each) for each in value)
    return str(Role(value).label if value in Role.values else value if value is not None else "")
