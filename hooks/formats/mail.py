"""`mail`: the event as an e-mail for a person."""

from __future__ import annotations

from django.conf import settings
from django.template.loader import render_to_string

from hooks.formats.base import Format
from hooks.messages import Message, Notification
from hooks.wording import plain, tell


class Mail(Format):
    name = "mail"
    label = "E-mail"
    help = "A short text and HTML mail."
    transport = "smtp"
    signed = False

    def write(self, notification: Notification) -> Message:
        story = tell(notification)
        context = {
            "story": story,
            "facts": [*story.facts, story.when],
            "notification": notification,
            "hooks": [
                (
                    reason["name"],
                    f"{settings.PUBLIC_URL}/organizations/{notification.organization_id}/hooks/{reason['id']}/",
                )
                for reason in notification.reasons
                if reason["rule"] == "hook"
            ],
        }
        # The same for all of an application but for what happened, so that clients keep it together.
        thread = f"<{story.thread}@{_domain()}>"
        subject = f"{'[Test] ' if story.is_test else ''}[{plain.name(notification.organization)}] {story.subject}"
        return Message(
            body=render_to_string("mail/event.txt", context).encode(),
            content_type="text/plain",
            headers={
                # Constant over retries, so that a client shows a repeated mail once (facts/channels.md, 7).
                "Message-ID": f"<{notification.webhook_id}@{_domain()}>",
                # A root that was never sent: every mail about one application answers it, and so they stay together.
                "In-Reply-To": thread,
                "References": thread,
                "List-Id": f"<{story.thread}.{_domain()}>",
                "Auto-Submitted": "auto-generated",
                "X-Auto-Response-Suppress": "All",
            },
            subject=subject,
            html=render_to_string("mail/event.html", context),
        )


def _domain() -> str:
    return settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> ")
