"""The translations: complete, compiled, and the ones that Django serves."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Catalog, Message, extract, mofile, pofile
from django.conf import settings
from django.utils import translation

import hooks

BASE = settings.BASE_DIR
HOOKS = Path(hooks.__file__).parent
FOLDERS = (HOOKS / "locale", *map(Path, settings.LOCALE_PATHS))
KEYWORDS = extract.DEFAULT_KEYWORDS | {
    "pgettext_lazy": ((1, "c"), 2),
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
TRANSLATED = [code for code, _ in settings.LANGUAGES if code != "en"]  # the words themselves are English
UPDATE = "bring it up to date: python3 manage.py translations"


@pytest.fixture(scope="module", params=TRANSLATED)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.parent.name)
def folder(request: pytest.FixtureRequest, language: str) -> Path:
    return Path(request.param) / language / "LC_MESSAGES"


@pytest.fixture(scope="module")
def catalogue(folder: Path, language: str) -> Catalog:
    with (folder / "django.po").open("rb") as file:
        return pofile.read_po(file, locale=language)


def messages(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id)


def written() -> set[tuple[str | None, str]]:
    """List context and text of every message in the code of the app."""
    found = extract.extract_from_dir(HOOKS, keywords=KEYWORDS)
    return {(context, text[0] if isinstance(text, tuple) else text) for _, _, text, _, context in found}


def texts(part: object) -> list[str]:
    return [str(each) for each in part] if isinstance(part, list | tuple) else [str(part)]


def list_within_fstrings(source: str) -> list[int]:
    """List the lines on which a text is translated inside an f-string."""
    within = [
        part for node in ast.walk(ast.parse(source)) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
    ]
    return [part.lineno for part in within if isinstance(part, ast.Call) and ast.unparse(part.func).endswith("gettext")]


def test_no_text_is_translated_inside_an_fstring() -> None:
    """Before Python 3.12 such a text is part of a string, and no tool finds it there."""
    assert list_within_fstrings("said = f'{gettext(\"Saved\")}.'") == [1]
    paths = [path for root in ("hooks", "events", "notifications_project") for path in (BASE / root).rglob("*.py")]
    found = [f"{path.relative_to(BASE)}:{line}" for path in paths for line in list_within_fstrings(path.read_text())]
    assert found == []


def test_every_message_is_translated(catalogue: Catalog, folder: Path) -> None:
    if folder.is_relative_to(HOOKS):  # `translations --check` compares the other one, which has templates too
        assert {(message.context, texts(message.id)[0]) for message in messages(catalogue)} == written(), UPDATE
    assert not [message.id for message in messages(catalogue) if message.fuzzy or not all(texts(message.string))]


def test_what_is_compiled_is_what_was_translated(catalogue: Catalog, folder: Path) -> None:
    with (folder / "django.mo").open("rb") as file:
        compiled = mofile.read_mo(file)

    def content(of: Catalog) -> dict[tuple[str | None, str], list[str]]:
        return {(context(each), texts(each.id)[0]): texts(each.string) for each in messages(of)}

    def context(message: Message) -> str | None:
        """Babel reads it from a compiled catalogue as bytes."""
        return message.context.decode() if isinstance(message.context, bytes) else message.context

    assert content(compiled) == content(catalogue), UPDATE


def test_translations_use_the_values_of_the_original(catalogue: Catalog) -> None:
    def values(text: str) -> list[str]:
        return sorted(re.findall(r"%\((\w+)\)[sd]", text))

    for message in messages(catalogue):
        for original, text in zip(texts(message.id), texts(message.string), strict=True):
            assert values(text) == values(original)
            assert text.replace("%(", "").count("%") == 0


def test_django_serves_these_translations(catalogue: Catalog, language: str) -> None:
    """Other apps have catalogues too: what they translate otherwise would go before."""
    with translation.override(language):
        for message in messages(catalogue):
            original, context = texts(message.id), message.context
            if len(original) > 1:
                served = [translation.npgettext(context or "", original[0], original[1], count) for count in (1, 2)]
            elif context:
                served = [translation.pgettext(context, original[0])]
            else:
                served = [translation.gettext(original[0])]
            assert served == texts(message.string)


def test_french_is_set_with_its_own_signs() -> None:
    found: list[str] = []
    for folder in FOLDERS:
        with (folder / "fr" / "LC_MESSAGES" / "django.po").open("rb") as file:
            found += [text for message in messages(pofile.read_po(file)) for text in texts(message.string)]
    french = [re.sub(r"<[^>]*>|https?://|`[^`]*`|\d+:(?:[A-Z]+|\d\d)", "", text) for text in found]
    assert not [text for text in french if "'" in text or '"' in text or "“" in text]
    assert not [
        text for text in french if re.search(r"[^\u00a0][:»]|[^\u202f][;!?]|«[^\u00a0]", text) and "H:i" not in text
    ]
