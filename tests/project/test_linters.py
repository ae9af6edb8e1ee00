"""`manage.py lint` says plainly what it could not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import lint


@pytest.mark.parametrize(("ci", "expected"), [("", "skipped"), ("true", "FAILED")])
def test_a_missing_npm_is_a_failure_in_ci_alone(tmp_path: Path, ci: str, expected: str):
    result = lint.run("biome", lint.LINTERS["biome"], {"PATH": str(tmp_path), "CI": ci})
    assert result == f"{expected}: npm is not installed"


@pytest.mark.slow
@pytest.mark.parametrize(("program", "expected"), [("true", "passed"), ("false", "FAILED")])
def test_what_a_linter_returns_decides(tmp_path: Path, program: str, expected: str):
    assert lint.run("a linter", [f"/bin/{program}"], {"PATH": str(tmp_path)}).startswith(expected)


def test_the_registry_of_the_linter_is_not_named():
    for path in ("tests/lint.py", "biome.jsonc", ".ci/run"):
        assert "//registry" not in (lint.BASE / path).read_text(encoding="utf-8")
