"""Checks of an endpoint's URL, format and options as they are typed; problems are given by field.

The address that a name resolves to is checked again for each request (`transports.outbound`); e-mail addresses are
checked by `mail.addresses`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from hooks.formats import FORMATS, list_webhook_formats
from hooks.transports import outbound
from notifications_project.field_errors import FieldErrors
from notifications_project.masking import DOTS
from notifications_project.network.web_address import BadAddress, parse


class InvalidRule(FieldErrors):
    """A hook or channel was asked for with invalid values."""


def check(errors: dict[str, str]) -> None:
    if errors:
        raise InvalidRule(errors)


def read_url(url: str) -> tuple[str, dict[str, str]]:
    """Return the URL as it is stored and dialled, and its problems. Looks up the host name, which may take a while."""
    if DOTS[0] in url:
        return url, {"url": gettext("Give the whole URL: the dots stand for what is not shown.")}
    try:
        return str(outbound.check_url(url)), {}
    except BadAddress as error:
        return url, {"url": error.describe()}
    except outbound.ForbiddenAddress as error:
        return url, {"url": str(error)}


def find_destination_problem(url: str, format: str, options: Mapping[str, Any]) -> dict[str, str]:
    """Return the problem with a URL that the format cannot post to.

    A name and password beside a token is one: a request has a single Authorization header.
    """
    known = FORMATS.get(format)
    if known and (problem := known.find_url_problem(url)):
        return {"url": problem}
    try:
        twice = known is not None and known.has_authorization(options) and bool(parse(url).userinfo)
    except BadAddress:
        return {}
    text = gettext(
        "The token of this format is sent in place of the name and password in the URL: leave one of them out."
    )
    return {"url": text} if twice else {}


def format_problem(name: str, options: Mapping[str, Any]) -> dict[str, str]:
    """Return the problems with a format and all its options, the secret ones too, as `options.<name>`."""
    offered = {known.name: known for known in list_webhook_formats()}
    if name not in offered:
        return {"format": gettext("Unknown format: choose one of %(names)s.") % {"names": ", ".join(offered)}}
    return {f"options.{option}": text for option, text in offered[name].check_options(options).items()}
