"""Rules for an endpoint's address, format and options; problems are given by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hooks.formats import FORMATS, webhook_formats
from hooks.transports import outbound
from notifications_project.masking import DOTS
from notifications_project.network.web_address import BadAddress, parse


class InvalidRule(Exception):
    """A hook was asked for with faults: `errors` maps a field's name to a message for people."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in errors.items()))
        self.errors = errors


def check(errors: dict[str, str]) -> None:
    if errors:
        raise InvalidRule(errors)


def read_url(url: str) -> tuple[str, dict[str, str]]:
    """The URL as it is stored and dialled, and what is wrong with it. It looks a name up, which may take its time."""
    if DOTS[0] in url:
        return url, {"url": "Give the whole URL: the dots stand for what is not shown."}
    try:
        return str(outbound.check_url(url)), {}
    except (outbound.ForbiddenAddress, BadAddress) as error:
        return url, {"url": str(error)}


def destination_problem(url: str, format: str, options: Mapping[str, Any]) -> dict[str, str]:
    """A URL that the format cannot go to; or one with a name and password where the format has a token of its own,
    as a request has one Authorization header."""
    known = FORMATS.get(format)
    if known and (problem := known.problem_with_url(url)):
        return {"url": problem}
    try:
        twice = known is not None and known.authorizes(options) and bool(parse(url).userinfo)
    except BadAddress:
        return {}
    text = "The token of this format is sent where the name and password of the URL would be: leave one of them out."
    return {"url": text} if twice else {}


def format_problem(name: str, options: Mapping[str, Any]) -> dict[str, str]:
    """`options`: all of them, the secret ones too. What is wrong with one is called `options.<its name>`."""
    offered = {known.name: known for known in webhook_formats()}
    if name not in offered:
        return {"format": f"Unknown format: choose one of {', '.join(offered)}."}
    return {f"options.{option}": text for option, text in offered[name].check_options(options).items()}
