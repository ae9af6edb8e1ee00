"""Masking hides the secret parts of URLs; every page, log and record shows URLs by its rules.

Users who manage hooks see the result of `mask`; other users and all records get that of `mask_to_host`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from notifications_project.network.web_address import BadAddress, WebAddress, parse

DOTS = "••••••"

# Services whose URL alone allows to post there, each with the number of leading path segments that are no secret.
_SHOWN_SEGMENTS = {
    "hooks.slack.com": 1,
    "discord.com": 2,
    "discordapp.com": 2,
    "hooks.zapier.com": 2,
    "webhook.office.com": 0,
    "logic.azure.com": 1,
    "powerplatform.com": 1,
    "chat.googleapis.com": 2,
    "ntfy.sh": 0,
    "api.telegram.org": 0,
    "api.flowdock.com": 2,
    "maker.ifttt.com": 1,
    "make.com": 0,
    "integromat.com": 0,
    "n8n.cloud": 1,
    "pipedream.net": 0,
    "webhook.site": 0,
    "opsgenie.com": 2,
    "alert.victorops.com": 3,
    "datadoghq.com": 1,
    "hooks.tray.io": 0,
    "open.feishu.cn": 4,
    "qyapi.weixin.qq.com": 3,
}
# Services whose host name begins with the token, in front of these endings.
_TOKEN_BEFORE = (
    "pipedream.net", "lambda-url.*.on.aws", "execute-api.*.amazonaws.com", "requestcatcher.com", "webhook.site",
    "beeceptor.com", "ngrok.io", "ngrok.app", "ngrok-free.app", "ngrok-free.dev", "trycloudflare.com", "loca.lt",
    "hookdeck.com",
)  # fmt: skip
_HIDDEN_HOSTS = re.compile(
    "(.+)(\\.(?:" + "|".join(re.escape(each).replace(r"\*", "[^.]+") for each in _TOKEN_BEFORE) + "))\\.?"
)

_RECOGNIZED = 12  # characters of a secret whose beginning is shown
_LONG = 16  # letters and digits at least of a segment that may be a token
_ODD = 8  # of them at least belong to no name, and at least a third of all
_SHORTEST = 6  # characters; shorter parts of a URL are not looked for in answers, as they are words of any text
# Names that people give: "v2", "team42", "alerts", "IncomingWebhook", "API", "2026".
_NAME = re.compile(r"[A-Za-z]|\d{1,5}|v\d{1,4}|[A-Z]{2,12}\d{0,4}|[A-Z]?[a-z]{2,24}(?:[A-Z][a-z]{2,24}){0,4}\d{0,4}")
_WORD = re.compile(r"[A-Z]?[a-z]{1,12}(?:[-_][a-z]{1,12})*|v\d{1,2}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_BETWEEN = re.compile(r"[^A-Za-z0-9]+")


def mask(value: str) -> str:
    """Return a URL for users who manage hooks, with dots for its secret parts; of any other text at most the beginning.

    Secret are user and password, the query, the parts that the table of services names, and segments of the path
    that look like a random token.
    """
    if "://" not in value:
        if value.endswith(DOTS) and len(value) <= 4 + len(DOTS):
            return value  # masked already: masking it again would hide which of two tokens it is
        # A few characters tell two tokens apart; of a short token they would be half of it, or all.
        return f"{value[:4] if len(value) >= _RECOGNIZED else ''}{DOTS}" if value else ""
    if DOTS in value:
        return value  # it is masked already
    try:
        found = parse(value)
    except BadAddress:
        return DOTS
    user = f"{DOTS}@" if found.userinfo else ""
    query = "" if found.query is None else f"?{DOTS}" if found.query else "?"
    return f"{found.scheme}://{user}{_mask_place(found)}{_mask_path(found)}{query}"


def mask_to_host(value: str) -> str:
    """Return the part of a URL that everybody may read: scheme and host, and dots if there is more."""
    if "://" not in value:
        return mask(value)
    if DOTS in value:
        scheme, _, rest = value.partition("://")
        place, slash, more = rest.rpartition("@")[2].partition("/")
        return f"{scheme}://{place.partition('?')[0]}{f'/{DOTS}' if more or '?' in place or '@' in rest else slash}"
    try:
        found = parse(value)
    except BadAddress:
        return DOTS
    more = f"/{DOTS}" if found.userinfo or found.target != "/" else found.path
    return f"{found.scheme}://{_mask_place(found)}{more}"


def replace_secrets(text: str, secrets: Mapping[str, str]) -> str:
    """Return a text in which each secret is replaced by its value in `secrets`, in every spelling of the secret."""
    if not text or not secrets:
        return text
    pattern, instead = _compile_ways(tuple(secrets.items()))
    return pattern.sub(lambda found: instead[found[0]], text)


@lru_cache(maxsize=1024)
def _compile_ways(secrets: tuple[tuple[str, str], ...]) -> tuple[re.Pattern[str], dict[str, str]]:
    """Return a pattern of all spellings of the secrets, the longest first, and the replacement of each spelling.

    The results are cached, as each attempt at an endpoint looks for the same secrets in a dozen texts.
    """
    instead: dict[str, str] = {}
    for secret, shown in secrets:
        plain, escaped = unquote(secret), json.dumps(secret)[1:-1]
        ways = {secret, plain, *(quote(each, safe=safe) for each in (secret, plain) for safe in ("", "/"))}
        ways |= {quote_plus(secret), quote_plus(plain), escaped, escaped.replace("/", "\\/")}
        instead |= dict.fromkeys(filter(None, ways), shown)
    longest_first = sorted(instead, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)"), instead


def mask_options(secrets: Mapping[str, Any]) -> dict[str, str]:
    """Return the secret options, each with its masked form, in the shape that `replace_secrets` takes."""
    return {str(value): mask(str(value)) for value in secrets.values() if value}


def find_secrets(url: str) -> dict[str, str]:
    """Return the parts of a URL that must not be recorded when a receiver repeats them, for `replace_secrets`.

    These are all parts of path and query that are no plain word, each with its replacement.
    """
    return dict.fromkeys(_list_secret_parts(url), DOTS)


@lru_cache(maxsize=1024)
def _list_secret_parts(url: str) -> tuple[str, ...]:
    try:
        found = parse(url)
    except BadAddress:
        return (url,)
    parts = [part for part in found.path.split("/") if len(part) >= _SHORTEST and not _WORD.fullmatch(part)]
    parts += [each.partition("=")[2] for each in (found.query or "").split("&")]
    parts += [unquote(part) for part in found.userinfo.split(":")]
    if found.userinfo:
        parts.append(found.authorization.removeprefix("Basic "))
    whole = [found.target, found.path, found.query or ""]
    if (host := _mask_host(found.host)) != found.host:
        whole.append(found.host)
        parts.append(found.host.removesuffix(host.removeprefix(DOTS)))
    return tuple(each for each in [*whole, *parts] if len(each) >= _SHORTEST)


def _mask_place(found: WebAddress) -> str:
    host = _mask_host(found.host)
    if host == found.host:
        return found.netloc
    return replace(found, host="x").netloc.replace("x", host, 1)


def _mask_host(host: str) -> str:
    """Return a host without the token that it contains at some services, or that one of its labels looks like."""
    if hidden := _HIDDEN_HOSTS.fullmatch(host):
        return DOTS + hidden[2]
    if ":" in host:
        return host
    return ".".join(DOTS if _looks_secret(label) else label for label in host.split("."))


def _mask_path(found: WebAddress) -> str:
    shown = next(
        (shown for service, shown in _SHOWN_SEGMENTS.items() if f".{found.host}".endswith(f".{service}")), None
    )
    first, *segments = found.path.split("/")
    if shown is not None:
        return "/".join([first, *segments[:shown], DOTS]) if any(segments[shown:]) else found.path
    return "/".join([first, *(DOTS if _looks_secret(segment) else segment for segment in segments)])


def _looks_secret(segment: str) -> bool:
    """Tell whether a path segment is long and consists so little of names that it must be random."""
    parts = _BETWEEN.split(segment)
    long = sum(map(len, parts))
    odd = sum(len(part) for part in parts if not _NAME.fullmatch(part))
    return bool(_UUID.search(segment)) or (long >= _LONG and odd >= max(_ODD, long / 3))
