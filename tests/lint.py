"""`manage.py lint`: every linter, all of them also when one complains."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

BASE = Path(__file__).resolve().parent.parent
_PYTHON = sys.executable
_DJANGOFMT = str(Path(sysconfig.get_path("scripts"), "djangofmt"))
_IMPORT_LINTER = "from importlinter.cli import lint_imports_command as main; main()"
_NPM_EXEC = ["npm", "exec", "--yes", "--prefer-offline", "--package=@biomejs/biome@2.6.8", "--"]
LINTERS = {
    "ruff check": [_PYTHON, "-m", "ruff", "check", "."],
    "ruff format": [_PYTHON, "-m", "ruff", "format", "--check", "."],
    "mypy": [_PYTHON, "-m", "mypy"],
    "import-linter": [_PYTHON, "-c", _IMPORT_LINTER, "--no-cache"],
    "djlint": [_PYTHON, "-m", "djlint", "templates", "--lint", "--quiet"],
    "djangofmt": [_DJANGOFMT, "--check", "templates"],
    "biome": [*_NPM_EXEC, "biome", "check", "--error-on-warnings"],
    "translations": [_PYTHON, "manage.py", "translations", "--check"],
    "migrations": [_PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"],
}


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


def run(name: str, command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run one linter and return its result in words.

    A program that is not installed (npm: the console itself does without) is no failure, except where CI relies on it.
    """
    print(f"\n=== {name}", flush=True)
    if shutil.which(command[0], path=environment.get("PATH")) is None:
        return f"{'FAILED' if environment.get('CI') == 'true' else 'skipped'}: {command[0]} is not installed"
    began = time.monotonic()
    code = subprocess.run(command, cwd=BASE, env=environment, check=False).returncode
    return f"{'FAILED' if code else 'passed'} in {time.monotonic() - began:.0f} s"
