"""Components that stand on many pages: buttons and notes. They are built in, no `{% load %}` needed."""

from __future__ import annotations

from typing import Any

from django import template
from django.forms.utils import flatatt
from django.template.context import Context
from django.template.defaulttags import CsrfTokenNode
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from notifications_project.templatetags.look import icon, note_icon

register = template.Library()


@register.simple_block_tag
def button(content: str, page: str, *arguments: Any, **options: Any) -> SafeString:
    """Show a link as a button: `{% button "hooks:test" hook.public_id symbol="play" %}Test{% endbutton %}`.

    `page` names a view, which gets the arguments, or is an address. Options: `query` (what follows the address),
    `symbol` of the sprite, `look` (the classes; "btn" unless given), and attributes, with `_` for `-`.
    """
    href = _build_address(page, arguments, options.pop("query", ""))
    return format_html('<a href="{}"{}>{}</a>', href, *_split_content(content, **options))


@register.simple_block_tag(takes_context=True)
def post_button(context: Context, content: str, page: str, *arguments: Any, **options: Any) -> SafeString:
    """Show a button that acts at once, in a form of its own; it takes what `{% button %}` takes."""
    action = _build_address(page, arguments, options.pop("query", ""))
    return format_html(
        '<form method="post" action="{}">{}<button type="submit"{}>{}</button></form>',
        action,
        CsrfTokenNode().render(context),
        *_split_content(content, **options),
    )


@register.simple_block_tag
def note(content: str, tone: str = "", symbol: str = "", **attributes: Any) -> SafeString:
    """Show a box that stands out: `{% note "bad" %}<p>It failed.</p>{% endnote %}`. Without a tone it warns."""
    classes = f"note {tone}".strip()
    picture = icon(symbol) if symbol else note_icon(tone)
    return format_html('<div class="{}"{}>{}{}</div>', classes, flatatt(attributes), picture, content)


@register.simple_block_tag
def row_table(content: str, *headings: str, extra: int = 0, caption: str = "") -> SafeString:
    """Show a table whose rows end with buttons: `{% row_table "Name" "Kind" "Added" extra=3 %}…{% endrow_table %}`.

    On narrow screens a row folds, and the column with the number `extra` is left out.
    """
    classes = [mark_safe(' class="extra"') if at == extra else "" for at in range(1, len(headings) + 1)]
    return format_html(
        '<table class="table folds">{}<thead><tr>{}<th scope="col"><span class="hidden">{}</span></th></tr></thead>'
        "<tbody>{}</tbody></table>",
        format_html('<caption class="hidden">{}</caption>', caption) if caption else "",
        format_html_join("", '<th scope="col"{}>{}</th>', zip(classes, headings, strict=True)),
        gettext("Actions"),
        content,
    )


def _build_address(page: str, arguments: tuple[Any, ...], query: str) -> str:
    # The name of a view never begins like an address.
    address = page if page.startswith(("/", "?", "http")) else reverse(page, args=arguments)
    return f"{address}{query}"


def _split_content(
    content: str, *, look: str = "btn", symbol: str = "", **attributes: Any
) -> tuple[SafeString, SafeString]:
    given = {"class": look} if look else {}
    given |= {name.replace("_", "-"): value for name, value in attributes.items() if value}
    label = mark_safe(content.strip())  # noqa: S308 (what stands between the tags has been escaped)
    return flatatt(given), format_html("{} {}", icon(symbol), label) if symbol else label
