"""Parts of sentences that several pages use: lists of names, times to come, addresses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext, ngettext

from hooks.endpoints.options import mask_endpoint_url
from hooks.models import Endpoint
from notifications_project.masking import mask_to_host
from notifications_project.words import format_span, number

_NAMED = 4  # more names than this become "and 7 more"


def join_names(names: Sequence[str], most: int = _NAMED) -> str:
    """Return names as a sentence has them: "a", "a and b", "a, b and c", and for long ones "a, b, c and 7 more"."""
    shown = list(names)
    if len(names) > most:
        more = len(names) - most + 1
        shown = [*names[: most - 1], ngettext("%(number)s more", "%(number)s more", more) % {"number": number(more)}]
    if len(shown) < 2:
        return "".join(shown)
    return gettext("%(names)s and %(last)s") % {"names": ", ".join(shown[:-1]), "last": shown[-1]}


def write_until(when: datetime, now: datetime) -> str:
    """Return a time to come in words: "now" or "in 4 min"."""
    if when <= now + timedelta(seconds=1):
        return gettext("now")
    return gettext("in %(span)s") % {"span": format_span((when - now).total_seconds())}


def count_waiting(waiting: int) -> str:
    """Return how many deliveries wait: "2 deliveries wait.", "Nothing waits."."""
    return fill_waiting(ngettext("%(number)s delivery waits.", "%(number)s deliveries wait.", waiting), waiting)


def count_waiting_for_enabling(waiting: int) -> str:
    """Return how many deliveries wait for a disabled hook or channel."""
    then = ngettext(
        "%(number)s delivery waits until it is enabled again.",
        "%(number)s deliveries wait until it is enabled again.",
        waiting,
    )
    return fill_waiting(then, waiting)


def fill_waiting(text: str, waiting: int) -> str:
    """Return the text with its `number`, or that nothing waits."""
    return text % {"number": number(waiting)} if waiting else gettext("Nothing waits.")


def capitalize(text: str) -> str:
    """Return the text with its first letter as a capital, and the others as they are."""
    return f"{text[:1].upper()}{text[1:]}"


def show_address(endpoint: Endpoint, *, secret: bool = False) -> str:
    """Return an address as everybody may read it: of a URL its host.

    `secret`: as who manages hooks may read it, still masked.
    """
    if endpoint.kind == Endpoint.Kind.EMAIL:
        return endpoint.address
    return mask_endpoint_url(endpoint) if secret else mask_to_host(endpoint.address)
