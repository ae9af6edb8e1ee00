"""Previews of a hook's messages: written as the real thing is, with a sample of an event type, and never sent.

Nobody reads a secret here: neither those of the options nor those in the address.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.utils import timezone
from django.utils.translation import gettext

from events import catalogue, representation
from events.catalogue import EventType, Subject
from events.models import Resource
from events.representation import Source
from hooks.endpoints.options import read_options, select_secret_options
from hooks.endpoints.validation import format_problem
from hooks.endpoints.webhooks import make_secret
from hooks.formats import FORMATS, Format
from hooks.messages import Message, Notification, RuleKind, Transport
from hooks.models import Endpoint, Hook
from hooks.transports.http import make_headers
from notifications_project import ids, json_text
from notifications_project.accounts.models import Organization
from notifications_project.encryption import Unreadable
from notifications_project.masking import mask, mask_options, mask_to_host, replace_secrets

_USUAL = "stack.redeploy.ok"
_FORM = "application/x-www-form-urlencoded"
_WITHOUT_RESOURCE = {Subject.APP, Subject.ORGANIZATION, Subject.ACCOUNT, Subject.CREDITS, Subject.HOOK}
_NAMES = {Resource.Kind.APPLICATION: "shop", Resource.Kind.ADDON: "shop-db"}


@dataclass(frozen=True)
class Draft:
    """A hook as far as it matters for what it sends; `options` has the secret ones too."""

    name: str
    format: str
    address: str
    options: Mapping[str, Any]
    events: Sequence[str] | None = None  # None: every event
    resources: Sequence[str] = ()  # the keys of those that it is restricted to
    hook: Hook | None = None  # as it is stored
    is_typed: bool = True  # in a form, by who may read more of its URL than the host
    endpoint: Endpoint | None = None  # that of the hook or the channel, as it is stored: its secret signs

    @classmethod
    def of(cls, hook: Hook, recipient: str) -> Draft:
        """Return a preview of the hook as it is stored. `recipient`: to whom an e-mail is addressed."""
        endpoint = hook.endpoint
        resources = [str(each.pk) for each in hook.resources.all()]
        if endpoint is None:
            return cls(hook.name, "mail", recipient, {}, hook.events, resources, hook)
        return cls(
            name=hook.name,
            format=endpoint.format,
            address=endpoint.whole_address,
            options=read_options(endpoint),
            events=hook.events,
            resources=resources,
            hook=hook,
            is_typed=False,
            endpoint=endpoint,
        )


@dataclass(frozen=True)
class Preview:
    """A message that would be sent, to be shown."""

    format: Format
    first: str  # the line before the headers
    headers: tuple[tuple[str, str], ...]
    text: str
    body: Any  # what the body says, for the templates that draw it: data, or a text
    drawn: str  # the template that draws it; empty if there is none
    signed: bool
    subject: str = ""
    html: str = ""
    problems: tuple[str, ...] = ()

    @property
    def head(self) -> str:
        return "\n".join([*filter(None, [self.first]), *(f"{name}: {value}" for name, value in self.headers)])


def choose_first_type(events: Sequence[str] | None) -> str:
    """The type shown first: a deployment if the hook asks for it, else the first that it asks for."""
    asked = catalogue.expand(events)
    if not asked or _USUAL in asked:
        return _USUAL
    return next(name for name in catalogue.EVENT_TYPES if name in asked)


def preview(organization: Organization, draft: Draft, event_type: str, language: str = "") -> Preview:
    """`draft.format` and `event_type` must be known."""
    known = FORMATS[draft.format]
    notification = _build_notification(organization, draft, event_type, language)
    problems = [] if known.transport == Transport.SMTP else [*format_problem(draft.format, draft.options).values()]
    try:
        message = known.write(notification)
    except ValueError:  # as when it is to be delivered: the address is none
        message, problems = Message(b"", "text/plain"), [*problems, gettext("Nothing can be written for this URL.")]
    if message.unsent:
        problems = [*problems, f"{message.unsent}."]
    if known.transport == Transport.SMTP:
        return _preview_mail(known, notification, message)
    secrets = mask_options(select_secret_options(draft.format, draft.options))
    headers = make_headers(notification, message, signed=known.signed)
    text = replace_secrets(message.body.decode(errors="replace"), secrets)
    # First the options: what is left of a masked address must not be taken for one of them.
    hidden = mask if draft.is_typed else mask_to_host
    address = hidden(replace_secrets(message.url or notification.address, secrets)) or gettext("(no URL yet)")
    return Preview(
        format=known,
        first=f"POST {address}",
        headers=tuple((name, replace_secrets(value, secrets)) for name, value in headers.items()),
        text=_make_readable(text, message.content_type),
        body=_parse(text, message.content_type),
        drawn=_get_template(known) if message.body else "",
        signed=known.signed,
        problems=tuple(problems),
    )


def _preview_mail(known: Format, notification: Notification, message: Message) -> Preview:
    headers = {
        "From": settings.DEFAULT_FROM_EMAIL,
        "To": notification.address,
        "Subject": message.subject,
        **message.headers,
    }
    text = message.body.decode()
    return Preview(
        format=known,
        first="",
        headers=tuple(headers.items()),
        text=text,
        body=text,
        drawn="",
        signed=False,
        subject=message.subject,
        html=message.html,
    )


def _build_notification(organization: Organization, draft: Draft, event_type: str, language: str) -> Notification:
    known = catalogue.EVENT_TYPES[event_type]
    now, delivery = timezone.now(), ids.uuid7()
    resource = _choose_resource(organization, draft, known)
    hook = draft.hook.public_id if draft.hook else ""
    return Notification(
        delivery=delivery,
        endpoint=ids.uuid7(),
        webhook_id=ids.encode("dlv", delivery),
        tries=0,
        event_type=event_type,
        representation=representation.build(
            event_id=ids.encode("evt", ids.uuid7()),
            event_type=event_type,
            occurred_at=now,
            organization=organization,
            resource=resource,
            is_test=False,
            source=Source.API if known.permission else Source.CONSOLE,
            data=known.sample,
        ),
        occurred_at=now,
        is_test=False,
        organization=organization.name,
        organization_id=organization.public_id,
        resource=resource.name if resource else None,
        address=draft.address,
        format=draft.format,
        options=dict(draft.options),
        signing_keys=_list_signing_keys(draft.endpoint),
        reasons=({"rule": RuleKind.HOOK, "id": hook, "name": draft.name},),
        language=language,
    )


def _choose_resource(organization: Organization, draft: Draft, known: EventType) -> Resource | None:
    """Return the resource of a sample.

    One that the hook is restricted to, else one that exists, best the sample's own.
    """
    if known.subject in _WITHOUT_RESOURCE:
        return None
    kind = Resource.Kind.ADDON if known.subject == Subject.ADDON else Resource.Kind.APPLICATION
    chosen = organization.resources.filter(pk__in=draft.resources, kind=kind).order_by("name").first()
    existing = organization.resources.filter(kind=kind, archived_at__isnull=True).order_by("name")
    called = existing.filter(name__iexact=str(known.sample.get("name", ""))).first()
    return chosen or called or existing.first() or Resource(kind=kind, name=_NAMES[kind])


def _list_signing_keys(endpoint: Endpoint | None) -> tuple[str, ...]:
    """Return the keys that sign now; where there are none yet, one that is made up."""
    if endpoint is None or isinstance(endpoint.secrets, Unreadable):
        return (make_secret(),)
    now = time.time()
    keys = endpoint.secrets.get("signing", [])
    return tuple(entry["key"] for entry in keys if not entry["until"] or entry["until"] > now)


def _parse(text: str, content_type: str) -> Any:
    if content_type.startswith(_FORM):
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        return json_text.parse(text)
    except ValueError:
        return text


def _make_readable(text: str, content_type: str) -> str:
    """JSON with indentation, a form with a line for each field; anything else as it is."""
    parsed = _parse(text, content_type)
    if isinstance(parsed, str):
        return parsed
    if content_type.startswith(_FORM):
        return "\n".join(f"{name} = {value}" for name, value in parsed.items())
    return json.dumps(parsed, indent=2, ensure_ascii=False)


def _get_template(known: Format) -> str:
    name = f"hooks/preview/{known.name}.html"
    try:
        get_template(name)
    except TemplateDoesNotExist:
        return ""
    return name
