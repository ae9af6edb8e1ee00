"""The words for a mail's footer (the reasons for it, and how to unsubscribe) and for the confirmation of an address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.utils import translation
from django.utils.translation import npgettext, pgettext

from events import catalogue
from hooks.messages import Notification, Reason, RuleKind
from hooks.wording import get_resource_id, plain
from notifications_project.mail.unlinking import unlink

OWN = frozenset({RuleKind.SETTING, RuleKind.DEFAULT, RuleKind.ROLE})  # rules that members control themselves
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Why:
    """A sentence that gives a reason for the mail, and links (text, URL) that follow it."""

    text: str
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Footer:
    whys: tuple[Why, ...]
    unsubscribe: str  # the text of the link


@dataclass(frozen=True)
class Confirmation:
    language: str
    subject: str
    title: str
    line: str
    hooks: str  # the label before the names of the hooks
    link: str
    note: str
    colon: str


def build_footer(notification: Notification, language: str) -> Footer:
    """Return the footer, with a sentence for every rule that asked for the mail."""
    hooks = [reason for reason in notification.reasons if reason["rule"] == RuleKind.HOOK]
    with translation.override(language):
        leave = pgettext("mail", "No more e-mails of this kind")
        if hooks:
            leave = npgettext("mail", "Unsubscribe from this hook", "Unsubscribe from these hooks", len(hooks))
        return Footer(tuple(_list_whys(notification, hooks)), leave)


def build_confirmation(organization: str) -> Confirmation:
    """Return the words of the mail that asks an address to confirm, in the platform's language."""
    with translation.override(settings.MESSAGE_LANGUAGE):
        return _build_confirmation({"organization": unlink(plain.make_name(organization))})


def _build_confirmation(named_so: dict[str, str]) -> Confirmation:
    return Confirmation(
        language=settings.MESSAGE_LANGUAGE.partition("-")[0],
        subject=pgettext("mail", "[%(organization)s] Please confirm this address") % named_so,
        title=pgettext("mail", "%(organization)s would like to send you notifications") % named_so,
        line=pgettext(
            "mail",
            "Somebody at %(organization)s gave this address, so that it is told by e-mail when something happens there."
            " Nothing more is sent to it unless you confirm that you want this.",
        )
        % named_so,
        hooks=pgettext("mail", "What it is for"),
        link=pgettext("mail", "Yes, send me these e-mails"),
        note=pgettext(
            "mail",
            "The link works for a week. If you do not want these e-mails, or do not know what this is about,"
            " you need do nothing.",
        ),
        colon=pgettext("event", ": "),
    )


def clean_hook_name(hook: str) -> str:
    """Return a hook's name on one line, without anything that a mail client turns into a link."""
    return unlink(plain.make_line(hook, _LONGEST_NAME))


def _list_whys(notification: Notification, hooks: list[Reason]) -> Iterator[Why]:
    named_so = {"organization": unlink(plain.make_name(notification.organization))}
    own = ((pgettext("mail", "Change this in your settings"), _get_settings_page(notification)),)
    rules = {reason["rule"] for reason in notification.reasons}
    if hooks:
        because = npgettext(
            "mail",
            "You get this because of an e-mail hook of %(organization)s:",
            "You get this because of e-mail hooks of %(organization)s:",
            len(hooks),
        )
        owner = f"{settings.PUBLIC_URL}/organizations/{notification.organization_id}"
        links = tuple((clean_hook_name(reason["name"]), f"{owner}/hooks/{reason['id']}/") for reason in hooks)
        yield Why(because % named_so, links)
    if "setting" in rules:
        yield Why(pgettext("mail", "You get this because you chose it in your notification settings."), own)
    if "default" in rules:
        text = pgettext(
            "mail",
            "You get this as a member of %(organization)s: such events are e-mailed to members by default.",
        )
        yield Why(text % named_so, own)
    if "role" in rules:
        text = pgettext(
            "mail",
            "You get this as an administrator or manager of %(organization)s: they are told about trouble with hooks.",
        )
        yield Why(text % named_so, own)
    if "digest" in rules:
        yield Why(pgettext("mail", "You get this because your quiet time is over."), own)


def _get_settings_page(notification: Notification) -> str:
    """Return the URL of the cell in *My notifications* that asked for the mail, or of the page if none did."""
    page = f"{settings.PUBLIC_URL}/account/notifications/"
    if not catalogue.is_offered(notification.event_type):
        return page
    chosen = {reason.get("name") for reason in notification.reasons if reason["rule"] == RuleKind.SETTING}
    scope = notification.organization_id if "organization" in chosen else ""
    if "resource" in chosen:
        scope = get_resource_id(notification)
    query = f"?{urlencode({'scope': scope})}" if scope else ""
    return f"{page}{query}#{notification.event_type}-email"
