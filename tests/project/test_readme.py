"""README, manual and CONTRIBUTING tell the truth where a machine can check it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

BASE = settings.BASE_DIR
DOCS = BASE / "notifications_project" / "docs"
TOP = [BASE / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
DOCUMENTS = [*TOP, *sorted(DOCS.glob("*.md"))]
LONGEST_README = 12_000  # bytes: it says what this is and how to start; the rest is the manual's
# Notes that are no part of this project, so nobody could look them up.
ELSEWHERE = re.compile(r"\bfacts/[a-z-]+\.md|\bDESIGN( section|\.md)|\bshared/(seeds|facts|look)|(first|second) seed")


@pytest.fixture(params=DOCUMENTS, ids=lambda path: path.name)
def document(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_every_setting_is_in_the_table_and_no_other() -> None:
    source = (BASE / "notifications_project" / "settings.py").read_text()
    read = set(re.findall(r"environment\.(?!read_file|BadSetting|networks_of)\w+\(\s*\"(\w+)\"", source))

    told = set(re.findall(r"^\| `(\w+)` \|", (DOCS / "settings.md").read_text(), re.MULTILINE))

    assert told == read | {"CONSOLE_VENV"}  # which manage.py reads before there are settings


def test_the_mail_providers_package_is_named_in_the_version_that_tests_run_with() -> None:
    pins = (BASE / "requirements" / "test.txt").read_text()
    told = re.findall(r"pip install (django-anymail==[\d.]+)`", (DOCS / "operating.md").read_text())
    assert told == re.findall(r"^django-anymail==[\d.]+", pins, re.MULTILINE)


def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    text = document.read_text()
    near = [name for name in re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", text) if name]
    near += re.findall(r"src(?:set)?=\"([^\"]+)\"", text)
    named = re.findall(r"`((?:events|hooks|notifications_project|templates|tests)/[\w./]*)`", text)
    missing = [name for name in near if not (document.parent / name).exists()]
    missing += [name for name in named if not (BASE / name).exists()]

    assert missing == []


def test_the_readme_is_short() -> None:
    assert len((BASE / "README.md").read_bytes()) <= LONGEST_README


def test_the_picture_of_the_house_shows_what_is_there() -> None:
    picture = (DOCS / "architecture.md").read_text().split("```")[1]
    folders: list[str] = []
    missing = []
    for line in picture.strip().splitlines():
        found = re.match(r"( *)([\w.]+/?)(?: |$)", line)
        if found is None:
            continue
        depth = len(found[1]) // 4
        folders = [*folders[:depth], found[2]]
        if not (BASE / "".join(folders)).exists():
            missing.append("".join(folders))

    assert len(picture.splitlines()) > 30
    assert missing == []


def test_nothing_refers_to_notes_that_are_not_here() -> None:
    kinds = {".py", ".md", ".html", ".txt", ".css", ".js", ".toml"}
    roots = [BASE / name for name in ("events", "hooks", "notifications_project", "templates", "tests")]
    files = [path for root in roots for path in root.rglob("*") if path.suffix in kinds] + TOP
    found = [
        f"{path.relative_to(BASE)}: {match[0]}"
        for path in files
        if path != Path(__file__)
        for match in ELSEWHERE.finditer(path.read_text())
    ]
    assert len(files) > 300
    assert found == []


def test_pages_of_the_manual_that_code_refers_to_are_there() -> None:
    roots = [BASE / name for name in ("events", "hooks", "notifications_project")]
    texts = [path.read_text() for root in roots for path in root.rglob("*.py")]
    named = {name for text in texts for name in re.findall(r"\bdocs/([a-z-]+\.md)", text)}
    assert len(named) >= 3
    assert [name for name in named if not (DOCS / name).exists()] == []
