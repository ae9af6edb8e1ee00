"""E-mails about events: the story of every format, as text and as HTML."""

from __future__ import annotations

import re

import pytest
from django.conf import LazySettings

from events import catalogue
from hooks.formats import FORMATS
from hooks.messages import Message, Notification
from hooks.wording import tell
from tests.hooks.notifications import APPLICATION, ORGANIZATION, notification


def written(about: Notification) -> Message:
    return FORMATS["mail"].write(about)


@pytest.mark.parametrize("event_type", catalogue.EVENT_TYPES)
def test_a_mail_tells_the_whole_story(event_type: str) -> None:
    about = notification(event_type)
    story, message = tell(about), written(about)
    text, html = message.body.decode(), message.html.replace("&#x27;", "'").replace("&quot;", '"')
    for part in (story.title, story.line, story.url, *(text for fact in story.facts for text in fact)):
        assert part in text
        assert part in html


def test_the_subject_begins_alike_for_all_of_an_application() -> None:
    subjects = [written(notification(event_type)).subject for event_type in ("stack.redeploy.ok", "job.fail")]
    assert subjects == ["[Acme] front: deployment succeeded", "[Acme] front: job “Nightly invoices” failed"]
    assert written(notification("credits.added", resource=None)).subject == "[Acme] Credits added"


def test_a_test_is_marked_in_subject_text_and_html() -> None:
    message = written(notification("process.down", is_test=True))
    assert message.subject.startswith("[Test] [Acme] ")
    assert "This is a test" in message.body.decode()
    assert "This is a test" in message.html


def test_nobody_s_data_becomes_markup_or_another_header() -> None:
    data = {"process_name": "<b>nginx</b>\r\nBcc: b@example.com"}
    message = written(notification("process.down", data, organization="Ac\r\nme"))
    assert message.subject == "[Ac me] front: process <b>nginx</b> Bcc: b@example.com is down"
    assert "<b>" not in message.html
    assert "\nBcc" not in message.body.decode()


def test_french_mail_is_french(settings: LazySettings) -> None:
    settings.MESSAGE_LANGUAGE = "fr"
    message = written(notification("stack.redeploy.fail"))
    assert message.subject == "[Acme] front\u00a0: échec du déploiement"
    assert '<html lang="fr">' in message.html
    assert "Environnement\u00a0: production" in message.body.decode()


def test_it_says_why_it_came_with_a_link_to_that_very_hook() -> None:
    reasons = ({"rule": "hook", "id": "hook_1", "name": "Ops <all>"}, {"rule": "hook", "id": "hook_2", "name": "Team"})
    message = written(notification("process.down", reasons=reasons))
    for each in ("hook_1", "hook_2"):
        address = f"/hooks/{each}/"
        assert address in message.body.decode()
        assert address in message.html
    assert "Ops <all>: http" in message.body.decode()
    assert "Ops &lt;all&gt;</a>," in message.html


def test_mails_about_one_application_answer_the_same_root_and_no_other_s() -> None:
    first, second = (written(notification(name)) for name in ("stack.redeploy.ok", "job.fail"))
    other = written(notification("credits.added", resource=None))
    assert first.headers["References"] == first.headers["In-Reply-To"] == second.headers["References"]
    assert first.headers["List-Id"] == second.headers["List-Id"]
    assert first.headers["Message-ID"] != first.headers["References"]
    assert other.headers["References"] != first.headers["References"]


def test_it_says_every_reason_in_the_language_of_the_mail(settings: LazySettings) -> None:
    hook = {"rule": "hook", "id": "hook_1", "name": "Ops"}
    reasons = (hook, {"rule": "default", "name": "x"}, {"rule": "role", "name": "admin"}, {"rule": "setting"})
    text = written(notification("process.down", reasons=reasons)).body.decode()
    assert "You get this because of an e-mail hook of Acme:" in text
    assert "such events are e-mailed to members by default" in text
    assert "as an administrator or manager of Acme" in text
    assert "because you chose it in your notification settings" in text
    here = "http://localhost:8000/account/notifications/#process.down-email"
    assert text.count(f"Change this in your settings: {here}\n") == 3
    assert "Unsubscribe from this hook: http://localhost:8000/unsubscribe/" in text
    settings.MESSAGE_LANGUAGE = "fr"
    message = written(notification("process.down", reasons=(hook, {**hook, "id": "hook_2"})))
    for part in ("en raison de hooks e-mail de Acme\u00a0:", "Se désabonner de ces hooks"):
        assert part in message.body.decode()
        assert part in message.html


def test_a_program_can_unsubscribe_its_reader_from_what_hooks_asked_for() -> None:
    message = written(notification("process.down", reasons=({"rule": "hook", "id": "hook_1", "name": "Ops"},)))
    address = message.headers["List-Unsubscribe"].strip("<>")
    assert address.startswith("http://localhost:8000/unsubscribe/")
    assert message.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message.private
    assert message.private in address
    assert address in message.body.decode()
    assert address in message.html


def test_it_is_readable_in_dark_mode_without_images_and_without_styles_in_the_head() -> None:
    html = written(notification("stack.redeploy.fail", is_test=True)).html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert "<img" not in html
    assert "url(" not in html
    # Whatever has a colour of its own for dark mode has one for light mode in itself.
    for tag in re.findall(r'<(?:td|table|body)[^>]* class="[^"]*"[^>]*>', html):
        if set(re.findall(r"[\w-]+", tag)) & {"card", "ink", "quiet", "note", "button"}:
            assert "color: #" in tag, tag


@pytest.mark.parametrize(
    ("reason", "query"),
    [
        ({"rule": "setting", "name": "resource"}, f"?scope={APPLICATION}"),
        ({"rule": "setting", "name": "organization"}, f"?scope={ORGANIZATION}"),
        ({"rule": "setting", "name": "everything"}, ""),
        ({"rule": "default", "name": "process.down"}, ""),
    ],
)
def test_the_settings_are_linked_where_the_reason_stands(reason: dict[str, str], query: str) -> None:
    message = written(notification("process.down", reasons=(reason,)))
    address = f"http://localhost:8000/account/notifications/{query}#process.down-email"
    assert f": {address}\n" in message.body.decode()
    assert f'href="{address}"' in message.html


def test_what_nobody_chooses_has_no_place_among_the_settings() -> None:
    text = written(notification("account.digest", reasons=({"rule": "digest"},))).body.decode()
    assert "settings: http://localhost:8000/account/notifications/\n" in text


@pytest.mark.parametrize("event_type", ["app.auth", "app.deauth"])
@pytest.mark.parametrize("rule", ["default", "setting"])
def test_mail_about_access_ends_in_the_settings_alone(event_type: str, rule: str) -> None:
    hook = {"rule": "hook", "id": "hook_1", "name": "Ops"}
    for reasons in (({"rule": rule},), (hook, {"rule": rule})):
        message = written(notification(event_type, reasons=reasons))
        assert not {name for name in message.headers if name.startswith("List-Unsubscribe")}
        for shown in (message.body.decode(), message.html):
            assert "/unsubscribe/" not in shown
            assert f"/account/notifications/#{event_type}-email" in shown
    assert "List-Unsubscribe" in written(notification(event_type, reasons=(hook,))).headers
