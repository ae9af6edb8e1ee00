"""Every command that `manage.py help` offers works."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

import pytest
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.management import call_command, get_commands

from notifications_project.accounts.models import User
from notifications_project.runtime import commands
from tests.environment import SETTINGS
from tests.hooks.conftest import Mailbox, mailbox  # noqa: F401  (a fixture)
from tests.project.processes import Command

BASE = settings.BASE_DIR
Start = Callable[..., Command]


@pytest.mark.sqlite_only
def test_help_offers_our_commands_and_none_that_cannot_work(command: Start) -> None:
    code, said = command("help").end()
    offered = {line.strip() for line in said.splitlines() if line.startswith("    ")}
    assert code == 0
    assert {"up", "web", "worker", "migrate", "create_organization", "changepassword", "clearsessions"} <= offered
    assert not offered & commands.UNFIT


@pytest.mark.sqlite_only
@pytest.mark.parametrize("name", ["createsuperuser", "qinfo"])
def test_a_command_that_is_not_offered_is_unknown(command: Start, name: str) -> None:
    code, said = command(name, SECRET_KEY="k" * 40).end()
    assert code == 1
    assert f"Unknown command: '{name}'" in said
    assert "Traceback" not in said


@pytest.mark.sqlite_only
def test_every_hidden_command_exists() -> None:
    assert set(get_commands()) >= commands.UNFIT


@pytest.mark.sqlite_only
def test_every_module_of_checks_is_loaded_at_the_start() -> None:
    """A new process: here other tests have imported the modules already."""
    listing = (
        "import django; django.setup(); from django.core.checks.registry import registry; "
        "print(*{check.__module__ for check in registry.get_checks()})"
    )
    environment = SETTINGS | {"SECRET_KEY": "k" * 40, "DJANGO_SETTINGS_MODULE": "notifications_project.settings"}
    command = [sys.executable, "-c", listing]
    loaded = subprocess.run(command, cwd=BASE, env=environment, capture_output=True, text=True, check=True).stdout
    modules = {
        ".".join(path.relative_to(BASE).with_suffix("").parts)
        for root in ("events", "hooks", "notifications_project")
        for path in (BASE / root).rglob("checks.py")
    }
    assert modules
    assert modules <= set(loaded.split())


def test_the_language_at_sign_in_is_kept_without_a_page_before() -> None:
    """A new process: the module that connects the signal is imported by Django's start, not by the first page."""
    listing = "import django, sys; django.setup(); print('notifications_project.accounts.languages' in sys.modules)"
    environment = SETTINGS | {"SECRET_KEY": "k" * 40, "DJANGO_SETTINGS_MODULE": "notifications_project.settings"}
    command = [sys.executable, "-c", listing]
    loaded = subprocess.run(command, cwd=BASE, env=environment, capture_output=True, text=True, check=True).stdout
    assert loaded == "True\n"


def test_a_password_is_changed_by_address(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: "another battery staple")
    call_command("changepassword", alice.email, stdout=io.StringIO())
    alice.refresh_from_db()
    assert alice.check_password("another battery staple")


# --- A test e-mail --------------------------------------------------------------------------------------------


def _sendtestemail(command: Start, *arguments: str, **settings: str) -> tuple[int, str]:
    given = SETTINGS | {"SECRET_KEY": "k" * 40, "DATABASE_URL": "sqlite:///unused.sqlite3"} | settings
    return command("sendtestemail", *arguments, **given).end()


@pytest.mark.sqlite_only
def test_a_mail_server_that_is_not_there_is_told_in_one_line(command: Start, port: int) -> None:
    code, said = _sendtestemail(command, "ada@example.com", EMAIL_URL=f"smtp://127.0.0.1:{port}")
    assert code == 1
    [line] = said.splitlines()
    assert f"EMAIL_URL: 127.0.0.1:{port} did not take the e-mail: " in line
    assert "refused" in line


@pytest.mark.sqlite_only
@pytest.mark.parametrize("scheme", ["smtp", "smtp+tls"])
def test_a_server_without_sign_in_or_tls_is_told_in_one_line(
    command: Start,
    mailbox: Mailbox,  # noqa: F811
    scheme: str,
) -> None:
    code, said = _sendtestemail(command, "ada@example.com", EMAIL_URL=f"{scheme}://ada:pw@127.0.0.1:{mailbox.port}")
    assert code == 1
    [line] = said.splitlines()
    assert line.startswith("CommandError: EMAIL_URL: ")


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("arguments", "settings", "says"),
    [
        (["ada@example.com"], {"EMAIL_URL": ""}, "EMAIL_URL: is not set"),
        (["no address"], {}, "no address"),
    ],
)
def test_what_cannot_be_mailed_is_told_in_one_line(
    command: Start, arguments: list[str], settings: dict[str, str], says: str
) -> None:
    code, said = _sendtestemail(command, *arguments, **settings)
    assert code == 1
    assert says in said
    assert len(said.splitlines()) == 1


def test_a_test_e_mail_is_sent_and_said(mailoutbox: list[EmailMultiAlternatives]) -> None:
    said = io.StringIO()
    call_command("sendtestemail", "ada@example.com", "grace@example.com", stdout=said)
    assert mailoutbox[0].to == ["ada@example.com", "grace@example.com"]
    assert said.getvalue() == "127.0.0.1:2525 took a test e-mail for ada@example.com, grace@example.com.\n"
