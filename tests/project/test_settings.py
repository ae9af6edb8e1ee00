"""Every wrong setting is one line that names it."""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import LazySettings, settings
from django.core import signing
from redis.connection import Connection, ConnectionPool

from hooks.formats import FORMATS
from notifications_project.encryption import CannotDecrypt, decrypt, encrypt
from notifications_project.environment import BadSetting
from notifications_project.runtime import start
from tests.hooks.fake_apns import new_key, pem
from tests.hooks.notifications import notification

pytestmark = pytest.mark.sqlite_only  # no database is concerned: once is enough


def read(monkeypatch: pytest.MonkeyPatch, **given: str) -> dict[str, Any]:
    """Return the settings that this environment makes."""
    monkeypatch.delenv("DEFAULT_FROM_EMAIL", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(settings.BASE_DIR / "notifications_project" / "settings.py"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("DATABASE_URL", value) for value in (
            "sqlite", "sqlite:", "sqlite://", "sqlite:///", "sqlite://:memory:", "sqlite:///:memory:", "sqlite://a/b",
            "mysql://h/db", "postgres", "postgres://", "postgres://h", "postgres://h/", "postgres://h:abc/db",
            "postgres://h:99999/db", "postgres://[::1/db",
            "postgres://user:p@ss/w0rd#1@h/db", "postgres://user:pw/x@h/db", "postgres://user:pw#x@h/db",
            "postgres://user:pw?x@h/db", "postgres://user:100%pw@h/db", "postgres://h/a/b", "postgres://h/db?sslmod=x",
            "sqlite:////tmp/a#b.sqlite3", "sqlite:////tmp/a?b=c",
        )),
        *(("PUBLIC_URL", value) for value in (
            "console", "ftp://x", "http://", "http://[::1", "http://[zz]", "http://a:abc", "http://a:99999",
            "http://a:0", "http://exa mple", "http://exa\tmple", "http://x#frag", "http://x#", "http://x?", "http://x/y",
            "http://user:pw@x", "http://x_y",
        )),
        *(("EMAIL_URL", value) for value in (
            "smtp", "smtp:", "smtp://", "mail.example.com", "http://h", "smtp://h:abc", "smtp://h:99999", "smtp://h:0",
            "smtp://[::1", "smtp://exa mple", "smtp://user:p%FFss@h", "smtp://user:p%00ss@h", "smtp://user:pw#1@h",
            "smtp://user:p/pw@h", "smtp://user@h", "smtp://:pw@h", "smtp://h?ssl=true", "smtp://exam\u202cple.net",
        )),
        *(("REDIS_URL", value) for value in (
            "redis", "redis://h/abc", "redis://h/0/1", "redis://:pw#x@h/0", "redis://:pw/x@h/0", "redis://h?db=pw",
            "http://h", "redis://[::1", "redis://h:abc", "redis://h:99999", "redis://h?socket_timeout=x",
        )),
        *(("DEFAULT_FROM_EMAIL", value) for value in (
            "not an address", "console", "Console <console>", "a@b, c@d", "a@b>", "a@b\nBcc: c@d", "@b", "a@",
            "cönsole@example.com", "console@exam\u2024ple.example", "console@☃.example",
        )),
        *(("ALLOWED_HOSTS", value) for value in ("*", "http://x", "x:80", "x y", "[::1")),
        *(("ENCRYPTION_KEYS", value) for value in ("short", ",", " , ", f"{'k' * 40},", f"{'k' * 40},short")),
        *(("SECRET_KEY_FALLBACKS", value) for value in ("short", ",")),
        ("SECRET_KEY", "short"),
        ("LOG_LEVEL", "LOUD"),
        ("EMAIL_CONFIRM_ADDRESSES", "maybe"),
        *(("EMAIL_PROVIDER", value) for value in (
            "nobody", "test", "base", "mail gun", "../x", "mailgun",  # there is an EMAIL_URL
        )),
        ("DEMO", "maybe"),
        ("BEHIND_PROXY", "perhaps"),
        ("SIGN_UP", "ajar"),
        *(("MESSAGE_LANGUAGE", value) for value in ("de", "fr-FR", "fr_FR:fr")),
        ("WORKERS", "0"),
        ("WORKERS", "many"),
        ("WORKERS", "9" * 5000),
        ("DELIVERY_TIMEOUT", "1.5"),
        ("OUTBOUND_ALLOWED_NETWORKS", "10.0.0.1/8"),
        *(("OUTBOUND_ALLOWED_PORTS", value) for value in ("0", "65536", "25,x", "٢٥", "1-100")),
        ("APNS_KEY", "secret"),
        ("APNS_KEY", "-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----"),
        ("APNS_KEY_FILE", "/no/such/file"),
        ("APNS_KEY_FILE", "/"),
        ("APNS_KEY_ID", "short"),
        ("APNS_TEAM_ID", "abcdefghij"),
        ("APNS_TOPIC", "com example"),
        ("APNS_ENVIRONMENT", "development"),
        *(("APNS_ADDRESS", value) for value in (
            "http://apns.example", "apns.example", "https://user:pw@x", "https://x:0", "https://x\\@y",
        )),
        ("APNS_CA_FILE", "/no/such/file"),
        ("OUTBOUND_CA_FILE", "/no/such/file"),
        ("OUTBOUND_CA_FILE", __file__),
    ],
)  # fmt: skip
def test_a_wrong_value_is_one_line_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(BadSetting) as error:
        read(monkeypatch, **{name: value})
    assert str(error.value).startswith(f"{name}: ")
    assert "\n" not in str(error.value)
    assert "pw" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "sqlite:///relative.sqlite3"),
        ("DATABASE_URL", "sqlite:////tmp/absolute.sqlite3"),
        ("DATABASE_URL", "postgres://user:p%40ss@h:5433/db"),
        ("DATABASE_URL", "postgresql:///db"),
        ("DATABASE_URL", "postgresql://%2Fvar%2Frun%2Fpostgresql/db"),
        ("PUBLIC_URL", "https://console.example.com/"),
        ("PUBLIC_URL", "http://[::1]:8000"),
        ("EMAIL_URL", "smtp+tls://user:p%40ss@mail.example.com:587"),
        ("EMAIL_URL", "smtp://[::1]:2525"),
        ("EMAIL_URL", "smtp+ssl://[::1]/"),
        ("REDIS_URL", "rediss://:pw@h:6380/2"),
        ("REDIS_URL", "unix:///run/redis.sock"),
        ("DEFAULT_FROM_EMAIL", "Console <console@example.com>"),
        ("DEFAULT_FROM_EMAIL", "console@localhost"),
        ("DEFAULT_FROM_EMAIL", "Console <console@[127.0.0.1]>"),
        ("ALLOWED_HOSTS", ".example.com, [::1],10.0.0.1"),
        ("SECRET_KEY", "$" + "k" * 40),
        ("LOG_LEVEL", "debug"),
    ],
)
def test_a_right_value_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert read(monkeypatch, **{name: value})


@pytest.mark.parametrize(
    ("url", "port", "tls", "ssl"),
    [
        ("smtp://h", 25, False, False),
        ("smtp+tls://h", 587, True, False),
        ("smtp+ssl://h", 465, False, True),
        ("smtp+ssl://h:2465", 2465, False, True),
        ("smtp+tls://user:p%40ss@[::1]", 587, True, False),
    ],
)
def test_a_mail_server_has_the_port_of_its_scheme(
    monkeypatch: pytest.MonkeyPatch, url: str, port: int, tls: bool, ssl: bool
) -> None:
    found = read(monkeypatch, EMAIL_URL=url)
    assert (found["EMAIL_PORT"], found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (port, tls, ssl)


def test_other_addresses_without_a_port_are_at_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("redis://h", "rediss://h"):
        arguments = ConnectionPool.from_url(read(monkeypatch, REDIS_URL=url)["REDIS_URL"]).connection_kwargs
        assert Connection(**{"host": "h", **arguments}).port == 6379
    database = read(monkeypatch, DATABASE_URL="postgres://u:p@h/n")["DATABASES"]["default"]
    assert not database["PORT"], "libpq then takes 5432"
    assert httpx.URL(read(monkeypatch, **PUSH, APNS_KEY=pem(new_key()))["APNS_ADDRESS"]).port is None, "which is 443"


def test_credentials_of_the_mail_server_are_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch, EMAIL_URL="smtp://us%C3%A9r:p%C3%A4%E2%82%ACs+s%2F@mail.bücher.example")
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("usér", "pä€s+s/")
    assert found["EMAIL_HOST"] == "mail.xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("given", "sender"),
    [
        ("console@bücher.example", "console@xn--bcher-kva.example"),
        ("Bücher <console@faß.example>", "Bücher <console@xn--fa-hia.example>"),
        ("Console <console@Example.com>", "Console <console@Example.com>"),
    ],
)
def test_the_sender_s_domain_is_ascii(monkeypatch: pytest.MonkeyPatch, given: str, sender: str) -> None:
    assert read(monkeypatch, DEFAULT_FROM_EMAIL=given)["DEFAULT_FROM_EMAIL"] == sender


def test_hosts_in_unicode_are_those_that_browsers_name(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch, PUBLIC_URL="https://Bücher.example:8443/", ALLOWED_HOSTS=".faß.example")
    assert found["PUBLIC_URL"] == "https://xn--bcher-kva.example:8443"
    assert found["ALLOWED_HOSTS"] == ["xn--bcher-kva.example", ".xn--fa-hia.example"]
    assert found["DEFAULT_FROM_EMAIL"] == "notifications@xn--bcher-kva.example"


# --- Keys that change ----------------------------------------------------------------------------------------
OLD, NEW, OTHER = "o" * 40, "n" * 40, "e" * 40


@pytest.mark.parametrize(
    "changed",
    [
        {"SECRET_KEY": NEW, "ENCRYPTION_KEYS": f"{OTHER},{OLD}"},
        {"SECRET_KEY": NEW, "SECRET_KEY_FALLBACKS": OLD},
        {"SECRET_KEY": NEW, "SECRET_KEY_FALLBACKS": OLD, "ENCRYPTION_KEYS": OTHER},
        {"SECRET_KEY": OLD, "ENCRYPTION_KEYS": OTHER},
    ],
)
def test_what_the_secret_key_encrypted_stays_readable(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings, changed: dict[str, str]
) -> None:
    settings.ENCRYPTION_KEYS = read(monkeypatch, SECRET_KEY=OLD)["ENCRYPTION_KEYS"]
    stored = encrypt({"token": "abc"})
    settings.ENCRYPTION_KEYS = read(monkeypatch, **changed)["ENCRYPTION_KEYS"]
    assert decrypt(stored) == {"token": "abc"}


def test_another_secret_key_alone_does_not_read_it_and_a_new_key_encrypts(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    settings.ENCRYPTION_KEYS = read(monkeypatch, SECRET_KEY=OLD)["ENCRYPTION_KEYS"]
    stored = encrypt("abc")
    settings.ENCRYPTION_KEYS = read(monkeypatch, SECRET_KEY=NEW, ENCRYPTION_KEYS=OTHER)["ENCRYPTION_KEYS"]
    with pytest.raises(CannotDecrypt):
        decrypt(stored)
    stored = encrypt("abc")
    settings.ENCRYPTION_KEYS = [OTHER]
    assert decrypt(stored) == "abc"


def test_links_signed_with_the_secret_key_of_before_stay_good(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    settings.SECRET_KEY = OLD
    link = signing.dumps("x")
    found = read(monkeypatch, SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=OLD)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = found["SECRET_KEY"], found["SECRET_KEY_FALLBACKS"]
    assert signing.loads(link) == "x"


def test_messages_are_in_the_chosen_language_and_pages_in_english(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    assert read(monkeypatch)["MESSAGE_LANGUAGE"] == "en"
    monkeypatch.setenv("LANGUAGE", "de_DE:de")  # what a desktop sets for its own programs
    found = read(monkeypatch, MESSAGE_LANGUAGE="fr")
    assert found["LANGUAGE_CODE"] == "en-gb"
    settings.MESSAGE_LANGUAGE = found["MESSAGE_LANGUAGE"]
    for name in ("mail", "slack"):
        assert "échoué" in FORMATS[name].write(notification("stack.redeploy.fail")).body.decode()


def test_signing_up_needs_a_way_to_send_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMAIL_URL", raising=False)
    with pytest.raises(BadSetting, match=r"^SIGN_UP: .*EMAIL_URL or EMAIL_PROVIDER"):
        read(monkeypatch, SIGN_UP="open")
    assert read(monkeypatch, SIGN_UP="open", EMAIL_PROVIDER="mailgun")["SIGN_UP_OPEN"]


def test_the_host_of_the_public_address_is_answered_whatever_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch, PUBLIC_URL="https://Console.example.com:8443", ALLOWED_HOSTS="other.example.com")
    assert found["ALLOWED_HOSTS"] == ["console.example.com", "other.example.com"]
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://console.example.com:8443"]
    found = read(monkeypatch, PUBLIC_URL="http://[fd00::1]:8000")
    assert found["ALLOWED_HOSTS"][0] == "[fd00::1]"
    assert found["DEFAULT_FROM_EMAIL"] == "notifications@[fd00::1]"


# --- iOS push ------------------------------------------------------------------------------------------------
PUSH = {"APNS_KEY_ID": "ABC123DEFG", "APNS_TEAM_ID": "DEF123GHIJ", "APNS_TOPIC": "com.example.console"}


def test_without_any_of_its_settings_push_is_not_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch)["PUSH_CONFIGURED"] is False


@pytest.mark.parametrize("line_end", ["\n", "\\n"])
def test_the_key_of_push_is_given_as_text(monkeypatch: pytest.MonkeyPatch, line_end: str) -> None:
    key = pem(new_key())
    found = read(monkeypatch, **PUSH, APNS_KEY=key.replace("\n", line_end))
    assert (found["PUSH_CONFIGURED"], found["APNS_KEY"]) == (True, key.strip())
    assert found["APNS_ADDRESS"] == "https://api.push.apple.com"


def test_the_key_of_push_is_given_as_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = pem(new_key())
    (tmp_path / "key.p8").write_text(key)
    found = read(monkeypatch, **PUSH, APNS_KEY_FILE=str(tmp_path / "key.p8"), APNS_ENVIRONMENT="sandbox")
    assert (found["PUSH_CONFIGURED"], found["APNS_KEY"]) == (True, key.strip())
    assert found["APNS_ADDRESS"] == "https://api.sandbox.push.apple.com"


@pytest.mark.parametrize("missing", ["APNS_KEY", *PUSH])
def test_push_that_is_partly_given_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    given = {name: value for name, value in {**PUSH, "APNS_KEY": pem(new_key())}.items() if name != missing}
    with pytest.raises(BadSetting, match=f"^{missing}: must be given as well"):
        read(monkeypatch, **given)


@pytest.mark.parametrize("name", ["APNS_ENVIRONMENT", "APNS_ADDRESS", "APNS_CA_FILE"])
def test_what_belongs_to_push_is_not_given_for_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    values = {"APNS_ENVIRONMENT": "sandbox", "APNS_ADDRESS": "https://x.example", "APNS_CA_FILE": __file__}
    with pytest.raises(BadSetting, match=f"^APNS_KEY: must be given as well, as {name} is"):
        read(monkeypatch, **{name: values[name]})


def test_the_key_of_push_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSetting, match=r"^APNS_KEY_FILE: cannot be given beside APNS_KEY"):
        read(monkeypatch, **PUSH, APNS_KEY=pem(new_key()), APNS_KEY_FILE=__file__)


def test_a_key_on_another_curve_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSetting, match=r"^APNS_KEY: must be a private key on the curve P-256"):
        read(monkeypatch, **PUSH, APNS_KEY=pem(ec.generate_private_key(ec.SECP384R1())))


# --- What `up` decides ---------------------------------------------------------------------------------------
@pytest.fixture
def nothing_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> pytest.MonkeyPatch:
    monkeypatch.setattr(os, "environ", {"DEMO_DIR": str(tmp_path / "demo")})
    return monkeypatch


def test_without_a_demo_the_public_address_is_that_of_the_start(nothing_given: Any, port: int) -> None:
    start.prepare(["--no-demo", "--port", str(port)])
    assert os.environ["PUBLIC_URL"] == f"http://localhost:{port}"


def test_a_public_address_that_is_given_stays(nothing_given: Any, port: int) -> None:
    os.environ["PUBLIC_URL"] = "https://console.example.com"
    start.prepare(["--no-demo", "--port", str(port)])
    assert os.environ["PUBLIC_URL"] == "https://console.example.com"


@pytest.mark.parametrize("said", ["maybe", "2"])
def test_neither_demo_nor_no_demo_is_told(nothing_given: Any, port: int, said: str) -> None:
    os.environ["DEMO"] = said
    with pytest.raises(BadSetting, match=r"^DEMO: must be true or false"):
        start.prepare(["--port", str(port)])


@pytest.mark.parametrize("port", ["0", "-1", "65536", "99999999999"])
def test_a_port_that_is_none_is_one_line(nothing_given: Any, port: str) -> None:
    with pytest.raises(SystemExit) as end:
        start.prepare([f"--port={port}"])
    assert end.value.code == f"Cannot listen on 127.0.0.1 port {port}: a port is a number from 1 to 65535"


def test_a_demo_directory_that_cannot_be_made_is_one_line(nothing_given: Any, port: int) -> None:
    os.environ["DEMO_DIR"] = "/proc/x"
    with pytest.raises(BadSetting, match=r"^DEMO_DIR: /proc/x cannot be used: "):
        start.prepare(["--port", str(port)])
