"""The README tells the truth where a machine can check it."""

from __future__ import annotations

import re

from django.conf import settings

README = (settings.BASE_DIR / "README.md").read_text()


def test_every_setting_is_in_the_table_and_no_other() -> None:
    source = (settings.BASE_DIR / "notifications_project" / "settings.py").read_text()
    read = set(re.findall(r"environment\.(?!read_file|BadSetting|networks_of)\w+\(\s*\"(\w+)\"", source))
    table = README.partition("## Settings")[2].partition("\n## ")[0]

    told = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))

    assert told == read | {"CONSOLE_VENV"}  # which manage.py reads before there are settings


def test_the_mail_providers_package_is_named_in_the_version_that_tests_run_with() -> None:
    pins = (settings.BASE_DIR / "requirements" / "test.txt").read_text()
    assert re.findall(r"pip install (django-anymail==[\d.]+)`", README) == re.findall(
        r"^django-anymail==[\d.]+", pins, re.MULTILINE
    )


def test_every_file_that_it_names_is_there() -> None:
    named = re.findall(r"\]\(([^):]+)\)", README)
    named += re.findall(r"src(?:set)?=\"([^\"]+)\"", README)
    named += re.findall(r"`((?:events|hooks|notifications_project|tests)/[\w./]*)`", README)
    missing = [name for name in named if not (settings.BASE_DIR / name).exists()]

    assert len(named) > 5
    assert missing == []


def test_the_picture_of_the_house_shows_what_is_there() -> None:
    picture = README.partition("## Architecture")[2].split("```")[1]
    folders: list[str] = []
    missing = []
    for line in picture.strip().splitlines():
        found = re.match(r"( *)([\w.]+/?)(?: |$)", line)
        if found is None:
            continue
        depth = len(found[1]) // 4
        folders = [*folders[:depth], found[2]]
        if not (settings.BASE_DIR / "".join(folders)).exists():
            missing.append("".join(folders))

    assert missing == []
