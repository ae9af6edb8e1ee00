"""First lines of docstrings, as CONTRIBUTING.md asks for them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from django.conf import settings

ROOTS = ("hooks", "events", "notifications_project", "tests")
OPENING = re.compile(
    r"(who|whom|whose|what|whatever|which|whether|when|where|why|how|the same|this|that|these|those"
    r"|it|its|they|them|one|so|as|of|with|here|there)(?![\w-])",
    re.IGNORECASE,
)


def first_lines(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield getattr(node, "lineno", 1), docstring.splitlines()[0]


def list_refusals(source: str) -> list[tuple[int, str]]:
    return [(number, line) for number, line in first_lines(source) if OPENING.match(line)]


@pytest.mark.parametrize("root", ROOTS)
def test_a_docstring_begins_with_a_subject_or_a_verb(root: str) -> None:
    paths = sorted((settings.BASE_DIR / root).rglob("*.py"))
    assert paths
    refusals = [
        f"{path.relative_to(settings.BASE_DIR)}:{number}: {line}"
        for path in paths
        for number, line in list_refusals(path.read_text())
    ]
    assert refusals == []


@pytest.mark.parametrize(
    "line", ["What waits for a hook.", "Whether it is due.", "The same, within a query.", "One row each.", "it waits."]
)
def test_a_riddle_is_refused(line: str) -> None:
    assert list_refusals(f'def wait():\n    """{line}"""\n') == [(1, line)]


@pytest.mark.parametrize("line", ["Cancel what waits for a hook.", "One-time secrets.", "Asynchronous tasks."])
def test_a_sentence_is_accepted(line: str) -> None:
    assert list_refusals(f'"""{line}"""\n') == []
