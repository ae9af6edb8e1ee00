"""`manage.py lint` runs every linter, the others too if one complains."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path

BASE = Path(__file__).resolve().parent.parent
LINTERS = {
    "ruff check": ["-m", "ruff", "check", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy"],
    "import-linter": ["-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-cache"],
    "djlint": ["-m", "djlint", "templates", "--lint", "--quiet"],
    "djangofmt": ["djangofmt", "--check", "templates"],
    "translations": ["manage.py", "translations", "--check"],
    "migrations": ["manage.py", "makemigrations", "--check", "--dry-run"],
}

PROGRAMS = {"djangofmt"}  # those that are not Python modules


def main(arguments: Sequence[str]) -> int:
    if arguments:
        print("manage.py lint takes no arguments. It runs: " + ", ".join(LINTERS))
        return 0 if {"-h", "--help"} & set(arguments) else 2
    # mypy's Django plugin and makemigrations read the settings, none of which matters to them.
    environment = os.environ | {
        "SECRET_KEY": "only-for-linters-0123456789abcdef",
        "DEMO": "true",
        "PYTHONPATH": str(BASE),
    }
    results = {name: run(name, command, environment) for name, command in LINTERS.items()}
    print("\n=== Result")
    for name, result in results.items():
        print(f"{name:<14}{result}")
    return 1 if any(result.startswith("FAILED") for result in results.values()) else 0


def run(name: str, command: Sequence[str], environment: dict[str, str]) -> str:
    print(f"\n=== {name}", flush=True)
    began = time.monotonic()
    code = subprocess.run([*_program(command[0]), *command[1:]], cwd=BASE, env=environment, check=False).returncode
    return f"{'FAILED' if code else 'passed'} in {time.monotonic() - began:.0f} s"


def _program(word: str) -> list[str]:
    """Return what to start: a program of the environment, or its Python with this first argument."""
    return [str(Path(sysconfig.get_path("scripts"), word))] if word in PROGRAMS else [sys.executable, word]
