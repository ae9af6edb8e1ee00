"""The preview of a message for any event type, rendered and raw, without secrets."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from django.test import Client

from events import catalogue
from events.models import Event, Resource
from hooks.formats import list_webhook_formats
from hooks.models import Delivery, Hook
from notifications_project.accounts.models import Organization, User
from tests.hooks.pages import FILLED, ClientOf, add_webhook, page_of
from tests.pages import assert_strict, get, read

SECRET = "sEcReT/4711+of&the=room-0123456789"
PLAIN = "0123456789abcdef0123456789abcdef"
TYPES = ["stack.redeploy.fail", "server.backon", "addon.created", "credits.warning", "hook.failing", "git.push"]


@pytest.fixture
def client(alice: User, client_of: ClientOf) -> Client:
    return client_of(alice)


def filled_options(known: Any) -> tuple[dict[str, str], list[str]]:
    """Return valid values for all options of a format, and the secret ones."""
    values = {}
    for option in known.options:
        hidden = [SECRET, f"9{SECRET}"] if option.secret else []
        tries = [option.default, *hidden, PLAIN, "ops", "4711", "123456:" + PLAIN + "abcd", "@ops"]
        values[option.name] = next(each for each in tries if each and not option.find_problem(each))
    return values, [values[option.name] for option in known.options if option.secret]


def assert_hidden(html: str, secrets: list[str]) -> None:
    for secret in secrets:
        for written in (secret, quote(secret, safe=""), quote_plus(secret)):
            assert written not in html
            assert written not in unescape(html)


def test_some_types_are_those_of_the_catalogue() -> None:
    assert set(TYPES) <= set(catalogue.EVENT_TYPES)


@pytest.mark.parametrize("name", [known.name for known in list_webhook_formats()])
def test_every_format_can_be_looked_at_and_shows_no_secret(
    name: str, client: Client, home: str, acme: Organization
) -> None:
    known = next(each for each in list_webhook_formats() if each.name == name)
    options, secrets = filled_options(known)
    hook = add_webhook(acme, url=f"http://127.0.0.1:9/in/{PLAIN}x?key={SECRET}", format=name, options=options)
    assert hook.endpoint is not None
    for event_type in TYPES:
        html = get(client, f"{page_of(home, hook, 'preview/')}?event_type={event_type}")
        assert f'value="{event_type}" selected' in html
        assert catalogue.get_label(event_type) in html
        assert "Content-Type: " in html
        assert_hidden(html, [*secrets, SECRET, f"{PLAIN}x", hook.endpoint.secrets["signing"][0]["key"]])
        assert ("webhook-signature: v1," in html) == known.signed
    assert not Event.objects.exists()
    assert not Delivery.objects.exists()


def test_the_type_shown_first_is_the_first_that_the_hook_asks_for(
    client: Client, home: str, acme: Organization
) -> None:
    hook = add_webhook(acme, events=["job.fail", "server.stopped"])
    assert 'value="server.stopped" selected' in get(client, page_of(home, hook, "preview/"))
    assert 'value="git.push" selected' in get(client, page_of(home, hook, "preview/?event_type=git.push"))


def test_the_body_is_that_of_an_event_about_what_the_hook_is_restricted_to(
    client: Client, home: str, acme: Organization
) -> None:
    Resource.objects.create(organization=acme, kind="application", name="Atelier")
    shop = Resource.objects.create(organization=acme, kind="application", name="Boutique")
    hook = add_webhook(acme, resources=[shop.pk])
    html = unescape(get(client, page_of(home, hook, "preview/")))
    assert f'"id": "{shop.public_id}"' in html
    assert '"event_type": "stack.redeploy.ok"' in html


def test_it_follows_the_restriction_in_the_form_saved_or_not(client: Client, home: str, acme: Organization) -> None:
    atelier = Resource.objects.create(organization=acme, kind="application", name="Atelier")
    shop = Resource.objects.create(organization=acme, kind="application", name="Boutique")
    store = Resource.objects.create(organization=acme, kind="addon", name="Boutique-db")
    page = f"{home}/notifications/webhooks/preview/"
    html = assert_strict(client.post(page, FILLED | {"resources": [str(store.pk), str(shop.pk)]}))
    assert f'"id": "{shop.public_id}"' in unescape(html)
    sealed = re.search(r'name="draft" value="([^"]+)"', html)
    assert sealed
    again = assert_strict(client.post(page, {"draft": sealed[1], "event_type": "addon.created"}))
    assert f'"id": "{store.public_id}"' in unescape(again)

    hook = add_webhook(acme, resources=[shop.pk])
    for chosen, shown in (([str(atelier.pk)], atelier), ([], atelier), (["nonsense"], atelier)):
        html = assert_strict(client.post(page_of(home, hook, "preview/"), FILLED | {"resources": chosen}))
        assert f'"id": "{shown.public_id}"' in unescape(html)
    assert f'"id": "{shop.public_id}"' in unescape(get(client, page_of(home, hook, "preview/")))


def test_nothing_of_another_organization_is_shown(client: Client, home: str, olga: User) -> None:
    foreign = Resource.objects.create(
        organization=Organization.objects.get(name="Other"), kind="application", name="Else"
    )
    typed = FILLED | {"resources": [str(foreign.pk)]}
    assert "Else" not in assert_strict(client.post(f"{home}/notifications/webhooks/preview/", typed))


def test_every_format_but_raw_is_drawn(client: Client, home: str, acme: Organization) -> None:
    for known in list_webhook_formats():
        options, _ = filled_options(known)
        hook = add_webhook(acme, known.label, url="http://127.0.0.1:9/in", format=known.name, options=options)
        html = get(client, page_of(home, hook, "preview/"))
        assert (f"About as {known.label} shows it" in html) == (known.name != "raw")


def test_whoever_sees_hooks_may_look_but_not_try_out(home: str, hook: Hook, anna: User, client_of: ClientOf) -> None:
    html = get(client_of(anna), page_of(home, hook, "preview/"))
    assert "t0p" not in html
    assert client_of(anna).post(page_of(home, hook, "preview/"), FILLED).status_code == 403


def test_others_see_nothing(home: str, hook: Hook, olga: User, client_of: ClientOf) -> None:
    assert client_of(olga).get(page_of(home, hook, "preview/")).status_code == 404


# --- As it stands in the form ------------------------------------------------------------------------------------
def test_a_form_is_looked_at_before_it_is_saved(client: Client, home: str) -> None:
    typed = FILLED | {"format": "hipchat", "url": "", "option_hipchat_token": PLAIN, "option_hipchat_room": "Ops"}
    page = f"{home}/notifications/webhooks/preview/"
    html = assert_strict(client.post(page, typed | {"event_type": ""}))
    assert "POST https://api.hipchat.com/v1/rooms/message" in html
    assert_hidden(html, [PLAIN])
    assert not Hook.objects.filter(kind="webhook").exists()

    sealed = re.search(r'name="draft" value="([^"]+)"', html)
    assert sealed
    again = assert_strict(client.post(page, {"draft": sealed[1], "event_type": "git.push"}))
    assert 'value="git.push" selected' in again
    assert "room_id = Ops" in again
    assert_hidden(again, [PLAIN])


def test_what_is_missing_is_said(client: Client, home: str) -> None:
    html = assert_strict(client.post(f"{home}/notifications/webhooks/preview/", {"format": "hipchat"}))
    assert "It cannot be saved like this:" in html
    assert "API token is needed." in html


@pytest.mark.parametrize("name", [known.name for known in list_webhook_formats()])
@pytest.mark.parametrize("url", ["", "http://[", "nowhere", "https://example.org:port/x?a=%zz"])
def test_whatever_url_is_typed_can_be_looked_at(name: str, url: str, client: Client, home: str) -> None:
    assert_strict(client.post(f"{home}/notifications/webhooks/preview/", {"format": name, "url": url}))


def test_a_stored_secret_that_was_left_alone_is_used_and_not_shown(
    client: Client, home: str, acme: Organization
) -> None:
    options = {"token": PLAIN, "room": "Ops", "version": "2"}
    hook = add_webhook(acme, "Ops room", url="http://127.0.0.1:9", format="hipchat", options=options)
    typed = FILLED | {"format": "hipchat", "option_hipchat_room": "Else", "option_hipchat_version": "2"}
    html = assert_strict(client.post(page_of(home, hook, "preview/"), typed, headers={"HX-Request": "true"}))
    assert "<html" not in html
    assert "/v2/room/Else/notification" in html
    assert f"Authorization: Bearer {PLAIN[:4]}••••••" in html
    assert "cannot be saved" not in html
    assert_hidden(html, [PLAIN])


def test_only_what_was_sealed_here_comes_along(client: Client, home: str, hook: Hook) -> None:
    stored = Hook.objects.values_list("endpoint__secrets", flat=True).get(pk=hook.pk)
    assert stored
    for draft in ("nonsense", "gAAAAA"):
        answer = client.post(page_of(home, hook, "preview/"), {"draft": draft})
        assert answer.status_code == 404


def test_a_preview_that_is_loaded_again_leads_to_the_form(client: Client, home: str) -> None:
    for kind in ("webhooks", "emails"):
        answer = client.get(f"{home}/notifications/{kind}/preview/")
        assert answer.headers["Location"] == f"{home}/notifications/{kind}/add/"


# --- E-mails -----------------------------------------------------------------------------------------------------
def test_an_email_is_shown_as_text_and_in_a_frame_of_its_own(client: Client, home: str, acme: Organization) -> None:
    hook = Hook.objects.get(organization=acme, kind="email")
    html = get(client, page_of(home, hook, "preview/?event_type=stack.redeploy.fail"))
    assert "To: alice@people.example" in html
    assert "<dt>To</dt><dd>alice@people.example</dd>" in html
    frame = re.search(r'<iframe[^>]*src="([^"]+)"[^>]*sandbox=""', html)
    assert frame
    mail = client.get(unescape(frame[1]))
    assert mail.status_code == 200
    assert "<html" in read(mail)
    policy = mail.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in policy
    assert "sandbox" in policy
    assert "script-src 'none'" in policy
    assert mail.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_an_email_hook_is_looked_at_before_it_is_saved(client: Client, home: str) -> None:
    page = f"{home}/notifications/emails/preview/"
    html = assert_strict(client.post(page, {"name": "On call", "notify_members": "on", "events": ["job.fail"]}))
    assert 'value="job.fail" selected' in html
    frame = re.search(r'<iframe[^>]*src="([^"]+)"', html)
    assert frame
    assert "On call" in read(client.get(unescape(frame[1])))
    assert client.get(f"{page}mail/").status_code == 404


def test_the_html_of_a_webhook_is_no_page(client: Client, home: str, hook: Hook) -> None:
    assert client.get(page_of(home, hook, "preview/mail/")).status_code == 404
