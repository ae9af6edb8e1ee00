"""Attempts as pages show them: the request and the answer, as text to read."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext, pgettext_lazy

from hooks.messages import Verdict
from hooks.models import Attempt, Delivery
from hooks.presentation import delivery_lists
from notifications_project import json_text

_CODES = {
    "time-out": pgettext_lazy("attempt", "time-out"),
    "connection": pgettext_lazy("attempt", "connection"),
    "dns": pgettext_lazy("attempt", "DNS"),
    "tls": pgettext_lazy("attempt", "TLS"),
    "refused": pgettext_lazy("attempt", "refused"),
    "protocol": pgettext_lazy("attempt", "protocol"),
    "invalid": pgettext_lazy("attempt", "invalid"),
    "error": pgettext_lazy("attempt", "error"),
}
_PHASES = {
    "dns": pgettext_lazy("phase", "DNS"),
    "connect": pgettext_lazy("phase", "connect"),
    "tls": pgettext_lazy("phase", "TLS"),
    "wait": pgettext_lazy("phase", "wait"),
}


@dataclass(frozen=True)
class Shown:
    """An attempt and its texts. `phases`: name, milliseconds, begin and width in percent."""

    attempt: Attempt
    tone: str
    request: str
    body: str
    response: str
    phases: list[tuple[str, int, float, float]]

    @property
    def number(self) -> int:
        return self.attempt.number

    @property
    def words(self) -> str:
        """Return the explanation, without the code that stands before it in a badge."""
        return self.attempt.explanation.removeprefix(self.attempt.code).lstrip() or gettext("No words came with it")

    @property
    def code(self) -> str:
        """Return the code as a word to read: a status of HTTP stays as it is."""
        return str(_CODES.get(self.attempt.code, self.attempt.code))


def describe_attempt(delivery: Delivery, attempt: Attempt) -> Shown:
    return Shown(
        attempt=attempt,
        tone="good" if attempt.verdict == Verdict.DELIVERED else "bad",
        request=_request_text(attempt.request),
        body=indent_body(_get_body(delivery, attempt.request)),
        response=_format_response(attempt.response),
        phases=[(str(_PHASES.get(name, name)), *bar) for name, bar in delivery_lists.measure_phases(attempt)],
    )


def build_curl(delivery: Delivery, attempt: Attempt) -> str:
    """Return the same request as a command, for readers who may see the URL. Its signature is the one of that time.

    An attempt keeps the host alone: the rest is the URL as it is now, if it leads to the same place.
    """
    request, endpoint = attempt.request, delivery.endpoint
    url = str(request.get("url", ""))
    if url == endpoint.address:
        url = endpoint.whole_address or url
    lines = [f"curl -X POST {shlex.quote(url)}"]
    lines += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in request.get("headers", {}).items()]
    lines.append(f"--data-binary {shlex.quote(_get_body(delivery, request))}")
    return " \\\n  ".join(lines)


def indent_body(body: str) -> str:
    """JSON with indentation; anything else as it is, also what is nested beyond all reason."""
    try:
        return json_text.indent(body)
    except ValueError:
        return body


def _get_body(delivery: Delivery, request: dict[str, Any]) -> str:
    return str(request.get("body", delivery.event.representation))


def _request_text(request: dict[str, Any]) -> str:
    lines = [f"{request.get('method', 'POST')} {request.get('url', '')}"]
    lines += [f"{name}: {value}" for name, value in request.get("headers", {}).items()]
    return "\n".join(lines)


def _format_response(response: dict[str, Any]) -> str:
    if not response:
        return ""
    lines = [str(response.get("status", ""))]
    lines += [f"{name}: {value}" for name, value in response.get("headers", {}).items()]
    body = indent_body(str(response.get("body", "")))
    return "\n".join(lines) + (f"\n\n{body}" if body else "")
