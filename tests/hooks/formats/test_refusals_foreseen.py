"""Messages that a service is known to refuse are changed or not sent, and people learn what to change."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.conf import LazySettings
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string

from hooks.formats import FORMATS, list_webhook_formats, mattermost, parts
from hooks.messages import Answer
from hooks.queue import outcomes
from notifications_project import graphemes
from tests.hooks.notifications import notification

FAMILY = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}"


def written(format: str, address: str, event_type: str = "git.push", **options: str) -> dict[str, Any]:
    message = FORMATS[format].write(notification(event_type, address=address, format=format, options=options))
    return {"url": message.url, "unsent": message.unsent, **json.loads(message.body)}


def answered(status: int, **body: Any) -> Answer:
    return Answer(str(status), "Refused", 0.0, 1, status=status, response={"body": json.dumps(body)})


DISCORD = "https://discord.com/api/webhooks/1/token"


@pytest.mark.parametrize(("console", "linked"), [("http://console:8124", False), ("https://console.example", True)])
def test_discord_gets_no_link_that_it_would_refuse_the_message_for(
    console: str, linked: bool, settings: LazySettings
) -> None:
    settings.PUBLIC_URL = console
    assert ("url" in written("discord", DISCORD)["embeds"][0]) is linked


def test_discord_begins_a_post_in_a_forum_but_not_within_one() -> None:
    assert "thread_name" not in written("discord", DISCORD)
    assert written("discord", DISCORD, thread_name="Deployments")["thread_name"] == "Deployments"
    assert "thread_name" not in written("discord", f"{DISCORD}?thread_id=12", thread_name="Deployments")


def test_discord_says_what_is_missing_for_a_forum() -> None:
    answer = FORMATS["discord"].understand(answered(400, code=220001, message="Webhooks posted to forum channels ..."))
    assert "post title" in answer.text
    assert outcomes.judge(answer, 1).verdict == "retry", "it is the setting, not the message"
    other = FORMATS["discord"].understand(answered(404, message="404: Not Found"))
    assert outcomes.judge(other, 1).verdict == "retry", "only a webhook that Discord does not know is gone"
    gone = FORMATS["discord"].understand(answered(404, code=10015))
    assert outcomes.judge(gone, 1).verdict == "gone"


@pytest.mark.parametrize("text", ["a_b_c", "Acme · 22 November 2026, 12:00:00 UTC", "R&D", "ops@example.org"])
def test_what_is_no_markup_stays_in_a_mattermost_footer(text: str) -> None:
    assert mattermost.unmark(text).replace("\u200b", "") == text


def test_markup_in_a_mattermost_footer_shows_as_it_is_in_old_and_new_versions() -> None:
    shown = mattermost.unmark("*x* _y_ ~~z~~ #ops :tada: `c` \\* &amp; ~town")
    assert not any(sign in shown for sign in ("*", "`", "~~", "#ops", ":tada:", " _y_ ", "\\*", "&amp;", "~town"))
    assert "\\\\" not in shown, "an escape would be seen by versions that show plain text"
    assert mattermost.unmark("# Ops") == "\u200b# Ops" or mattermost.unmark("- Ops") == "\u200b- Ops"


def test_pagerduty_takes_no_changes_by_a_key_of_an_orchestration() -> None:
    url = "https://events.pagerduty.com/v2/enqueue"
    key = f"R{'0' * 31}"
    assert "begins with R" in written("pagerduty", url, "git.push", routing_key=key)["unsent"]
    assert not written("pagerduty", url, "server.stopped", routing_key=key)["unsent"]
    assert not written("pagerduty", url, "git.push", routing_key="0" * 32)["unsent"]


TOKEN = f"123456789:{'A' * 35}"


@pytest.mark.parametrize("pasted", [f"/bot{TOKEN}/sendMessage", f"/bot{TOKEN}", f"/bot{TOKEN}/getMe/", ""])
def test_telegram_understands_the_address_of_a_method(pasted: str) -> None:
    found = written("telegram", f"https://api.telegram.org{pasted}", token=TOKEN, chat="-100")
    assert found["url"] == f"https://api.telegram.org/bot{TOKEN}/sendMessage"


def test_telegram_takes_token_and_chat_from_what_was_pasted() -> None:
    url, options = FORMATS["telegram"].adopt(f"https://api.telegram.org/bot{TOKEN}/sendMessage?chat_id=-1001&text=hi")
    assert (url, options) == ("https://api.telegram.org", {"token": TOKEN, "chat": "-1001"})
    assert FORMATS["telegram"].adopt("https://bots.example/base") == ("https://bots.example/base", {})


def test_telegram_writes_into_a_topic() -> None:
    url = "https://api.telegram.org"
    assert written("telegram", url, token=TOKEN, chat="-100", topic="17")["message_thread_id"] == 17
    assert "message_thread_id" not in written("telegram", url, token=TOKEN, chat="-100")


@pytest.mark.parametrize(
    ("url", "instead"),
    [
        ("https://acme.webhook.office.com/webhookb2/1/IncomingWebhook/2/3", "make a workflow"),
        ("https://prod-1.westeurope.logic.azure.com:443/workflows/1/triggers/manual/paths/invoke?sig=x", "new URL"),
        ("https://1.d2.environment.api.powerplatform.com/powerautomate/workflows/1/triggers/manual/paths/invoke", ""),
    ],
)
def test_urls_that_microsoft_has_ended_are_refused_with_what_to_do_instead(url: str, instead: str) -> None:
    found = FORMATS["teams"].find_url_problem(url)
    assert (instead in found) if instead else not found


@pytest.mark.parametrize(
    "sign", [FAMILY, "e\u0301", "\N{REGIONAL INDICATOR SYMBOL LETTER D}\N{REGIONAL INDICATOR SYMBOL LETTER E}"]
)
def test_texts_are_cut_between_what_people_see_as_signs(sign: str) -> None:
    text = f"abc{sign * 20}"
    for most in range(3, 40):
        begin = graphemes.cut(text, most)
        assert len(begin) <= most
        assert (len(begin) - 3) % len(sign) == 0
        assert len(begin) > most - len(sign)
    for most in range(5, 30):
        fitted = parts.fit(text, most).removesuffix("…")
        assert (len(fitted) - 3) % len(sign) == 0


def test_a_sign_without_end_is_cut_all_the_same() -> None:
    assert len(graphemes.cut(f"e{chr(0x301) * 5000}", 200)) == 200


@pytest.mark.parametrize("name", [known.name for known in list_webhook_formats() if known.name != "raw"])
def test_no_preview_has_a_link_that_leads_nowhere(name: str, settings: LazySettings) -> None:
    settings.PUBLIC_URL = "http://console:8124"
    about = notification("process.down", address="https://service.example/hooks/1", format=name, options={})
    text = FORMATS[name].write(about).body.decode()
    body = json.loads(text) if text.startswith("{") else dict(parse_qsl(text))
    try:
        html = render_to_string(f"hooks/preview/{name}.html", {"body": body})
    except TemplateDoesNotExist:
        return
    assert 'href=""' not in html


def test_a_recorded_answer_is_cut_between_signs() -> None:
    answer = Answer("200", FAMILY * 100, 0.0, 1, status=200)
    kept = outcomes.shorten_answer(answer).removeprefix("200 ")
    assert len(kept) > 190
    assert len(kept) % len(FAMILY) == 0
