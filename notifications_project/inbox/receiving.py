"""Arriving messages are stored; only the newest are kept, as this is a demo and no archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction

from notifications_project import graphemes, json_text
from notifications_project.inbox import reading
from notifications_project.inbox.models import NO_BODY, UNTITLED_BODY, UNTITLED_EMAIL, UNTITLED_JSON, Box, Message
from notifications_project.inbox.signature import judge

KEPT = 200
STATUS = {Box.Answer.OK: 200, Box.Answer.ERROR: 500, Box.Answer.BUSY: 429, Box.Answer.GONE: 410, Box.Answer.SLOW: 200}


def store_webhook(box: Box, method: str, body: bytes, headers: Mapping[str, str], addresses: set[str]) -> Message:
    """Store a request to `box`. `addresses` are the URLs by which a webhook may know the box."""
    verdict = judge(body, {name.lower(): value for name, value in headers.items()}, addresses)
    return _keep(
        Message(
            kind=Message.Kind.WEBHOOK,
            box=box,
            method=method,
            status=STATUS[Box.Answer(box.answer)],
            title=_build_title(body),
            headers=[[name, value] for name, value in headers.items()],
            body=body,
            signature=verdict.signature,
            signature_reason=graphemes.cut(verdict.reason, 300),
        )
    )


def store_email(sender: str, recipients: Sequence[str], body: bytes) -> Message:
    """Store an e-mail with the sender and recipients of its SMTP envelope."""
    return _keep(
        Message(
            kind=Message.Kind.EMAIL,
            title=graphemes.cut(reading.read_mail(body).subject, 300) or UNTITLED_EMAIL,
            body=body,
            sender=sender[:254],
            recipients=list(recipients),
        )
    )


@transaction.atomic
def _keep(message: Message) -> Message:
    message.save(force_insert=True)
    last = Message.objects.order_by("-pk").values_list("pk", flat=True)[KEPT - 1 : KEPT].first()
    if last is not None:
        Message.objects.filter(pk__lt=last).delete()
    return message


def _build_title(body: bytes) -> str:
    """Return a title for a webhook from its body; empty if the body has none."""
    try:
        content = json_text.parse(body)
    except ValueError:
        return UNTITLED_BODY if body else NO_BODY
    kind = content.get("event_type") or content.get("type") if isinstance(content, dict) else None
    return graphemes.cut(str(kind), 300) if kind else UNTITLED_JSON
