"""The relay's set-up: signing in, TLS, certificates. Its errors use up no attempts."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from django.conf import LazySettings
from django.db.models import F

from events.models import Event
from hooks.formats.mail import find_domain
from hooks.models import Attempt, Circuit, Delivery
from notifications_project import environment
from notifications_project.accounts.models import User
from tests.hooks.conftest import Mailbox, free_port

pytestmark = pytest.mark.django_db(transaction=True)
Record = Callable[..., Event]
Run = Callable[[], None]
USER, PASSWORD = "usér", "pä€ss"


@contextmanager
def relay(box: Mailbox, settings: LazySettings, **options: Any) -> Iterator[list[bytes]]:
    """Run a relay with these options of aiosmtpd; yield the passwords that it gets."""
    given: list[bytes] = []

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        given.append(data.password)
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=right)

    options = {"authenticator": authenticate, "auth_require_tls": False, **options}
    controller = Controller(box, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    settings.EMAIL_HOST, settings.EMAIL_PORT = controller.hostname, controller.port
    settings.EMAIL_BACKEND = "notifications_project.mail.backend.EmailBackend"
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = USER, PASSWORD
    try:
        yield given
    finally:
        controller.stop()


def assert_nothing_is_used_up() -> None:
    assert {(each.state, each.tries) for each in Delivery.objects.all()} == {("pending", 0)}
    assert Circuit.objects.get(pk="smtp").failures >= 1


@pytest.mark.parametrize("excluded", [(), ("LOGIN",), ("PLAIN",)])
def test_the_sign_in_is_in_utf_8(
    excluded: tuple[str, ...], record: Record, alice: User, pump: Run, settings: LazySettings
) -> None:
    box = Mailbox()
    with relay(box, settings, auth_required=True, auth_exclude_mechanism=excluded) as given:
        record("server.stopped")
        pump()
    assert box.told == [alice.email]
    assert given == [PASSWORD.encode()]


@pytest.mark.parametrize("password", ["wrong", "wröng€"])
def test_a_refused_sign_in_is_the_relay_being_away(
    password: str, record: Record, alice: User, pump: Run, settings: LazySettings
) -> None:
    box = Mailbox()
    with relay(box, settings, auth_required=True) as given:
        settings.EMAIL_HOST_PASSWORD = password
        record("server.stopped")
        pump()
        assert given
        assert_nothing_is_used_up()
        assert "535" in Attempt.objects.first().code  # type: ignore[union-attr]
        settings.EMAIL_HOST_PASSWORD = PASSWORD
        Circuit.objects.update(not_before=F("not_before") - timedelta(hours=1))
        pump()
    assert box.told == [alice.email]


def test_a_relay_that_wants_a_sign_in_first_is_away(
    record: Record, alice: User, pump: Run, settings: LazySettings
) -> None:
    with relay(Mailbox(), settings, auth_required=True):
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        record("server.stopped")
        pump()
    assert_nothing_is_used_up()


def test_a_recipient_that_is_refused_for_want_of_a_sign_in_is_not_refused(
    record: Record, alice: User, pump: Run, mailbox: Mailbox
) -> None:
    mailbox.refusals[alice.email] = "530 5.7.0 Authentication required"
    record("server.stopped")
    pump()
    assert_nothing_is_used_up()


def test_a_relay_without_starttls_is_away(record: Record, alice: User, pump: Run, settings: LazySettings) -> None:
    with relay(Mailbox(), settings):
        settings.EMAIL_USE_TLS = True
        record("server.stopped")
        pump()
    assert_nothing_is_used_up()


def test_a_certificate_that_nobody_trusts_is_the_relay_being_away(
    record: Record, alice: User, pump: Run, settings: LazySettings, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(words, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with relay(Mailbox(), settings, tls_context=context):
        settings.EMAIL_USE_TLS = True
        record("server.stopped")
        pump()
    assert_nothing_is_used_up()
    assert "certificate" in Circuit.objects.get(pk="smtp").last_error


def test_a_host_that_is_none_is_the_relay_being_away(
    record: Record, alice: User, pump: Run, mailbox: Mailbox, settings: LazySettings
) -> None:
    settings.EMAIL_HOST = "a" * 70 + ".example"  # Python raises UnicodeError for it
    record("server.stopped")
    pump()
    assert_nothing_is_used_up()


# --- Identifiers -----------------------------------------------------------------------------------------------
def test_no_identifier_is_an_encoded_word(
    record: Record, alice: User, pump: Run, mailbox: Mailbox, settings: LazySettings
) -> None:
    settings.DEFAULT_FROM_EMAIL = environment.read_sender("NO_SUCH_SETTING", "Bücher <console@faß.example>")
    assert find_domain() == "xn--fa-hia.example"
    record("server.stopped")
    pump()
    [mail] = mailbox.mails
    for name in ("Message-ID", "In-Reply-To", "References", "List-Id"):
        assert "xn--fa-hia.example" in mail[name]
        assert "=?" not in mail.as_string().partition(f"{name}:")[2].partition("\n")[0]
    assert "@xn--fa-hia.example>" in str(mail.as_bytes().partition(b"From:")[2].partition(b"\n")[0])
