"""The script `.ci/check_commit_message.py` checks the form of commit messages."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.conf import settings

SCRIPT = settings.BASE_DIR / ".ci" / "check_commit_message.py"


def check(tmp_path, message):
    path = tmp_path / "message"
    path.write_text(message)
    return subprocess.run([sys.executable, SCRIPT, path], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "message",
    [
        "hooks: Keep the order of a paused hook\n",
        "api: Refuse names that are reserved\n\nA receiver took them for a test.\n# a comment of git's\n",
        "Merge branch 'main' into topic\n",
    ],
)
def test_a_message_of_the_right_form_passes(tmp_path, message):
    assert check(tmp_path, message).returncode == 0


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("Only what is shown is read\n", "not `area: Imperative sentence`"),
        ("hooks: keep the order\n", "not `area: Imperative sentence`"),
        ("hooks: Keep the order.\n", "not `area: Imperative sentence`"),
        (f"hooks: Keep {'x' * 70}\n", "82 characters"),
        ("hooks: Keep the order\nbecause it matters\n", "the second line must be empty"),
        ("", "not `area: Imperative sentence`"),
    ],
)
def test_a_message_of_another_form_is_refused(tmp_path, message, problem):
    checked = check(tmp_path, message)
    assert checked.returncode == 1
    assert problem in checked.stderr
