"""Settings are read from environment variables; a wrong value ends the start with one line that names it."""

from __future__ import annotations

import difflib
import importlib.util
import ipaddress
import os
import re
from collections.abc import Collection, Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from notifications_project.mail.addresses import encode_domain
from notifications_project.network import certificates
from notifications_project.network.web_address import BadAddress, parse

env = environ.Env()
names_read = {"CONSOLE_VENV"}  # every setting that was read; boot.py reads this one before there are settings


class BadSetting(ImproperlyConfigured):
    """Raised for a setting from the environment that cannot be used; the message names it."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")


def read_file(path: Path) -> None:
    """Read settings from a file of NAME=value lines; variables of the environment take precedence."""
    environ.Env.read_env(path, overwrite=False)


def read_text(name: str, default: str = "") -> str:
    names_read.add(name)
    return os.environ.get(name, default).strip()


def find_misspelt(names: Collection[str]) -> dict[str, str]:
    """Return the variables that nobody reads and whose name is nearly one of `names`, each with that name."""
    found = {}
    for given in os.environ:
        # PG_DATABASE_URL is another program's and DATABASE_URL_OLD is kept on purpose: warnings would be wrong.
        if given in names or any(given.startswith(f"{name}_") or given.endswith(f"_{name}") for name in names):
            continue
        if close := difflib.get_close_matches(given.upper(), names, n=1, cutoff=0.9):
            found[given] = close[0]
    return found


def describe_misspelt(misspelt: Mapping[str, str]) -> str:
    """Return one sentence that names the misspelt variables; empty if there are none."""
    return "; ".join(f"{given} is not read, is {name} meant?" for given, name in sorted(misspelt.items()))


def read_secret_key(name: str) -> str:
    """Return the checked secret key. Call it last, when `names_read` holds the names of all settings."""
    value = read_text(name)
    if not value:
        hints = [f"must be given, {_SECRET} or more characters long", describe_misspelt(find_misspelt(names_read))]
        hints.append("to try the console: manage.py up, and --demo with other commands on that demo")
        raise BadSetting(name, "; ".join(hint for hint in hints if hint))
    if len(value) < _SECRET:
        raise BadSetting(name, f"must be at least {_SECRET} characters long")
    return value


_SECRET = 32  # characters at least


def flag(name: str, default: bool = False) -> bool:
    value = read_text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise BadSetting(name, f"must be true or false, not {value!r}")


def read_choice(name: str, default: str, *others: str) -> str:
    value = read_text(name, default).lower()
    if value not in {default, *others}:
        raise BadSetting(name, f"must be one of {', '.join([default, *others])}, not {value!r}")
    return value


def number(name: str, default: int, at_least: int, at_most: int) -> int:
    value = read_text(name)
    if not value:
        return default
    if not value.isdecimal() or len(value) > 9 or not at_least <= int(value) <= at_most:
        raise BadSetting(name, f"must be a whole number from {at_least} to {at_most}, not {value[:50]!r}")
    return int(value)


def read_keys(name: str) -> list[str]:
    """Return the secret keys of a comma separated list; empty if not given."""
    found = [part.strip() for part in read_text(name).split(",")] if read_text(name) else []
    if any(len(key) < _SECRET for key in found):
        raise BadSetting(name, f"each key must be at least {_SECRET} characters long; they are comma separated")
    return found


def read_words(name: str) -> list[str]:
    found = [word for word in (part.strip() for part in read_text(name).split(",")) if word]
    if read_text(name) and not found:
        raise BadSetting(name, "names nothing between its commas")
    return found


def read_ports(name: str) -> frozenset[int]:
    """Return the port numbers of a comma separated list."""
    found = read_words(name)
    if wrong := [word for word in found if not (re.fullmatch(r"[0-9]{1,5}", word) and 1 <= int(word) <= 65535)]:
        raise BadSetting(name, f"must be port numbers from 1 to 65535, comma separated; {wrong[0][:50]!r} is none")
    return frozenset(map(int, found))


def read_hosts(name: str) -> list[str]:
    """Return host names as Django compares them: without a port, `.example.com` for all names below it."""
    found = [f".{_encode_host(word[1:])}" if word.startswith(".") else _encode_host(word) for word in read_words(name)]
    if wrong := [word for word in found if not _is_host(word.removeprefix("."))]:
        raise BadSetting(name, f"must be host names without port, comma separated; {wrong[0]!r} is none")
    return [word.lower() for word in found]


def read_web_address(name: str, default: str) -> str:
    """Return an absolute http(s) address without path, query or trailing slash."""
    value = read_text(name, default).rstrip("/")
    try:
        found = parse(value)
    except BadAddress:
        found = None
    if found is None or found.userinfo or found.target != "/" or "#" in value or "_" in found.host:
        written = "" if "@" in value else f", not {value!r}"  # there may be a password before an @
        raise BadSetting(name, f"must look like https://console.example.com{written}")
    return found.origin


def _encode_host(host: str) -> str:
    """Return a host in the ASCII form of DNS; an invalid host is returned unchanged, for the check to refuse."""
    try:
        return host if host.isascii() else encode_domain(host)
    except ValueError:
        return host


def get_host(address: str) -> str:
    """Return the host of a web address; an IPv6 address keeps its brackets."""
    host = parse(address).host
    return f"[{host}]" if ":" in host else host


def _is_host(written: str) -> bool:
    if written.startswith("["):
        try:
            return written.endswith("]") and bool(ipaddress.IPv6Address(written[1:-1]))
        except ValueError:
            return False
    return re.fullmatch(r"[A-Za-z0-9.-]+", written) is not None


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_networks(*written: str) -> list[Network]:
    return [ipaddress.ip_network(word) for word in written]


def read_networks(name: str) -> list[Network]:
    try:
        return parse_networks(*read_words(name))
    except ValueError as error:
        raise BadSetting(name, f"must be networks such as 10.1.0.0/16, comma separated ({error})") from error


def read_database(name: str, default: str) -> dict[str, Any]:
    """Return Django's DATABASES entry for the URL of an SQLite or PostgreSQL database."""
    value = read_text(name, default)
    scheme, _, rest = value.partition(":")
    if scheme not in {"sqlite", "postgres", "postgresql"} or not rest.startswith("//"):
        raise BadSetting(name, "must begin with sqlite:///, postgres:// or postgresql://")
    if scheme == "sqlite" and (not rest[3:] or rest[2] != "/" or ":memory:" in rest):
        raise BadSetting(name, "must name a file: sqlite:///console.sqlite3, or sqlite:////with/its/whole/path")
    refuse_unescaped(name, value)
    try:
        found = dict(env.db_url_config(value))
    except Exception as error:
        raise BadSetting(name, "cannot be read as a database URL") from error
    if not found["NAME"] and "service" not in found.get("OPTIONS", {}):
        raise BadSetting(name, "must name a database: postgres://user:password@host/name")
    if scheme != "sqlite":
        _check_options(name, found)
    return found


def refuse_unescaped(name: str, value: str) -> None:
    """Raise BadSetting for a URL with unescaped signs that would end its password or its name too early."""
    try:
        parts = urlsplit(value)
        behind = f"{parts.path}{parts.query}"
        wrong = "#" in value or re.search(r"%(?![0-9A-Fa-f]{2})", value) or (parts.netloc and "@" in behind)
        wrong = wrong or (parts.scheme == "sqlite" and "?" in value)
        wrong = wrong or (parts.scheme.startswith("postgres") and "/" in parts.path[1:])
    except ValueError:
        wrong = True
    if wrong:
        raise BadSetting(name, "cannot be read: write %40 %2F %3A %23 %3F %25 for @ / : # ? % in a name or password")


def _check_options(name: str, described: dict[str, Any]) -> None:
    """Refuse options behind the `?` that libpq does not know; else the first connection would fail on them."""
    from psycopg import ProgrammingError, conninfo  # imported here, as with SQLite it is never needed

    options = {key: str(value) for key, value in described.get("OPTIONS", {}).items()}
    try:
        conninfo.make_conninfo("", **options)
    except ProgrammingError as error:
        known = "an option of PostgreSQL's connections, such as sslmode=require"
        raise BadSetting(name, f"must have behind its ? nothing but {known}") from error


def read_redis(name: str) -> str:
    """Return the URL of a Redis; empty if not given."""
    value = read_text(name)
    if value.split(":", 1)[0] not in {"", "redis", "rediss", "unix"}:
        raise BadSetting(name, "must begin with redis://, rediss:// or unix://")
    if value:
        refuse_unescaped(name, value)
        if not value.startswith("unix:") and not re.fullmatch(r"/?|/[0-9]{1,4}", urlsplit(value).path):
            raise BadSetting(
                name, "must end with the number of a database: redis://user:password@redis.example.com:6379/0"
            )
        from redis.connection import parse_url  # imported here, as without Redis it is never needed

        try:
            parse_url(value)  # type: ignore[no-untyped-call]
        except ValueError as error:
            raise BadSetting(name, "must look like redis://user:password@redis.example.com:6379/0") from error
    return value


_MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}


def read_email(name: str) -> dict[str, Any]:
    """Return the EMAIL_* settings for an smtp://, smtp+tls:// or smtp+ssl:// URL; empty if not given."""
    value = read_text(name)
    if not value:
        return {}
    try:
        parts = urlsplit(value)
        host, port = encode_domain(parts.hostname or ""), parts.port
        fits = parts.scheme in _MAIL_PORTS and port != 0 and parts.path in {"", "/"}
    except ValueError:
        fits = False
    if not fits or re.search(r"[\s?#]", value):
        # A password with one of these signs would silently be cut there.
        raise BadSetting(
            name, "must look like smtp+tls://user:password@mail.example.com:587 (with %2F %3F %23 for / ? #)"
        )
    user, password = _decode_credential(name, parts.username), _decode_credential(name, parts.password)
    if bool(user) != bool(password):
        raise BadSetting(name, "must have both a user and a password, or neither: with one alone nobody signs in")
    return {
        "EMAIL_HOST": host,
        "EMAIL_PORT": port or _MAIL_PORTS[parts.scheme],
        "EMAIL_HOST_USER": user,
        "EMAIL_HOST_PASSWORD": password,
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme == "smtp+ssl",
    }


def _decode_credential(name: str, written: str | None) -> str:
    """Return the user or password of a URL, unescaped. NUL is refused, as it separates the two in SMTP (RFC 4616)."""
    try:
        found = unquote(written or "", errors="strict")
        found.encode()
    except UnicodeError:
        raise BadSetting(name, "must have its user and password in UTF-8, with %25 for %") from None
    if "\0" in found:
        raise BadSetting(name, "cannot have a NUL in its user or password")
    return found


def read_mail_provider(name: str) -> str:
    """Return the name of a backend of django-anymail, such as `mailgun`; empty if not given."""
    value = read_text(name).lower()
    if not value:
        return ""
    if importlib.util.find_spec("anymail") is None:
        raise BadSetting(name, "needs the package django-anymail: install it beside the others")
    fits = re.fullmatch(r"[a-z_]+", value) and value not in _NO_PROVIDERS
    if not fits or importlib.util.find_spec(f"anymail.backends.{value}") is None:
        raise BadSetting(name, f"must be a provider that django-anymail knows, such as mailgun, not {value[:50]!r}")
    return value


_NO_PROVIDERS = {"base", "base_requests", "console", "test"}


def read_mail_provider_settings() -> dict[str, str]:
    """Return the settings of django-anymail from the `ANYMAIL_...` variables, without that prefix."""
    return {
        name.removeprefix("ANYMAIL_"): read_text(name) for name in os.environ if re.fullmatch(r"ANYMAIL_[A-Z_]+", name)
    }


def read_sender(name: str, default: str) -> str:
    """Return a sender: an e-mail address, alone or with a name, as in `Console <console@example.com>`."""
    value = read_text(name, default)
    shown, address = parse_sender(value)
    whole = value in {address, f"{shown} <{address}>", f'"{shown}" <{address}>'}
    if not whole or not value.isprintable() or not re.fullmatch(r"[^\s@<>,]+@[^\s@<>,]+", address):
        raise BadSetting(name, f"must be an e-mail address such as console@example.com, not {value!r}")
    local, _, domain = address.rpartition("@")
    try:
        # In headers such as Message-ID and List-Id a domain beyond ASCII would become an encoded word.
        stored = f"{local}@{domain if domain.isascii() else encode_domain(domain)}"
    except ValueError:
        raise BadSetting(name, f"must have a domain that DNS can hold, not {domain!r}") from None
    if not local.isascii():
        raise BadSetting(name, f"must be ASCII before the @, not {local!r}")
    return value.replace(address, stored) if domain != stored.rpartition("@")[2] else value


def parse_sender(value: str) -> tuple[str, str]:
    """Return the name and the address; both are empty if there is no address.

    Python 3.13 reads no address of which the domain is in brackets, so another stands in for it.
    """
    literal = re.search(r"[^\s@<>,]+@\[[^\s@<>,]*\](?=>?$)", value)
    if literal is None:
        return parseaddr(value)
    shown, address = parseaddr(f"{value[: literal.start()]}a@example{value[literal.end() :]}")
    return (shown, literal[0]) if address == "a@example" else ("", "")


# --- iOS push ------------------------------------------------------------------------------------------------
def push_key(name: str) -> str:
    """Return a private key of Apple in PEM, empty if not given; line ends may be written as `\\n`."""
    value = read_text(name).replace("\\n", "\n")
    return _push_key(name, value) if value else ""


def push_key_file(name: str) -> str:
    """Return a private key of Apple in PEM from the named file; empty if none is named."""
    path = read_existing_file(name)
    return _push_key(name, Path(path).read_text(errors="replace")) if path else ""


def _push_key(name: str, pem: str) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec  # imported here, as without push it is never needed
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError) as error:
        raise BadSetting(name, "cannot be read as the .p8 file that Apple gives for a key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadSetting(name, "must be a private key on the curve P-256, as Apple gives it")
    return pem.strip()


def read_existing_file(name: str) -> str:
    value = read_text(name)
    if value and not (Path(value).is_file() and os.access(value, os.R_OK)):
        raise BadSetting(name, f"{value} is no file that can be read")
    return value


def read_certificates_file(name: str) -> str:
    """Return the path of a file with certificates of authorities; empty if not given."""
    value = read_existing_file(name)
    if value:
        try:
            certificates.check(Path(value).read_text(), most=1000)
        except UnicodeDecodeError:
            raise BadSetting(name, f"{value}: This is no text.") from None
        except certificates.BadCertificates as problem:
            raise BadSetting(name, f"{value}: {problem}") from None
    return value


def read_code(name: str, pattern: str, example: str) -> str:
    """Return a text that matches the pattern; empty if not given. `example` is shown if it does not match."""
    value = read_text(name)
    if value and not re.fullmatch(pattern, value):
        raise BadSetting(name, f"must look like {example}, not {value[:100]!r}")
    return value


def complete(needed: Mapping[str, str], beside: Mapping[str, bool]) -> bool:
    """Tell whether all of `needed` is given. Raises BadSetting for a part of it, or for a setting `beside` it alone."""
    missing = [name for name, value in needed.items() if not value]
    given = [name for name, value in needed.items() if value] + [name for name, there in beside.items() if there]
    if missing and given:
        raise BadSetting(missing[0], f"must be given as well, as {given[0]} is")
    return not missing
