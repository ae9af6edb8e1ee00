"""The manual's Markdown pages are read, rendered and searched here.

The same files read well on a forge, so a link between pages is `webhooks.md#signatures`; it becomes the address of the
page that the console serves. HTML in a page is shown as text: the pages need none, and the console's content security
policy allows no inline script or style.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.templatetags.static import static
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin

FOLDER = Path(__file__).resolve().parent.parent / "docs"
FIRST = "index"  # the page at /docs/ itself; its list of links gives the order of the others
MOST_HITS = 30
_EXCERPT = 160  # characters
_STATIC = "../static/"  # where pages find pictures, seen from the folder of the pages


class Heading(NamedTuple):
    """A heading of the second or third level: its words, its anchor, and the text below it."""

    words: str
    anchor: str
    text: str


@dataclass(frozen=True)
class Page:
    """A page of the manual. `summary` is its first paragraph, `html` all of it but its title."""

    slug: str
    title: str
    summary: str
    html: SafeString
    headings: Sequence[Heading] = field(default_factory=tuple)

    @property
    def address(self) -> str:
        """Return the path of the page in the console."""
        return page_address(self.slug)


class Hit(NamedTuple):
    """A section that a search found, with the words around the hit."""

    page: Page
    heading: str
    address: str
    excerpt: str


def page_address(slug: str, anchor: str = "") -> str:
    """Return the path of a page, or of a heading in it."""
    path = reverse("manual:index") if slug == FIRST else reverse("manual:page", args=[slug])
    return f"{path}#{anchor}" if anchor else path


@cache
def read_pages() -> dict[str, Page]:
    """Return every page by slug, in the order in which the first page names them."""
    pages = {path.stem: _render(path) for path in sorted(FOLDER.glob("*.md"))}
    named = re.findall(r"\]\((\w[\w-]*)\.md\)", (FOLDER / f"{FIRST}.md").read_text())
    order = dict.fromkeys([FIRST, *named, *pages])
    return {slug: pages[slug] for slug in order if slug in pages}


def search(query: str) -> list[Hit]:
    """Return the sections that contain every word of `query`, those with a word in their heading first."""
    words = [_fold(word) for word in query.split()]
    if not words:
        return []
    ranked = []
    for page in read_pages().values():
        for heading in page.headings:
            title, text = _fold(f"{page.title} {heading.words}"), _fold(heading.text)
            if all(word in title or word in text for word in words):
                in_title = sum(word in title for word in words)
                excerpt = _cut_excerpt(heading.text, words)
                ranked.append((-in_title, Hit(page, heading.words, page_address(page.slug, heading.anchor), excerpt)))
    ranked.sort(key=lambda found: found[0])
    return [hit for _, hit in ranked[:MOST_HITS]]


def slugify(words: str) -> str:
    """Return the anchor that forges give to a heading: lower case, hyphens, no punctuation."""
    kept = re.sub(r"[^\w\- ]", "", words.strip().lower())
    return kept.replace(" ", "-")


def _render(path: Path) -> Page:
    markdown = (
        MarkdownIt("commonmark", {"html": False}).enable("table").use(anchors_plugin, max_level=3, slug_func=slugify)
    )
    tokens = markdown.parse(path.read_text())
    for token in tokens:
        _lead_within_the_console(token)
    title = tokens[1].content if tokens and tokens[0].type == "heading_open" else path.stem
    body = tokens[3:] if tokens and tokens[0].type == "heading_open" else tokens
    summary = next((_get_text(token) for token in body if token.type == "inline"), "")
    html = markdown.renderer.render(body, markdown.options, {})
    # Without a scroller a wide table would move the whole page sideways on a phone.
    html = html.replace("<table>", '<div class="scroll" tabindex="0"><table>').replace("</table>", "</table></div>")
    return Page(path.stem, title, summary, mark_safe(html), tuple(_list_headings(body)))  # noqa: S308  (made from our files)


def _lead_within_the_console(token: Token) -> None:
    """Turn links to other pages, and pictures, into addresses of the console."""
    for child in token.children or []:
        if child.type == "link_open" and (found := re.fullmatch(r"(\w[\w-]*)\.md(?:#(.*))?", str(child.attrs["href"]))):
            child.attrs["href"] = page_address(found[1], found[2] or "")
        elif child.type == "image" and str(child.attrs["src"]).startswith(_STATIC):
            child.attrs["src"] = static(str(child.attrs["src"]).removeprefix(_STATIC))


def _list_headings(tokens: Sequence[Token]) -> list[Heading]:
    """Return the sections of a page; the first is what stands above every heading."""
    found: list[tuple[str, str, list[str]]] = [("", "", [])]
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            found.append((_get_text(tokens[number + 1]), str(token.attrs.get("id", "")), []))
        elif token.type in {"inline", "fence", "code_block"} and tokens[number - 1].type != "heading_open":
            found[-1][2].append(_get_text(token))
    return [Heading(words, anchor, " ".join(texts)) for words, anchor, texts in found if words or texts]


def _get_text(token: Token) -> str:
    if token.children is None:
        return token.content
    parts = (" " if child.type in {"softbreak", "hardbreak"} else child.content for child in token.children)
    return "".join(parts)


def _fold(text: str) -> str:
    """Return a text without capitals and accents, to compare it."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _cut_excerpt(text: str, words: Sequence[str]) -> str:
    folded = _fold(text)
    first = min((at for word in words if (at := folded.find(word)) >= 0), default=0)
    # Folding may change lengths, so the place is near, not exact; an excerpt only needs to be near.
    start = max(0, first - _EXCERPT // 3)
    cut = text[start : start + _EXCERPT].strip()
    return f"{'…' if start else ''}{cut}{'…' if start + _EXCERPT < len(text) else ''}"
