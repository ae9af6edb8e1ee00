"""No page and no mail says anything in one language only.

`python -m pytest tests/project/test_translations.py -k pseudo` lists, page by page, what is not marked yet.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from django.conf import settings
from django.test import Client
from django.urls import Resolver404, resolve, reverse

from events.models import Event
from hooks.models import Hook
from notifications_project.accounts.models import Organization, User
from notifications_project.accounts.tokens import make_token
from tests.browser.test_every_page import OF_THE_ACCOUNT, OF_THE_ORGANIZATION
from tests.hooks.conftest import no_default_mail, pump, record, webhook  # noqa: F401  (fixtures)
from tests.hooks.people import application, with_hipchat, with_webhook
from tests.project.untranslated import find_untranslated, wrap_translations

MERGE = settings.BASE_DIR / ".ci" / "merge_catalogue.py"
BEFORE_SIGNING_IN = [
    "/accounts/login/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/signup/",
    "/accounts/inactive/",
    "/nowhere/",
]
WITH_A_FORM = ("add/", "invite/", "rename/", "profile/", "login/", "reset/", "change/")
MOST_PAGES = 250
DATA = {
    "English",
    "Français",
    "Notifications",
    "Webhook",
    "HipChat",
    "iOS",
    "JSON",
    "URL",
    "API",
    "accepted",
}  # the last is a mail server’s answer


@pytest.fixture(autouse=True)
def _gettext() -> None:
    if shutil.which("msgmerge") is None:
        pytest.skip("GNU gettext is not installed")


# --- The catalogues ------------------------------------------------------------------------------------------
def test_every_text_is_translated_and_the_catalogues_are_up_to_date(tmp_path: Path) -> None:
    """Check a copy of the catalogues, as the check writes and other tests read them."""
    for name in ("hooks", "events", "notifications_project", "templates"):
        shutil.copytree(settings.BASE_DIR / name, tmp_path / name, ignore=shutil.ignore_patterns("static", "*.pyc"))
    shutil.copy(settings.BASE_DIR / "manage.py", tmp_path)
    command = [sys.executable, "manage.py", "translations", "--check"]
    environment = {"PATH": "/usr/bin:/bin", "CONSOLE_VENV": "none", "LC_ALL": "C.UTF-8"}
    checked = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr

    page = tmp_path / "templates" / "404.html"
    page.write_text(page.read_text() + '{% translate "Never translated" %}')
    checked = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    assert "Never translated" in checked.stderr


def entry(text: str, translated: str, context: str = "") -> str:
    return (f'msgctxt "{context}"\n' if context else "") + f'msgid "{text}"\nmsgstr "{translated}"\n'


def catalogue(path: Path, *entries: str) -> Path:
    head = 'msgid ""\nmsgstr ""\n"Language: fr\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
    path.write_text("\n".join([head, *entries]))
    return path


def merge(*paths: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, MERGE, *paths], capture_output=True, text=True, check=False)


def test_what_several_people_translated_is_merged(tmp_path: Path) -> None:
    old = entry("Save", "Enregistrer")
    base = catalogue(tmp_path / "base", old, entry("Gone", "Parti"), entry("Host", "Hôte"))
    ours = catalogue(tmp_path / "ours", old, entry("Gone", "Parti"), entry("Host", "Hôte"), entry("Add", "Ajouter"))
    theirs = catalogue(tmp_path / "theirs", entry("Host", "Serveur"), entry("Host", "Maître", "person"), old)
    assert merge(base, ours, theirs).returncode == 0
    merged = ours.read_text()
    for text in ("Ajouter", "Serveur", "Maître", "Enregistrer"):
        assert text in merged
    assert "Parti" not in merged
    assert merged.index('"Add"') < merged.index('"Save"')


def test_two_translations_of_one_text_are_told(tmp_path: Path) -> None:
    paths = [catalogue(tmp_path / name, entry("Save", name)) for name in ("base", "ours", "theirs")]
    merged = merge(*paths)
    assert merged.returncode == 1
    assert "theirs" in merged.stderr


def test_compiled_catalogues_are_merged_too(tmp_path: Path) -> None:
    compiled = []
    for name, entries in (("base", []), ("ours", [entry("A", "un")]), ("theirs", [entry("B", "deux")])):
        po = catalogue(tmp_path / f"{name}.po", entry("Same", "même"), *entries)
        compiled.append(po.with_suffix(".mo"))
        subprocess.run(["msgfmt", "-o", compiled[-1], po], check=True)
    assert merge(*compiled).returncode == 0
    content = compiled[1].read_bytes()
    assert all(text.encode() in content for text in ("un", "deux", "même"))


# --- The pages -----------------------------------------------------------------------------------------------
def test_the_pseudo_language_finds_what_is_not_marked() -> None:
    html = (
        "<html lang='fr'><title>⟦Page⟧</title><p>⟦Sign in <a href='/x'>here</a> please⟧, Alice</p><code>git push</code>"
        "<p>Not <b>marked</b></p><img alt='Picture'><p lang='en'>English</p><p translate='no'>Some name</p>"
        "<p>⟦cut short</p><p>dlv_01 a@b.example 12 ms server.stopped 3</p><input type=submit value=Send></html>"
    )
    assert find_untranslated(html, {"Alice"}) == ["Not marked", "Picture", "Send"]


@pytest.fixture
def pages(
    acme: Organization,
    alice: User,
    mary: User,
    webhook: Callable[..., Hook],  # noqa: F811
    record: Callable[..., Event],  # noqa: F811
    pump: Callable[[], None],  # noqa: F811
) -> list[str]:
    """Make a console in which something has happened, and list where its pages begin."""
    webhook(name="Receiver")
    webhook(name="Dead end", url="http://127.0.0.1:9/in")
    shop = application(acme, "shop")
    with_hipchat(alice)
    with_webhook(alice)
    make_token(user=alice, name="script", organization=acme, lasts=None)
    record("stack.redeploy.ok", shop)
    record("server.stopped")
    pump()
    home = f"/organizations/{acme.public_id}"
    return [*OF_THE_ACCOUNT, *(f"{home}/{path}" for path in OF_THE_ORGANIZATION), reverse("hooks:channels")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite_only
def test_pseudo_language_every_page_is_marked(
    pages: list[str], alice: User, client_of: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrap_translations(monkeypatch)
    data = DATA | known_names()
    found: dict[str, set[str]] = defaultdict(set)
    for client, begin in ((Client(), BEFORE_SIGNING_IN), (client_of(alice), pages)):
        for page, html in walk(client, begin):
            found[page] |= set(find_untranslated(html, data))
    listing = "\n".join(f"{page}: {text}" for page in sorted(found) for text in sorted(found[page]))
    sys.stdout.write(f"{listing}\n")  # pytest shows it if this fails, or with -s
    assert not {page: sorted(texts) for page, texts in found.items() if texts}


def known_names() -> set[str]:
    """List what people of this console typed: it is never translated."""
    names = {name for user in User.objects.all() for name in (user.name, f"{user.name} (personal)")}
    names |= set(Organization.objects.values_list("name", flat=True)) | set(Hook.objects.values_list("name", flat=True))
    return names | {"shop", "script"}


def walk(client: Client, begin: list[str]) -> list[tuple[str, str]]:
    """Open pages and what they link to, each kind of page once or twice; send empty forms where that is harmless."""
    waiting, seen = list(begin), set(begin)
    opened: dict[str, int] = defaultdict(int)
    pages: list[tuple[str, str]] = []
    while waiting and len(pages) < MOST_PAGES:
        path = waiting.pop(0)
        page = name_of(path)
        if opened[page] >= 3:
            continue
        opened[page] += 1
        answers = [client.get(path)]
        if urlsplit(path).path.endswith(WITH_A_FORM):
            answers.append(client.post(path, {}))
        for answer in answers:
            if not answer.headers.get("Content-Type", "").startswith("text/html"):
                continue
            pages.append((page, answer.text))
            for link in links_of(answer.text, path):
                if link not in seen:
                    seen.add(link)
                    waiting.append(link)
    return pages


def name_of(path: str) -> str:
    try:
        return resolve(urlsplit(path).path).view_name
    except Resolver404:
        return "not found"


def links_of(html: str, path: str) -> list[str]:
    """List the addresses of this console that a page links to, without those that sign out or are the manual's."""
    found = [urljoin(path, unescape(link)).partition("#")[0] for link in re.findall(r'href="([^"]+)"', html)]
    left_out = ("/static/", "/docs/", "/accounts/logout/", "/api/")
    return [link for link in found if link.startswith("/") and not link.startswith(left_out)]
