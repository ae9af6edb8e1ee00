"""Every page of the manual opens for anybody, has no dead links, and is found by its words."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.urls import reverse

from notifications_project.accounts.roles import Permission, Role, allows
from notifications_project.manual import pages as manual
from tests import pages

FOLDER = settings.BASE_DIR / "notifications_project" / "docs"


@pytest.fixture(params=[path.stem for path in sorted(FOLDER.glob("*.md"))])
def slug(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.django_db
def test_a_page_opens_without_signing_in_and_keeps_to_the_policy(slug, client):
    html = pages.get(client, manual.page_address(slug))
    assert f"<h1>{manual.read_pages()[slug].title}</h1>" in html


@pytest.mark.django_db
def test_who_is_signed_in_keeps_the_menu(alice, client_of):
    html = pages.get(client_of(alice), reverse("manual:index"))
    assert "Organization Manager" in html
    assert f'href="{reverse("manual:index")}" aria-current="page"' in html


def test_every_link_of_a_page_leads_somewhere(slug):
    text = (FOLDER / f"{slug}.md").read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        assert (FOLDER / name).exists() if name else anchor, target
        if anchor:
            page = manual.read_pages()[name.removesuffix(".md") or slug]
            assert anchor in {heading.anchor for heading in page.headings}, target


def test_the_first_page_names_every_other():
    named = set(re.findall(r"\]\(([\w-]+)\.md\)", (FOLDER / "index.md").read_text()))
    assert named == {path.stem for path in FOLDER.glob("*.md")} - {"index"}


def test_the_table_of_roles_says_what_the_code_allows():
    rows = (["yes" if allows(role, permission) else "" for role in Role] for permission in Permission)
    expected = {str(permission.label): row for permission, row in zip(Permission, rows, strict=True)}
    lines = (FOLDER / "organizations.md").read_text().split("## Roles")[1].split("## ")[0].splitlines()
    head, _, *table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert head == ["may", *(str(role.label).lower() for role in Role)]
    assert {name: cells for name, *cells in table} == expected


def test_links_between_pages_lead_through_the_console():
    html = manual.read_pages()["index"].html
    assert f'href="{manual.page_address("webhooks")}"' in html
    assert ".md" not in html


def test_a_section_is_found_by_its_words_whatever_their_case():
    found = manual.search("RETRY-after")
    assert any(hit.page.slug == "webhooks" and "Retry-After" in hit.excerpt for hit in found)


def test_a_section_with_the_words_in_its_heading_comes_first():
    assert manual.search("quiet times")[0].heading == "Quiet times"


def test_every_word_has_to_be_there():
    assert manual.search("webhook xyzzy") == []


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["", "   ", "xyzzy", "<script>", "a" * 5000, "%%%", "é"])
def test_any_query_is_answered(query, client):
    pages.get(client, f"{reverse('manual:search')}?{urlencode({'q': query})}")


@pytest.mark.django_db
def test_a_search_that_finds_nothing_says_what_to_do(client):
    assert "Try fewer or other words" in pages.get(client, reverse("manual:search") + "?q=xyzzy")


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/docs/no-such-page/", "/docs/index.md", "/docs/../settings.py", "/docs/%00/"])
def test_there_is_no_other_page(address, client):
    assert client.get(address).status_code == 404


def test_html_in_a_page_is_shown_as_text(tmp_path, monkeypatch):
    (tmp_path / "index.md").write_text("# Title\n\n<script>alert(1)</script>\n\n## A heading\n\nText.\n")
    monkeypatch.setattr(manual, "FOLDER", tmp_path)
    page = manual.read_pages.__wrapped__()["index"]
    assert "<script>" not in page.html
    assert [heading.anchor for heading in page.headings] == ["", "a-heading"]


def links_of_templates():
    """The sections of the manual that pages link to, with the name of the template."""
    for template in sorted((settings.BASE_DIR / "templates").rglob("*.html")):
        for slug, anchor in re.findall(r'{% manual "([^"]+)" "([^"]+)" %}', template.read_text()):
            yield pytest.param(slug, anchor, id=f"{template.stem}-{anchor}")


@pytest.mark.parametrize(("slug", "anchor"), list(links_of_templates()))
def test_every_section_that_a_page_links_to_is_there(slug, anchor, client):
    assert f'id="{anchor}"' in client.get(reverse("manual:page", args=[slug])).content.decode()


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("hooks:my-notifications", "/docs/who-is-told/#without-any-hook"),
        ("hooks:channels", "/docs/who-is-told/#your-own-channels"),
        ("hooks:snooze", "/docs/who-is-told/#quiet-times"),
        ("accounts:tokens", "/docs/api/#recording-events"),
    ],
)
def test_a_page_links_to_what_explains_it(page, link, alice, client_of):
    assert f'href="{link}"' in pages.get(client_of(alice), reverse(page))
