"""`manage.py translations`: bring the catalogues up to date with code and templates, and compile them.

Contributors run it after a change of texts. It needs GNU gettext. The catalogues stay sorted, without places in the
code and without dates, so that the changes of several people merge.
"""

from __future__ import annotations

import re
import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.management.commands import makemessages
from django.core.management.utils import popen_wrapper

FOLDERS = (settings.BASE_DIR / "hooks" / "locale", *settings.LOCALE_PATHS)
LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]  # the texts themselves are English
_IGNORED = [".*", "tests*", "node_modules*", "var*", "build*"]
_DATES = re.compile(r'^"(?:POT-Creation-Date|PO-Revision-Date): .*\n', re.MULTILINE)

_SPACES = ((re.compile(r" (?=[:»])|(?<=«) "), "\u00a0"), (re.compile(r" (?=[;!?])"), "\u202f"))


class _MakeMessages(makemessages.Command):
    """Django's own, but sorted by text, and never guessing: a guess reads like a translation."""

    msgmerge_options = ["--quiet", "--backup=none", "--update", "--no-fuzzy-matching", "--sort-output"]
    msgattrib_options = ["--no-obsolete", "--sort-output"]


class Command(BaseCommand):
    help = "Updates and compiles the translations, and says what is missing. With --check nothing is written."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="fail if they are not up to date, and write nothing")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        catalogues = [folder / code / "LC_MESSAGES" / "django.po" for folder in FOLDERS for code in LANGUAGES]
        before = {path: path.read_bytes() for po in catalogues for path in (po, po.with_suffix(".mo")) if path.exists()}
        try:
            problems = _update(catalogues)
            stale = [path for po in catalogues for path in (po, po.with_suffix(".mo")) if _has_changed(path, before)]
        finally:
            if check:
                _restore(catalogues, before)
        if check:
            problems += [f"{_shorten(path)} is not up to date: run manage.py translations" for path in stale]
        if problems:
            raise CommandError("\n".join(problems))
        self.stdout.write("Every text is translated.")


def _update(catalogues: list[Path]) -> list[str]:
    """Write and compile the catalogues; give what is missing in words."""
    if shutil.which("msgmerge") is None:
        raise CommandError("GNU gettext is not installed (package gettext); translations are made with it.")
    for po in catalogues:
        po.parent.mkdir(parents=True, exist_ok=True)
    call_command(
        _MakeMessages(),
        locale=LANGUAGES,
        ignore_patterns=_IGNORED,
        no_location=True,
        no_wrap=True,
        no_obsolete=True,
        verbosity=0,
    )
    problems = []
    for po in catalogues:
        po.write_text("\n\n".join(map(_set_in_french, _DATES.sub("", po.read_text()).split("\n\n"))))
        _run("msgfmt", "--check-format", "-o", str(po.with_suffix(".mo")), str(po))
        problems += [f"{_shorten(po)} has no translation of {text}" for text in _list_missing(po)]
    return problems


def _set_in_french(entry: str) -> str:
    """Put no-break spaces where French has them, which most keyboards do not: before `: » ; ! ?` and after `«`."""
    original, mark, translated = entry.partition("\nmsgstr")
    for pattern, space in _SPACES:
        translated = pattern.sub(space, translated)
    return original + mark + translated


def _list_missing(po: Path) -> list[str]:
    """List the first lines of texts without a translation."""
    found = []
    for kind in ("--untranslated", "--only-fuzzy"):
        written = _run("msgattrib", kind, "--no-wrap", "--no-location", str(po))
        found += re.findall(r'^msgid (".+")$', written, re.MULTILINE)
    return found


def _run(*command: str) -> str:
    """Give what a program of GNU gettext prints; raise CommandError with what it complains of."""
    printed, errors, status = popen_wrapper(list(command))
    if status:
        raise CommandError(errors)
    return str(printed)


def _has_changed(path: Path, before: dict[Path, bytes]) -> bool:
    return path.read_bytes() != before.get(path)


def _restore(catalogues: list[Path], before: dict[Path, bytes]) -> None:
    for po in catalogues:
        for path in (po, po.with_suffix(".mo")):
            if path in before:
                path.write_bytes(before[path])
            else:
                path.unlink(missing_ok=True)


def _shorten(path: Path) -> Path:
    return path.relative_to(settings.BASE_DIR)
