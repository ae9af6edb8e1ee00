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


# --- Names of functions --------------------------------------------------------------------------------------

NO_VERB = re.compile(
    r"_*(of|by|with|without|in|as|from|for|to|at|on|all|own|who|what|which|where|why|how|when|whose|if|so|same|other"
    r"|others|each|every|because|about|among|before|after|since|until|(?!need|embed|feed|seed)[a-z]+ed"
    r"|(?!ping|bring)[a-z]+ing)(_|$)"
)
# Hooks of Django and uvicorn, which call them by these names, and the names of template tags.
GIVEN = {"from_db", "from_db_value", "to_python", "to_url", "masked"}
PROTOCOL = re.compile(r"on_(message|url|header|response)|_unsupported_upgrade_warning")


def list_nameless(source: str) -> list[tuple[int, str]]:
    """Return the functions whose name begins with no verb, with their lines."""
    found = []
    for parent in ast.walk(ast.parse(source)):
        chained = isinstance(parent, ast.ClassDef) and parent.name.endswith("QuerySet")
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not chained:
                decorators = {ast.unparse(each) for each in node.decorator_list}
                if "property" in decorators or ("classmethod" in decorators and node.name == "of"):
                    continue
                if NO_VERB.match(node.name) and node.name not in GIVEN and not PROTOCOL.match(node.name):
                    found.append((node.lineno, node.name))
    return found


@pytest.mark.parametrize("root", ROOTS[:3])
def test_a_function_begins_with_a_verb(root: str) -> None:
    paths = [each for each in sorted((settings.BASE_DIR / root).rglob("*.py")) if "migrations" not in each.parts]
    refusals = [
        f"{path.relative_to(settings.BASE_DIR)}:{number}: {name}"
        for path in paths
        for number, name in list_nameless(path.read_text())
    ]
    assert refusals == []


@pytest.mark.parametrize("name", ["named_by", "in_words", "opened_by", "_asked", "without", "naming", "of"])
def test_a_name_without_a_verb_is_refused(name: str) -> None:
    assert list_nameless(f"def {name}(): ...") == [(1, name)]


@pytest.mark.parametrize("name", ["find_named", "embed", "seed", "ping", "format_span", "is_held", "_read"])
def test_a_name_with_a_verb_is_accepted(name: str) -> None:
    assert list_nameless(f"def {name}(): ...") == []
