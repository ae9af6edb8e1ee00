"""The components of pages: buttons and notes, as templates write them."""

from __future__ import annotations

import pytest
from django.template import Context, Template
from django.urls import NoReverseMatch, reverse

PLAY = '<svg class="i" aria-hidden="true"><use href="'


def render(text: str, **context: object) -> str:
    return Template(text).render(Context(context))


def test_a_button_leads_to_a_view_with_its_arguments():
    html = render('{% button "hooks:channel-test" "email" symbol="play" look="btn ghost" %} Test {% endbutton %}')
    page = reverse("hooks:channel-test", args=["email"])
    assert html.startswith(f'<a href="{page}" class="btn ghost">{PLAY}')
    assert html.endswith("</svg> Test</a>")


def test_a_button_leads_to_an_address_with_a_query():
    html = render('{% button page query=asked aria_describedby="x" %}Go{% endbutton %}', page="/a/", asked="?b=<c>")
    assert html == '<a href="/a/?b=&lt;c&gt;" aria-describedby="x" class="btn">Go</a>'


def test_a_button_to_a_view_that_there_is_not_is_a_mistake():
    with pytest.raises(NoReverseMatch):
        render('{% button "hooks:nowhere" %}Go{% endbutton %}')


def test_a_button_that_acts_is_a_form_that_is_protected():
    html = render('{% post_button "/a/" look="" %}Do <b>it</b>{% endpost_button %}', csrf_token="token")
    assert html == (
        '<form method="post" action="/a/"><input type="hidden" name="csrfmiddlewaretoken" value="token">'
        '<button type="submit">Do <b>it</b></button></form>'
    )


def test_what_a_component_holds_is_escaped_once():
    html = render('{% button "/a/" %}{{ name }}{% endbutton %}{% note %}{{ name }}{% endnote %}', name="<b> & co")
    assert html.count("&lt;b&gt; &amp; co") == 2
    assert "&amp;lt;" not in html


@pytest.mark.parametrize(
    ("tone", "classes", "symbol"),
    [("", "note", "warn"), ("bad", "note bad", "warn"), ("good", "note good", "check"), ("info", "note info", "info")],
)
def test_a_note_has_the_symbol_of_its_tone(tone: str, classes: str, symbol: str):
    html = render("{% note tone %}<p>It failed.</p>{% endnote %}", tone=tone)
    assert html.startswith(f'<div class="{classes}"><svg')
    assert f'#{symbol}"' in html
    assert html.endswith("<p>It failed.</p></div>")


def test_a_note_takes_another_symbol_and_attributes():
    html = render('{% note "bad" symbol="clock" role="alert" %}x{% endnote %}')
    assert html.startswith('<div class="note bad" role="alert">')
    assert '#clock"' in html


def test_a_table_with_actions_names_its_columns():
    html = render('{% row_table "Name" "Added" extra=2 caption="All" %}<tr><td>a</td></tr>{% endrow_table %}')
    assert html.startswith('<table class="table folds"><caption class="hidden">All</caption><thead>')
    assert '<th scope="col">Name</th><th scope="col" class="extra">Added</th>' in html
    assert '<span class="hidden">Actions</span></th></tr></thead><tbody><tr><td>a</td></tr></tbody></table>' in html


def test_headings_of_a_table_are_escaped():
    assert "&lt;b&gt;" in render("{% row_table name %}{% endrow_table %}", name="<b>")
