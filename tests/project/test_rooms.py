"""Rules about imports that import-linter cannot express."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from django.conf import settings

HOOKS = settings.BASE_DIR / "hooks"
DOMAIN = (
    "audience", "channels", "consent", "deliveries", "endpoints", "engine", "explanations", "manage", "preferences",
    "presentation", "preview", "queue", "routing",
)  # fmt: skip
TOP = 12  # modules that stand beside the rooms, at the most


def imported_by(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_the_domain_sees_no_request() -> None:
    paths = [path for room in DOMAIN for path in (HOOKS / room).rglob("*.py")]
    assert len(paths) > 50
    assert [str(path) for path in paths if "django.http" in imported_by(path)] == []


def test_a_subject_has_a_room() -> None:
    modules = [path.name for path in HOOKS.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= TOP, modules


def test_pages_templates_and_tests_are_divided_like_the_rooms() -> None:
    rooms = {path.name for path in HOOKS.iterdir() if path.is_dir()}
    divided = {path.name for path in (settings.BASE_DIR / "templates" / "hooks").iterdir()}
    assert divided - rooms == {"mail_links"}  # pages behind links in mails: hooks/mail_links.py makes these
    tested = {path.name for path in (settings.BASE_DIR / "tests" / "hooks").iterdir() if path.is_dir()}
    assert tested - rooms - {"__pycache__"} == set()


def test_rows_are_locked_in_one_module() -> None:
    """Locks elsewhere could be taken in another order, so that two transactions wait for each other."""
    own = {
        "locking.py",
        "account_mails.py",
        "set_back.py",
    }  # the latter two lock mails and heartbeats, which stand alone
    modules = [path for path in HOOKS.rglob("*.py") if "migrations" not in path.parts and path.name not in own]
    assert len(modules) > 100
    assert [path.name for path in modules if "select_for_update" in path.read_text()] == []


def test_deliveries_are_cancelled_in_one_statement() -> None:
    """Another statement could leave them due, or with a quiet time that has no end."""
    written = re.compile(r"update\([^()]*State\.CANCELLED")
    assert [path.name for path in HOOKS.rglob("*.py") if written.search(path.read_text())] == []
