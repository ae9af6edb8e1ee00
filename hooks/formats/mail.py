"""`mail` writes the event as an e-mail for a person."""

from __future__ import annotations

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import gettext_noop as _

from events import catalogue
from events.catalogue import Category, Outcome
from hooks import mail_links
from hooks.formats.base import Format
from hooks.messages import Message, Notification, RuleKind, Transport
from hooks.wording import mailing, plain, tell
from notifications_project.mail.addresses import encode_domain
from notifications_project.mail.unlinking import unlink

# The line beside the title: good, bad or neither. (A mail has no stylesheet that every client reads.)
_EDGES = {Outcome.GOOD: "#15734a", Outcome.BAD: "#b42424", Outcome.NEUTRAL: "#8a877e"}


class Mail(Format):
    name = "mail"
    label = "E-mail"
    help = _("A short text and HTML mail.")
    transport = Transport.SMTP
    signed = False

    def write(self, notification: Notification) -> Message:
        story = tell(notification)
        hooks = [reason["id"] for reason in notification.reasons if reason["rule"] == RuleKind.HOOK]
        own = any(reason["rule"] in mailing.OWN for reason in notification.reasons)
        told_about = notification.event_type if own else ""
        may_leave = not _is_about_access(notification) if own else bool(hooks)
        leave = mail_links.unsubscribe_url(notification.endpoint, hooks, told_about) if may_leave else ""
        context = {
            "story": story,
            "facts": [*story.facts, story.when],
            "language": story.language,
            "tone": story.outcome.value,
            "edge": _EDGES[story.outcome],
            "footer": mailing.build_footer(notification, story.language),
            "leave": leave,
        }
        # Clients thread an application's mails by References. Gmail threads only mails with equal subjects; the subject
        # names the news all the same, else a list of mails would not show what failed.
        thread = f"<{story.thread}@{find_domain()}>"
        sender = f"[{unlink(plain.make_name(notification.organization))}]"
        subject = " ".join(filter(None, [story.mark, sender, story.subject]))
        return Message(
            body=render_to_string("mail/event.txt", context).encode(),
            content_type="text/plain",
            headers={
                # Equal on every attempt: otherwise a client would show a repeated mail twice.
                "Message-ID": f"<{notification.webhook_id}@{find_domain()}>",
                # The root mail does not exist. Every mail about an application refers to it, so clients thread them.
                "In-Reply-To": thread,
                "References": thread,
                "List-Id": f"<{story.thread}.{find_domain()}>",
                **(_make_unsubscribe_headers(leave) if leave else {}),
                "Auto-Submitted": "auto-generated",
                "X-Auto-Response-Suppress": "All",
            },
            subject=subject,
            html=render_to_string("mail/event.html", context),
            private=leave.rstrip("/").rpartition("/")[2],
        )


def _is_about_access(notification: Notification) -> bool:
    """Tell whether the event is about access rights. No unsubscribe link may end such mails, only the settings may."""
    known = catalogue.EVENT_TYPES.get(notification.event_type)
    return known is not None and known.category == Category.ACCESS


def _make_unsubscribe_headers(url: str) -> dict[str, str]:
    """Return the headers of one-click unsubscribing (RFC 8058). Mail clients require an https URL (PUBLIC_URL)."""
    return {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def find_domain() -> str:
    """Return the domain of the sender in ASCII. In a Message-ID other characters would become an encoded word."""
    return encode_domain(settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> "))
