"""Reads settings from environment variables; a wrong value is one clear line, never a guess."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()


class BadSetting(ImproperlyConfigured):
    """A setting from the environment that cannot be used; the message names it."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")


def read_file(path: Path) -> None:
    """Take settings from a file of NAME=value lines; the real environment wins."""
    environ.Env.read_env(path, overwrite=False)


def text(name: str, default: str = "") -> str:
    return str(env.str(name, default=default)).strip()


def flag(name: str, default: bool = False) -> bool:
    value = text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise BadSetting(name, f"must be true or false, not {value!r}")


def choice(name: str, default: str, *others: str) -> str:
    value = text(name, default).lower()
    if value not in {default, *others}:
        raise BadSetting(name, f"must be one of {', '.join([default, *others])}, not {value!r}")
    return value


def number(name: str, default: int, at_least: int, at_most: int) -> int:
    value = text(name)
    if not value:
        return default
    if not value.isdecimal() or not at_least <= int(value) <= at_most:
        raise BadSetting(name, f"must be a whole number from {at_least} to {at_most}, not {value!r}")
    return int(value)


def words(name: str) -> list[str]:
    return [word for word in (part.strip() for part in text(name).split(",")) if word]


def web_address(name: str, default: str) -> str:
    """An absolute http(s) address without path, query or trailing slash."""
    value = text(name, default).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
        raise BadSetting(name, f"must look like https://console.example.com, not {value!r}")
    return value


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks_of(*written: str) -> list[Network]:
    return [ipaddress.ip_network(word) for word in written]


def networks(name: str) -> list[Network]:
    try:
        return networks_of(*words(name))
    except ValueError as error:
        raise BadSetting(name, f"must be networks such as 10.1.0.0/16, comma separated ({error})") from error


def database(name: str, default: str) -> dict[str, Any]:
    """Django's description of an SQLite or PostgreSQL database, from its URL."""
    value = text(name, default)
    scheme = value.split(":", 1)[0]
    if scheme not in {"sqlite", "postgres", "postgresql"}:
        raise BadSetting(name, "must begin with sqlite:///, postgres:// or postgresql://")
    try:
        return dict(env.db_url_config(value))
    except Exception as error:
        raise BadSetting(name, "cannot be read as a database URL") from error


def email(name: str) -> dict[str, Any]:
    """The EMAIL_* settings for an smtp://, smtp+tls:// or smtp+ssl:// URL; empty if not given."""
    value = text(name)
    if not value:
        return {}
    if value.split(":", 1)[0] not in {"smtp", "smtp+tls", "smtp+ssl"} or not urlsplit(value).hostname:
        raise BadSetting(name, "must look like smtp+tls://user:password@mail.example.com:587")
    return dict(env.email_url_config(value))
