"""Entries of the audit log are put into sentences here, in the language of the page."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from notifications_project.accounts.models import AuditEntry
from notifications_project.accounts.roles import Role

_SENTENCES: dict[str, Promise] = {
    "addon.added": _("%(actor)s added the add-on %(target)s"),
    "addon.archived": _("%(actor)s archived the add-on %(target)s"),
    "addon.renamed": _("%(actor)s renamed the add-on %(target)s"),
    "addon.restored": _("%(actor)s restored the add-on %(target)s"),
    "address.asked_again": _("%(actor)s sent the confirmation mail again to %(target)s"),
    "address.confirmed": _("%(actor)s confirmed the address %(target)s"),
    "address.tried_again": _("%(actor)s allowed mail to %(target)s again"),
    "application.added": _("%(actor)s added the application %(target)s"),
    "application.archived": _("%(actor)s archived the application %(target)s"),
    "application.renamed": _("%(actor)s renamed the application %(target)s"),
    "application.restored": _("%(actor)s restored the application %(target)s"),
    "channel.awake": _("%(actor)s ended the snooze of the channel %(target)s"),
    "channel.changed": _("%(actor)s changed the channel %(target)s"),
    "channel.enabled": _("%(actor)s enabled the channel %(target)s"),
    "channel.quiet_hours_ended": _("%(actor)s ended the quiet hours of the channel %(target)s"),
    "channel.quiet_hours_set": _("%(actor)s set quiet hours for the channel %(target)s"),
    "channel.removed": _("%(actor)s removed the channel %(target)s"),
    "channel.secret_rotated": _("%(actor)s made a new secret for the channel %(target)s"),
    "channel.set_up": _("%(actor)s set up the channel %(target)s"),
    "channel.snoozed": _("%(actor)s snoozed the channel %(target)s"),
    "channel.tested": _("%(actor)s tested the channel %(target)s"),
    "channel.token_verified": _("%(actor)s checked the token of the channel %(target)s"),
    "delivery.redelivered": _("%(actor)s sent the delivery %(target)s again"),
    "device.registered": _("%(actor)s registered the device %(target)s"),
    "device.removed": _("%(actor)s removed the device %(target)s"),
    "device.renamed": _("%(actor)s renamed the device %(target)s"),
    "device.tested": _("%(actor)s tested the device %(target)s"),
    "event.recorded": _("%(actor)s recorded the event %(target)s"),
    "hook.changed": _("%(actor)s changed the hook %(target)s"),
    "hook.created": _("%(actor)s created the hook %(target)s"),
    "hook.deleted": _("%(actor)s deleted the hook %(target)s"),
    "hook.disabled": _("%(actor)s disabled the hook %(target)s"),
    "hook.enabled": _("%(actor)s enabled the hook %(target)s"),
    "hook.resubscribed": _("%(actor)s subscribed to the hook %(target)s again"),
    "hook.secret_rotated": _("%(actor)s made a new secret for the hook %(target)s"),
    "hook.tested": _("%(actor)s tested the hook %(target)s"),
    "hook.token_verified": _("%(actor)s checked the token of the hook %(target)s"),
    "hook.unsubscribed": _("%(actor)s unsubscribed from the hook %(target)s"),
    "invitation.accepted": _("%(actor)s accepted the invitation of %(target)s"),
    "invitation.created": _("%(actor)s invited %(target)s"),
    "invitation.declined": _("%(actor)s declined the invitation of %(target)s"),
    "invitation.resent": _("%(actor)s sent the invitation again to %(target)s"),
    "invitation.revoked": _("%(actor)s revoked the invitation of %(target)s"),
    "member.added": _("%(actor)s added the member %(target)s"),
    "member.email_changed": _("%(actor)s changed the e-mail address of the member %(target)s"),
    "member.left": _("%(actor)s left the organization (%(target)s)"),
    "member.removed": _("%(actor)s removed the member %(target)s"),
    "member.role_changed": _("%(actor)s changed the role of %(target)s"),
    "notification_settings.changed": _("%(actor)s changed the notification settings for %(target)s"),
    "notification_settings.made_not_urgent": _("%(actor)s is no longer notified during quiet times: %(target)s"),
    "notification_settings.made_urgent": _("%(actor)s is notified even during quiet times: %(target)s"),
    "organization.created": _("%(actor)s created the organization %(target)s"),
    "organization.renamed": _("%(actor)s renamed the organization %(target)s"),
    "token.created": _("%(actor)s made the API token %(target)s"),
    "token.revoked": _("%(actor)s revoked the API token %(target)s"),
    "user.email_changed": _("%(actor)s changed their e-mail address %(target)s"),
}
_DETAILS: dict[str, Promise] = {
    "accepted": _("accepted: %(value)s"),
    "address": _("address: %(value)s"),
    "beginning": _("begins with %(value)s"),
    "by": _("by: %(value)s"),
    "count": _("number: %(value)s"),
    "fields": _("fields: %(value)s"),
    "invited_by": _("invited by %(value)s"),
    "kind": _("kind: %(value)s"),
    "reason": _("reason: %(value)s"),
    "replaced": _("replaced: %(value)s"),
    "type": _("event type: %(value)s"),
    "url": _("URL: %(value)s"),
}
_NAMED = 3  # settings that an entry names at most


def has_sentence(action: str) -> bool:
    """Tell whether an action, such as `hook.created`, has a sentence of its own."""
    return action in _SENTENCES


def write_sentence(entry: AuditEntry) -> SafeString:
    """Return who did what, with both names in bold: "<b>Ada</b> created the hook <b>Ops room</b>"."""
    if has_sentence(entry.action):
        sentence = str(_SENTENCES[entry.action])
    else:
        sentence = gettext("%(actor)s changed %(target)s (%(action)s)")
    named = {"actor": "<b>{actor}</b>", "target": "<b>{target}</b>", "action": "{action}"}
    return format_html(sentence % named, actor=_name_actor(entry), target=_name_target(entry), action=entry.action)


def _name_actor(entry: AuditEntry) -> str:
    is_system = entry.actor_id is None and entry.actor_name == "system"
    return pgettext("audit log", "system") if is_system else entry.actor_name


def _name_target(entry: AuditEntry) -> str:
    """Return the name of what an entry is about; settings for everything are stored with a word instead of a name."""
    is_everything = entry.action == "notification_settings.changed" and entry.target == "everything"
    return pgettext("audit log", "everything") if is_everything else entry.target


def write_particulars(entry: AuditEntry) -> str:
    """Return the detail of an entry in words, such as "from Developer to Administrator"; empty if there is none."""
    detail = dict(entry.detail)
    settings, number = detail.pop("settings", None), detail.pop("number", 0) if "settings" in entry.detail else 0
    before, after, role = (_write_value(detail.pop(key, "")) for key in ("before", "after", "role"))
    parts = []
    if before and after:
        parts.append(gettext("from %(before)s to %(after)s") % {"before": before, "after": after})
    elif after:
        parts.append(gettext("to %(after)s") % {"after": after})
    if role:
        parts.append(gettext("as %(role)s") % {"role": role})
    if isinstance(settings, list):
        parts.append(_write_settings(settings[:_NAMED], int(number) - len(settings[:_NAMED])))
    rest = ", ".join(
        _write_detail(key, _write_value(value)) for key, value in detail.items() if value not in (None, "")
    )
    return " ".join([*parts, *([f"({rest})"] if rest else [])])


def _write_settings(named: list[Any], more: int) -> str:
    names = ", ".join(str(name) for name in named)
    if more > 0:
        return gettext("(%(settings)s and %(number)s more)") % {"settings": names, "number": more}
    return f"({names})"


def _write_detail(key: str, value: str) -> str:
    if key in _DETAILS:
        return str(_DETAILS[key]) % {"value": value}
    return gettext("%(key)s: %(value)s") % {"key": key.replace("_", " "), "value": value}


def _write_value(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return ", ".join(_write_value(each) for each in value)
    return str(Role(value).label) if value in Role.values else str(value if value is not None else "")
