"""*My notifications*: the grid, its buttons, and undo."""

from __future__ import annotations

import html as markup
import re
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags

from events import catalogue
from events.models import Resource
from hooks.channels import services
from hooks.models import Channel, Endpoint, NotificationSetting, Urgent
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import Choice, Scope
from notifications_project.accounts import organizations
from notifications_project.accounts.audit_words import write_particulars, write_sentence
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.hooks.grid import DOWN, EMAIL, HTMX, PAGE, button, chosen, press, undo, undo_of
from tests.hooks.pages import ClientOf
from tests.pages import get, read


@pytest.fixture
def client(dave: User, client_of: ClientOf) -> Client:
    """Return a client that is signed in as Dave, a developer in Acme."""
    return client_of(dave)


@pytest.fixture
def shop(acme: Organization) -> Resource:
    return Resource.objects.create(organization=acme, kind="application", name="shop")


@pytest.fixture
def webhook(dave: User) -> Channel:
    return services.set_up(dave, "webhook", url="http://127.0.0.1:9/in", options={})[0]


# --- The grid ------------------------------------------------------------------------------------------------


def test_every_event_type_has_a_row_and_every_channel_a_named_button(client: Client) -> None:
    html = get(client, PAGE)
    for each in catalogue.OFFERED:
        for kind in Channel.Kind:
            assert button(html, f"{each.label}: {kind.label}")["aria-pressed"] in {"true", "false", "mixed"}
    assert html.count('scope="rowgroup"') == len(catalogue.Category)


def test_who_chose_nothing_sees_the_defaults_of_the_platform_and_has_no_rows(client: Client, dave: User) -> None:
    html = get(client, PAGE)
    for each in catalogue.TYPES[:13]:
        shown = button(html, f"{each.label}: E-mail")
        assert shown["aria-pressed"] == ("false" if each.name == "stack.deploy.started" else "true"), each.name
        assert "default" in shown["class"]
    redeployed = button(html, "Stack redeployed successfully: E-mail")
    assert "Follows the e-mail hooks" in redeployed["title"]
    assert not NotificationSetting.objects.filter(user=dave).exists()


def test_a_click_turns_off_and_the_next_one_on_again(client: Client, dave: User) -> None:
    wants = button(get(client, PAGE), EMAIL)["value"]
    html = press(client, wants)
    assert "Process is down: E-mail is off." in html
    shown = button(html, EMAIL)
    assert (shown["aria-pressed"], shown["title"]) == ("false", "Off, you chose it")
    assert "own" in shown["class"]
    assert chosen(dave) == {(DOWN, "email"): False}
    html = press(client, shown["value"])
    assert button(html, EMAIL)["aria-pressed"] == "true"
    assert chosen(dave) == {(DOWN, "email"): True}


def test_without_scripts_the_page_comes_back_to_the_cell(client: Client) -> None:
    answer = client.post(f"{PAGE}set/", {"set": f"{DOWN} email off"})
    assert answer.status_code == 302
    assert answer["Location"] == f"{PAGE}#{DOWN}-email"
    assert f'id="{DOWN}-email"' in get(client, PAGE)
    row = client.post(f"{PAGE}set/", {"set": f"{DOWN} * default"})
    assert row["Location"] == f"{PAGE}#{DOWN}"
    assert f'<tr id="{DOWN}"' in get(client, PAGE)


def test_htmx_gets_the_cell_and_what_follows_from_it_and_nothing_else(client: Client) -> None:
    answer = client.post(f"{PAGE}set/", {"set": f"{DOWN} email off"}, headers=HTMX)
    html = read(answer)
    assert answer.status_code == 200
    assert "<html" not in html
    assert html.count('class="spot"') == 1
    swapped = set(re.findall(r'id="([^"]+)"[^>]*hx-swap-oob', html))
    assert swapped == {f"{DOWN}-email", f"{DOWN}-menu", "scopes", "would", "said"}
    assert "Process is down: E-mail is off." in html


def test_back_to_the_default_is_one_small_button(client: Client, dave: User) -> None:
    html = press(client, f"{DOWN} email off")
    html = press(client, button(html, f"{EMAIL} (Back to the default)")["value"])
    assert chosen(dave) == {}
    assert "Process is down: E-mail is at its default again." in html
    assert f'aria-label="{EMAIL} (Back to the default)"' not in html


def test_a_change_is_written_to_the_audit_log_in_words(client: Client, dave: User) -> None:
    press(client, f"{DOWN} email off")
    entry = AuditEntry.objects.filter(organization=dave.pk).latest("pk")
    told = f"{strip_tags(write_sentence(entry))} {write_particulars(entry)}"
    assert told == f"Dave changed the notification settings for everything ({EMAIL})"
    press(client, "* email off")
    entry = AuditEntry.objects.filter(organization=dave.pk).latest("pk")
    assert write_particulars(entry).endswith(f" and {len(catalogue.OFFERED) - 4} more)")
    client.post(f"{PAGE}always/", {"always": f"{DOWN} on"})
    entry = AuditEntry.objects.filter(organization=dave.pk).latest("pk")
    assert strip_tags(write_sentence(entry)) == "Dave is notified even during quiet times: Process is down"


# --- Channels that do not work yet ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["hipchat", "webhook", "ios"])
def test_a_channel_that_is_not_set_up_opens_its_form_with_the_cell_remembered(
    client: Client, dave: User, kind: str
) -> None:
    form = f"{PAGE}channels/{kind}/?type={DOWN}&scope=everything"
    asked = {"set": f"{DOWN} {kind} on"}
    assert client.post(f"{PAGE}set/", asked)["Location"] == form
    assert client.post(f"{PAGE}set/", asked, headers=HTMX)["HX-Redirect"] == form
    assert chosen(dave) == {}


def test_the_cell_of_one_application_is_remembered_with_it(client: Client, shop: Resource) -> None:
    answer = client.post(f"{PAGE}set/", {"set": f"{DOWN} webhook on", "scope": shop.public_id})
    assert answer["Location"] == f"{PAGE}channels/webhook/?type={DOWN}&scope={shop.public_id}"


def test_what_is_not_set_up_looks_so_and_says_it(client: Client, webhook: Channel, settings: LazySettings) -> None:
    settings.PUSH_CONFIGURED = False
    html = get(client, PAGE)
    hipchat = button(html, "Process is down: HipChat")
    assert "unset" in hipchat["class"]
    assert "not set up" in hipchat["title"]
    assert "not configured" in button(html, "Process is down: iOS")["title"]
    assert "unset" not in button(html, "Process is down: Webhook")["class"]


def test_what_was_chosen_for_a_channel_that_was_removed_is_not_shown_as_on(
    client: Client, dave: User, webhook: Channel
) -> None:
    press(client, f"{DOWN} webhook on")
    services.remove(webhook)
    shown = button(get(client, PAGE), "Process is down: Webhook")
    assert shown["aria-pressed"] == "false"
    assert shown["value"].endswith(" on")


def test_a_channel_that_was_stopped_is_said_above_the_grid(client: Client, webhook: Channel) -> None:
    Endpoint.objects.filter(pk=webhook.endpoint.pk).update(disabled_at=timezone.now())
    assert "Webhook was disabled" in get(client, PAGE)


# --- Rows and columns ----------------------------------------------------------------------------------------


def test_a_row_is_turned_on_for_the_channels_that_work(client: Client, dave: User, webhook: Channel) -> None:
    html = press(client, f"{DOWN} * on")
    assert chosen(dave) == {(DOWN, "email"): True, (DOWN, "webhook"): True}
    assert "Process is down: all channels are on; not iOS and HipChat, which do not work yet." in html
    press(client, f"{DOWN} * off")
    assert chosen(dave) == {(DOWN, "email"): False, (DOWN, "webhook"): False}
    press(client, f"{DOWN} * default")
    assert chosen(dave) == {}


def test_a_column_is_one_change(client: Client, dave: User, webhook: Channel) -> None:
    before = AuditEntry.objects.count()
    html = press(client, "* webhook on")
    assert chosen(dave) == {(each.name, "webhook"): True for each in catalogue.OFFERED}
    assert AuditEntry.objects.count() == before + 1
    assert "Webhook for every event is on." in html
    undo(client, html)
    assert chosen(dave) == {}


def test_everything_goes_back_to_the_defaults(client: Client, dave: User) -> None:
    assert "Back to the defaults (" not in get(client, PAGE)
    press(client, "* email off")
    html = press(client, "server.stopped email on")
    assert f"Back to the defaults ({len(catalogue.OFFERED)})" in html
    html = press(client, "* * default")
    assert chosen(dave) == {}
    undo(client, html)
    assert chosen(dave)["server.stopped", "email"] is True
    assert chosen(dave)[DOWN, "email"] is False


# --- Undo ----------------------------------------------------------------------------------------------------


def test_a_change_is_undone_and_done_again(client: Client, dave: User) -> None:
    html = undo(client, press(client, f"{DOWN} email off"))
    assert chosen(dave) == {}
    assert "Taken back: “Process is down: E-mail is off”." in html
    assert "Do it again" in html
    html = undo(client, html)
    assert chosen(dave) == {(DOWN, "email"): False}
    assert "Taken back" not in html


def test_undoing_is_of_the_scope_of_the_change(client: Client, dave: User, acme: Organization) -> None:
    html = press(client, f"{DOWN} email off", acme.public_id)
    answer = client.post(f"{PAGE}undo/", {"undo": undo_of(html)})
    assert answer["Location"] == f"{PAGE}?scope={acme.public_id}#{DOWN}-email"
    assert chosen(dave, Scope(organization=acme)) == {}


def test_an_undo_is_of_who_made_the_change(client: Client, alice: User, client_of: ClientOf) -> None:
    token = undo_of(press(client, f"{DOWN} email off"))
    for bad in (token, token[:-3], "", "x"):
        html = read(client_of(alice).post(f"{PAGE}undo/", {"undo": bad}, follow=True))
        assert "This cannot be undone any more" in html
    assert not NotificationSetting.objects.filter(user=alice).exists()


def test_what_cannot_be_undone_says_why(client: Client, webhook: Channel) -> None:
    press(client, f"{DOWN} webhook on")
    html = press(client, f"{DOWN} webhook off")
    services.remove(webhook)
    assert "It was not undone. Webhook is not set up." in undo(client, html)


# --- Quiet ---------------------------------------------------------------------------------------------------


def test_what_is_snoozed_is_said_above_the_grid(client: Client, dave: User, webhook: Channel) -> None:
    assert "snoozed until" not in get(client, PAGE)
    services.snooze(dave, ["webhook", "email"], timezone.now() + timedelta(hours=1))
    assert "E-mail and Webhook are snoozed until" in get(client, PAGE)


def test_bad_news_can_pass_a_snooze_and_nothing_else(client: Client, dave: User) -> None:
    html = get(client, PAGE)
    always = button(html, "Process is down: even when snoozed")
    assert always["aria-pressed"] == "false"
    assert "Git push: even when snoozed" not in html
    answer = client.post(f"{PAGE}always/", {"always": always["value"]})
    assert answer["Location"] == f"{PAGE}#{DOWN}"
    assert button(get(client, PAGE), "Process is down: even when snoozed")["aria-pressed"] == "true"
    html = read(client.post(f"{PAGE}always/", {"always": f"{DOWN} off"}, headers=HTMX))
    assert set(re.findall(r'id="([^"]+)"[^>]*hx-swap-oob', html)) >= {f"{DOWN}-always", "said"}
    assert not Urgent.objects.filter(user=dave).exists()
    html = read(client.post(f"{PAGE}always/", {"always": "git.push on"}, follow=True))
    assert "Only bad news can pass quiet times." in html


# --- Who may, and what is wrong ------------------------------------------------------------------------------


def test_who_is_not_signed_in_is_asked_to(db: None) -> None:
    for path in ("", "choose/", "last-days/"):
        assert Client().get(f"{PAGE}{path}")["Location"].startswith("/accounts/login/")
    for path in ("set/", "undo/", "always/"):
        assert Client().post(f"{PAGE}{path}")["Location"].startswith("/accounts/login/")
        assert "/accounts/login/" in Client().post(f"{PAGE}{path}", headers=HTMX)["HX-Redirect"]


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        ("", "choose on, off or default"),
        (f"{DOWN} email", "choose on, off or default"),
        (f"{DOWN} email maybe", "choose on, off or default"),
        (f"{DOWN} email on more", "choose on, off or default"),
        ("no.such email on", "Unknown event type: no.such."),
        (f"{DOWN} pager on", "Unknown channel"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_and_changes_nothing(client: Client, wish: str, problem: str) -> None:
    assert problem in press(client, wish)
    html = read(client.post(f"{PAGE}set/", {"set": wish}, headers=HTMX))
    assert problem in markup.unescape(html)
    assert not NotificationSetting.objects.exists()


def test_what_stands_already_has_nothing_to_undo(client: Client) -> None:
    press(client, f"{DOWN} email off")
    html = press(client, f"{DOWN} email off")
    assert "Nothing to change: Process is down: E-mail is off." in html
    assert 'name="undo"' not in html


def test_signing_in_may_return_to_a_button(client: Client) -> None:
    for path in ("set/", "undo/", "always/"):
        assert client.get(f"{PAGE}{path}")["Location"] == PAGE


def test_the_page_takes_as_many_queries_for_many_organizations(client: Client, dave: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            get(client, PAGE)
        return len(captured)

    get(client, PAGE)
    few = queries()
    for each in range(15):
        organization = organizations.create_organization(name=f"Team {each}", admin=dave)
        notification_settings.choose(dave, [Choice(DOWN, "email", False)], Scope(organization=organization))
    assert queries() == few
