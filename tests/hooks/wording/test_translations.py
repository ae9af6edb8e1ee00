"""The translations of what people are told: complete, compiled, and the ones that Django serves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Catalog, Message, extract, mofile, pofile
from django.conf import settings
from django.test import Client
from django.utils import translation

import hooks

HOOKS = Path(hooks.__file__).parent
KEYWORDS = extract.DEFAULT_KEYWORDS | {"pgettext_lazy": ((1, "c"), 2), "gettext_lazy": None}
TRANSLATED = [code for code, _ in settings.LANGUAGES if code != "en"]  # the words themselves are English
COMPILE = "compile it: pybabel compile -D django -d hooks/locale"


@pytest.fixture(scope="module", params=TRANSLATED)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def catalogue(language: str) -> Catalog:
    with (HOOKS / "locale" / language / "LC_MESSAGES" / "django.po").open("rb") as file:
        return pofile.read_po(file, locale=language)


def messages(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id)


def written() -> set[tuple[str | None, str]]:
    """Context and text of every message in the code of the wording."""
    found = extract.extract_from_dir(HOOKS / "wording", keywords=KEYWORDS)
    return {(context, text[0] if isinstance(text, tuple) else text) for _, _, text, _, context in found}


def texts(part: object) -> list[str]:
    return [str(each) for each in part] if isinstance(part, list | tuple) else [str(part)]


def test_every_message_is_translated(catalogue: Catalog) -> None:
    translated = {(message.context, texts(message.id)[0]) for message in messages(catalogue)}
    assert translated == written(), "update it: see the head of django.po"
    assert not [message.id for message in messages(catalogue) if message.fuzzy or not all(texts(message.string))]


def test_what_is_compiled_is_what_was_translated(catalogue: Catalog, language: str) -> None:
    with (HOOKS / "locale" / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        compiled = mofile.read_mo(file)

    def content(of: Catalog) -> dict[tuple[str | None, str], list[str]]:
        return {(context(each), texts(each.id)[0]): texts(each.string) for each in messages(of)}

    def context(message: Message) -> str | None:
        """Babel reads it from a compiled catalogue as bytes."""
        return message.context.decode() if isinstance(message.context, bytes) else message.context

    assert content(compiled) == content(catalogue), COMPILE


def test_translations_use_the_values_of_the_original(catalogue: Catalog) -> None:
    def values(text: str) -> list[str]:
        return sorted(re.findall(r"%\((\w+)\)[sd]", text))

    for message in messages(catalogue):
        for text in texts(message.string):
            assert values(text) == values(texts(message.id)[0])
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
    with (HOOKS / "locale" / "fr" / "LC_MESSAGES" / "django.po").open("rb") as file:
        french = [text for message in messages(pofile.read_po(file)) for text in texts(message.string)]
    assert not [text for text in french if "'" in text or '"' in text or "“" in text]
    assert not [
        text for text in french if re.search(r"[^\u00a0][:»]|[^\u202f][;!?]|«[^\u00a0]", text) and "H:i" not in text
    ]


@pytest.mark.django_db
def test_pages_stay_in_one_language() -> None:
    """Only messages are translated: a page that is French in parts would be worse than an English one."""
    french, english = (Client().get("/accounts/login/", headers={"Accept-Language": each}) for each in ("fr", "en"))
    for answer in (french, english):
        assert '<html lang="en' in answer.text
        assert "Sign in" in answer.text
        assert "Mot de passe" not in answer.text
