"""What `manage.py help` offers works."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from django.core.management import call_command, get_commands

from notifications_project.accounts.models import User
from notifications_project.runtime import commands
from tests.project.processes import Command

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


def test_a_password_is_changed_by_address(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: "another battery staple")
    call_command("changepassword", alice.email, stdout=io.StringIO())
    alice.refresh_from_db()
    assert alice.check_password("another battery staple")
