"""Every template of the project keeps these rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.http import HttpResponse

from notifications_project.settings import BASE_DIR
from tests.pages import read

TEMPLATES = sorted((BASE_DIR / "templates").rglob("*.html"))
_TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
# An attribute with what stands in its quotes; a template tag inside may hold quotes of its own.
_ATTRIBUTE = re.compile(r"""[\w-]+=("|')((?:\{%.*?%\}|\{\{.*?\}\}|(?!\1).)*)\1""", re.DOTALL)


def find_chains(text: str) -> list[str]:
    """Return the attributes whose value is chosen among branches."""
    tags = [(tag.start(), tag.end()) for tag in _TAG.finditer(text)]
    return [
        found[0]
        for found in _ATTRIBUTE.finditer(text)
        if re.search(r"\{% *(else|elif)\b", found[2]) and not any(start < found.start() < end for start, end in tags)
    ]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_attribute_is_chosen_among_branches(path: Path):
    assert find_chains(path.read_text(encoding="utf-8")) == []


def test_a_chain_is_found():
    assert find_chains("""<p class="a {% if b == "c" %}d{% else %}e{% endif %}">""")
    apart = """{% if b == "c" %}<p class="d{% if f %} g{% endif %}">{% else %}<p class="e">{% endif %}"""
    assert not find_chains(apart)


def test_what_is_included_is_named_as_a_part():
    included = {
        name for path in TEMPLATES for name in re.findall(r'\{% include "([^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert included
    # All of `components/` are parts, and Django names the templates of its fields.
    elsewhere = {name for name in included if not name.startswith(("components/", "django/"))}
    assert [name for name in sorted(elsewhere) if not name.rpartition("/")[2].startswith("_")] == []


def test_a_page_is_read_without_its_layout():
    html = "<p>\n  One <b\n  >two</b>\n  three\n</p>\n<pre>\n  as  it is\n</pre>"
    assert read(HttpResponse(html)) == "<p>One <b>two</b> three</p><pre>\n  as  it is\n</pre>"
