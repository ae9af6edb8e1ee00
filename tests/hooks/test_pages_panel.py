"""The Notifications panel: what is listed, who may do what, what the forms do with bad input."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from events.models import Resource
from hooks import rules
from hooks.models import Delivery, Endpoint, Hook, Lane
from hooks.rules import Notify
from notifications_project.accounts.models import Organization, User
from tests.pages import assert_strict, get

ClientOf = Callable[[User], Client]
CHANGES = ["enable/", "disable/", "pause/", "resume/", "rotate-secret/", "delete/"]
FILLED = {"name": "Audit trail", "url": "http://127.0.0.1:9/in", "format": "raw", "enabled": "on"}


@pytest.fixture
def home(acme: Organization) -> str:
    return f"/organizations/{acme.public_id}"


@pytest.fixture
def hook(acme: Organization) -> Hook:
    return add_webhook(acme)


def add_webhook(acme: Organization, name: str = "Receiver", **fields: object) -> Hook:
    fields = {"url": "http://ann:secret@127.0.0.1:9/in?token=t0p", **fields}
    return rules.create_webhook(organization=acme, actor=None, name=name, **fields)[0]  # type: ignore[arg-type]


def page_of(home: str, hook: Hook, rest: str = "") -> str:
    return f"{home}/hooks/{hook.public_id}/{rest}"


# --- Who may do what -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["notifications/emails/", "notifications/webhooks/", "deliveries/"])
def test_every_member_reads(path: str, home: str, hook: Hook, anna: User, client_of: ClientOf) -> None:
    get(client_of(anna), f"{home}/{path}")


@pytest.mark.parametrize(
    ("path", "tab"),
    [
        ("notifications/emails/", "E-mails"),
        ("notifications/webhooks/", "Webhooks"),
        ("deliveries/", "Deliveries"),
        ("event-types/", "Event types"),
    ],
)
def test_every_tab_of_the_panel_keeps_the_tabs(path: str, tab: str, home: str, anna: User, client_of: ClientOf) -> None:
    html = get(client_of(anna), f"{home}/{path}")
    [tabs] = re.findall(r'<nav class="tabs" aria-label="Notifications">.*?</nav>', html, re.DOTALL)
    assert re.findall(r'aria-current="page">([\w -]+)', tabs) == [tab]
    [crumbs] = re.findall(r'<nav class="crumbs".*?</nav>', html)
    assert "Organization Manager" in crumbs
    assert tab in {"E-mails", "Webhooks"} or f'href="{home}/notifications/emails/">Notifications<' in crumbs


def test_an_outsider_finds_nothing(home: str, hook: Hook, olga: User, client_of: ClientOf) -> None:
    client = client_of(olga)
    for path in ("notifications/webhooks/", "notifications/webhooks/add/", "deliveries/", f"hooks/{hook.public_id}/"):
        assert client.get(f"{home}/{path}").status_code == 404
    for change in CHANGES:
        assert client.post(page_of(home, hook, change)).status_code == 404
    assert Hook.objects.existing().filter(pk=hook.pk, paused=False, enabled=True).exists()


def test_a_stranger_is_asked_to_sign_in(home: str, client: Client) -> None:
    assert client.get(f"{home}/notifications/webhooks/").headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("person", ["dave", "anna"])
def test_a_developer_and_an_accountant_cannot_change_hooks(
    person: str, home: str, hook: Hook, client_of: ClientOf, request: pytest.FixtureRequest
) -> None:
    client = client_of(request.getfixturevalue(person))
    for path in ("notifications/webhooks/add/", "notifications/emails/add/", f"hooks/{hook.public_id}/"):
        assert client.get(f"{home}/{path}").status_code == 403
        assert client.post(f"{home}/{path}", FILLED).status_code == 403
    for change in CHANGES:
        assert client.post(page_of(home, hook, change)).status_code == 403
    assert Hook.objects.existing().filter(pk=hook.pk, paused=False, enabled=True).exists()


def test_a_manager_can_change_hooks(home: str, hook: Hook, mary: User, client_of: ClientOf) -> None:
    client = client_of(mary)
    assert client.post(page_of(home, hook, "pause/")).status_code == 302
    assert client.post(page_of(home, hook, "delete/")).status_code == 302
    assert not Hook.objects.existing().filter(pk=hook.pk).exists()


def test_buttons_that_a_role_cannot_use_are_not_shown(
    home: str, hook: Hook, alice: User, dave: User, anna: User, client_of: ClientOf
) -> None:
    seen = {user.name: get(client_of(user), f"{home}/notifications/webhooks/") for user in (alice, dave, anna)}
    assert {name: "/test/" in html for name, html in seen.items()} == {"Alice": True, "Dave": True, "Anna": False}
    for part in ("/pause/", "/delete/", "webhooks/add/"):
        assert {name: part in html for name, html in seen.items()} == {"Alice": True, "Dave": False, "Anna": False}


def test_secrets_in_a_url_are_shown_to_nobody_in_the_list_and_to_managers_in_the_form(
    home: str, hook: Hook, mary: User, dave: User, client_of: ClientOf
) -> None:
    for user in (mary, dave):
        html = get(client_of(user), f"{home}/notifications/webhooks/")
        assert "t0p" not in html
        assert "ann:secret" not in html
        assert "127.0.0.1:9/in" in html
    assert "t0p" in get(client_of(mary), page_of(home, hook))


def test_a_secret_in_the_path_is_read_by_who_manages_hooks_only(
    home: str, acme: Organization, mary: User, dave: User, client_of: ClientOf
) -> None:
    hook = add_webhook(acme, url="http://127.0.0.1:9/services/a8Vq2LpXzR7mKd3TyWn5Jc9f")
    assert "a8Vq2" in get(client_of(mary), page_of(home, hook))
    for path in ("notifications/webhooks/", f"hooks/{hook.public_id}/test/"):
        html = get(client_of(dave), f"{home}/{path}")
        assert "a8Vq2" not in html
        assert "services/" in html


def test_signing_in_may_return_to_a_switch_which_leads_to_the_list_and_does_nothing(
    home: str, hook: Hook, alice: User, client_of: ClientOf
) -> None:
    before = Hook.objects.filter(pk=hook.pk).values().get(), Endpoint.objects.get(hook=hook).secrets
    for change in ("enable/", "disable/", "pause/", "resume/", "rotate-secret/"):
        response = client_of(alice).get(page_of(home, hook, change))
        assert (response.status_code, response.headers.get("Location")) == (302, f"{home}/notifications/webhooks/")
    assert before == (Hook.objects.filter(pk=hook.pk).values().get(), Endpoint.objects.get(hook=hook).secrets)


def test_the_address_of_notifications_leads_to_the_first_tab(home: str, anna: User, client_of: ClientOf) -> None:
    response = client_of(anna).get(f"{home}/notifications/")
    assert (response.status_code, response.headers.get("Location")) == (302, f"{home}/notifications/emails/")
    personal = f"/organizations/{anna.public_id}/notifications/"
    assert client_of(anna).get(personal).headers.get("Location") == f"{personal}emails/"


def test_a_hook_of_another_organization_is_not_found_here(
    home: str, alice: User, olga: User, client_of: ClientOf
) -> None:
    other = Organization.objects.get(name="Other")
    foreign = add_webhook(other)
    assert client_of(alice).get(page_of(home, foreign)).status_code == 404
    assert client_of(alice).post(page_of(home, foreign, "delete/")).status_code == 404


# --- The list ------------------------------------------------------------------------------------------------
def test_an_empty_list_says_what_to_do_next(home: str, alice: User, client_of: ClientOf) -> None:
    html = get(client_of(alice), f"{home}/notifications/webhooks/")
    assert "No webhooks yet" in html
    assert "/notifications/webhooks/add/" in html


def test_the_default_hook_is_explained(home: str, alice: User, client_of: ClientOf) -> None:
    html = get(client_of(alice), f"{home}/notifications/emails/")
    assert html.count("Default deployment result e-mails") >= 2
    assert "Result of deployments (success/fail), for every application and add-on" in html
    assert "Nobody is e-mailed about deployments" not in html


def test_without_the_default_hook_the_page_says_how_to_get_deployment_results_back(
    home: str, alice: User, client_of: ClientOf, no_default_mail: None
) -> None:
    client = client_of(alice)
    html = get(client, f"{home}/notifications/emails/")
    assert "Nobody is e-mailed about deployments" in html
    link = re.search(r'href="([^"]*emails/add/\?events=deployment-result[^"]*)"', html)
    assert link
    form = get(client, link[1].replace("&amp;", "&"))
    assert re.search(r'value="deployment-result"[^>]*checked', form)


def test_what_fails_stands_first_with_the_one_action_that_helps(
    home: str, acme: Organization, alice: User, client_of: ClientOf
) -> None:
    add_webhook(acme, "Aaa")
    failing = add_webhook(acme, "Zzz")
    Endpoint.objects.filter(hook=failing).update(failing_since=timezone.now() - timedelta(hours=3))
    client = client_of(alice)
    html = get(client, f"{home}/notifications/webhooks/")
    assert "<b>Zzz</b> has not answered well for 3 h." in html
    assert "Test now" in html
    assert "Test now" in get(client, page_of(home, failing))
    listed = html[html.index('class="list hooks"') :]
    assert listed.index("Zzz") < listed.index("Aaa")
    assert "1<span" in html[: html.index("<main")]  # the count beside Notifications


def test_a_stopped_hook_is_enabled_with_one_click(
    home: str, acme: Organization, hook: Hook, alice: User, client_of: ClientOf
) -> None:
    Endpoint.objects.filter(hook=hook).update(
        disabled_at=timezone.now(), disabled_reason="It answered 410: gone for good."
    )
    client = client_of(alice)
    html = get(client, f"{home}/notifications/webhooks/")
    assert "was stopped. It answered 410: gone for good." in html
    assert page_of(home, hook, "enable/") in html
    client.post(page_of(home, hook, "enable/"))
    assert Endpoint.objects.get(hook=hook).disabled_at is None


def test_the_list_takes_as_many_queries_for_fifty_hooks_as_for_one(
    home: str,
    acme: Organization,
    alice: User,
    client_of: ClientOf,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    shop = Resource.objects.create(organization=acme, kind="application", name="shop")
    for number in range(50):
        add_webhook(acme, f"Receiver {number}", resources=[shop.pk])
    client = client_of(alice)
    with django_assert_max_num_queries(20):
        html = get(client, f"{home}/notifications/webhooks/")
    assert html.count('class="hook"') == 50


def test_hooks_are_found_by_name(home: str, acme: Organization, alice: User, client_of: ClientOf) -> None:
    add_webhook(acme, "Ops room")
    add_webhook(acme, "Release train")
    html = get(client_of(alice), f"{home}/notifications/webhooks/?q=ops")
    assert "Ops room" in html
    assert "Release train" not in html


def test_a_secret_in_an_address_cannot_be_guessed_by_searching(
    home: str, acme: Organization, mary: User, dave: User, client_of: ClientOf
) -> None:
    add_webhook(acme, "Chat", url="http://127.0.0.1:9/services/a8Vq2LpXzR7mKd3TyWn5Jc9f")
    for user, found in ((mary, True), (dave, False)):
        html = get(client_of(user), f"{home}/notifications/webhooks/?q=a8Vq2")
        assert ('class="hook"' in html) is found
        assert "LpXzR7" not in html


def test_a_name_cannot_bring_markup_into_the_page(
    home: str, acme: Organization, alice: User, client_of: ClientOf
) -> None:
    add_webhook(acme, "<script>alert(1)</script>")
    assert "<script>alert" not in get(client_of(alice), f"{home}/notifications/webhooks/")


def test_without_a_mail_server_every_page_says_so(
    home: str, alice: User, client_of: ClientOf, settings: LazySettings
) -> None:
    assert "No mail server is configured" not in get(client_of(alice), f"{home}/deliveries/")
    settings.MAIL_CONFIGURED = False
    assert "No mail server is configured (EMAIL_URL)" in get(client_of(alice), f"{home}/deliveries/")


# --- Adding and editing --------------------------------------------------------------------------------------
def test_a_webhook_is_added_and_its_secret_shown_this_once(
    home: str, acme: Organization, alice: User, client_of: ClientOf
) -> None:
    client = client_of(alice)
    added = client.post(f"{home}/notifications/webhooks/add/", FILLED)
    hook = Hook.objects.get(name="Audit trail")
    assert added.headers["Location"] == page_of(home, hook, "secret/")
    sessions = str([session.get_decoded() for session in Session.objects.all()])
    answer = client.get(added.headers["Location"])
    html = assert_strict(answer)
    assert hook.endpoint is not None
    secret = hook.endpoint.secrets["signing"][0]["key"]
    assert secret in html
    assert "shown_once" in sessions
    assert secret not in sessions
    assert "no-store" in answer.headers["Cache-Control"]
    again = get(client, added.headers["Location"])
    assert secret not in again
    assert "It was shown once" in again
    assert Hook.objects.filter(name="Audit trail").count() == 1
    for path in (f"{home}/notifications/webhooks/", page_of(home, hook), page_of(home, hook, "test/")):
        assert secret not in get(client, path)


def test_a_new_secret_is_shown_once_too(home: str, hook: Hook, alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    rotated = client.post(page_of(home, hook, "rotate-secret/"))
    answer = client.get(rotated.headers["Location"])
    endpoint = Endpoint.objects.get(hook=hook)
    assert endpoint.secrets["signing"][0]["key"] in assert_strict(answer)
    assert "no-store" in answer.headers["Cache-Control"]
    assert "whsec_" not in get(client, page_of(home, hook, "secret/")).replace("whsec_…", "")


def test_a_secret_is_shown_to_who_made_it_and_to_nobody_else(
    home: str, hook: Hook, alice: User, mary: User, dave: User, client_of: ClientOf
) -> None:
    page = client_of(alice).post(page_of(home, hook, "rotate-secret/")).headers["Location"]
    key = Endpoint.objects.get(hook=hook).secrets["signing"][0]["key"]
    assert key not in get(client_of(mary), page)
    get(client_of(dave), page, 403)


def test_bad_input_is_kept_and_every_error_stands_at_its_field(
    home: str, acme: Organization, alice: User, client_of: ClientOf
) -> None:
    shop = Resource.objects.create(organization=acme, kind="application", name="shop")
    typed = FILLED | {"name": "", "url": "ftp://example.org/typed", "events": ["credits"], "resources": [shop.pk]}
    html = assert_strict(client_of(alice).post(f"{home}/notifications/webhooks/add/", typed))
    assert 'value="ftp://example.org/typed"' in html
    assert re.search(r'value="credits"[^>]*checked', html)
    assert re.search(rf'value="{shop.pk}"[^>]*checked', html)
    for name, message in (("name", "Give the hook a name."), ("url", "The URL must begin with")):
        assert re.search(rf'<ul class="errors" id="id_{name}_error"><li>{message}', html), name
        assert re.search(rf'<input[^>]*name="{name}"[^>]*aria-describedby="[^"]*id_{name}_error', html), name
    assert 'role="alert"' in html
    assert not Hook.objects.filter(kind="webhook").exists()


def test_a_private_address_is_refused_at_the_field(
    home: str, alice: User, client_of: ClientOf, settings: LazySettings
) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    html = assert_strict(client_of(alice).post(f"{home}/notifications/webhooks/add/", FILLED))
    assert re.search(r'id="id_url_error"><li>This address is not permitted', html)


def test_order_and_rate_are_chosen_shown_and_taken_back(
    home: str, acme: Organization, alice: User, client_of: ClientOf
) -> None:
    client = client_of(alice)
    assert '<details class="fold">' in get(client, f"{home}/notifications/webhooks/add/")
    client.post(
        f"{home}/notifications/webhooks/add/",
        FILLED | {"ordered": "on", "rate_limit_rate": "0.5", "rate_limit_burst": "4"},
    )
    hook = Hook.objects.get(name="Audit trail")
    lane = Lane.objects.get(endpoints__hook=hook)
    assert (lane.ordered, lane.rate, lane.burst) == (True, 0.5, 4)
    words = "In strict order, at most one in 2 s, up to 4 at once after a pause"
    assert words in get(client, f"{home}/notifications/webhooks/")
    html = get(client, page_of(home, hook))
    assert words in html
    assert '<details class="fold" open>' in html
    assert re.search(r'name="rate_limit_rate" value="0.5"', html)

    typed = FILLED | {"ordered": "on", "rate_limit_rate": "0.5", "rate_limit_burst": "4"}
    assert "Nothing was changed." in client.post(page_of(home, hook), typed, follow=True).content.decode()
    client.post(page_of(home, hook), FILLED | {"rate_limit_rate": "", "rate_limit_burst": ""})
    lane.refresh_from_db()
    assert (lane.ordered, lane.rate, lane.burst) == (False, None, 1)
    assert hook.organization.audit_entries.get(action="hook.changed").detail == {"fields": ["ordered", "rate_limit"]}


@pytest.mark.parametrize(
    ("rate", "burst", "message"),
    [
        ("fast", "", "Enter a number."),
        ("nan", "", "Enter a number."),
        ("5", "1.5", "Enter a whole number."),
        ("0", "", "Give 0.01 to 1000 deliveries a second"),
        ("5", "0", "a burst of 1 to 1000"),
        ("", "5", "A burst needs a number of deliveries a second."),
    ],
)
def test_a_senseless_rate_is_refused_at_its_field(
    rate: str, burst: str, message: str, home: str, acme: Organization, alice: User, client_of: ClientOf
) -> None:
    typed = FILLED | {"rate_limit_rate": rate, "rate_limit_burst": burst}
    html = assert_strict(client_of(alice).post(f"{home}/notifications/webhooks/add/", typed))
    assert re.search(rf'<ul class="errors" id="id_rate_limit_error"><li>[^<]*{message}', html)
    assert f'value="{rate or burst}"' in html
    assert '<details class="fold" open>' in html
    assert not Hook.objects.filter(kind="webhook").exists()


def test_an_email_hook_tells_roles_members_and_typed_addresses(
    home: str, acme: Organization, alice: User, dave: User, client_of: ClientOf
) -> None:
    client_of(alice).post(
        f"{home}/notifications/emails/add/",
        {
            "name": "On call",
            "notify_roles": ["admin"],
            "notify_users": [str(dave.pk)],
            "notify_addresses": "ops@example.org\r\n\r\npager@example.org, noc@example.org",
            "events": ["process.down"],
            "enabled": "on",
        },
    )
    hook = Hook.objects.get(name="On call")
    assert hook.notify_roles == ["admin"]
    assert list(hook.notify_users.all()) == [dave]
    assert hook.notify_addresses == ["ops@example.org", "pager@example.org", "noc@example.org"]
    assert hook.events == ["process.down"]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({}, "Choose who is told"),
        ({"notify_addresses": "nobody"}, "is not an e-mail address"),
        ({"notify_users": "0"}, "A chosen user is not a member"),
    ],
)
def test_an_email_hook_needs_somebody_to_tell(
    typed: dict[str, str], message: str, home: str, alice: User, client_of: ClientOf
) -> None:
    answer = client_of(alice).post(f"{home}/notifications/emails/add/", {"name": "On call", **typed})
    html = assert_strict(answer)
    assert re.search(rf'<ul class="errors" id="id_notify_error"><li>[^<]*{message}', html)
    assert typed.get("notify_addresses", "") in html


def test_editing_changes_what_was_changed_and_nothing_else(
    home: str, hook: Hook, alice: User, client_of: ClientOf
) -> None:
    assert hook.endpoint is not None
    typed = {"name": "Renamed", "url": hook.endpoint.address, "format": "raw", "enabled": "on"}
    client_of(alice).post(page_of(home, hook), typed)
    hook.refresh_from_db()
    assert (hook.name, hook.events, hook.restricted, hook.paused, hook.enabled) == ("Renamed", [], False, False, True)
    entry = hook.organization.audit_entries.get(action="hook.changed")
    assert entry.detail == {"fields": ["name"]}


def test_saving_a_hook_whose_last_resource_is_gone_does_not_widen_it(
    home: str, acme: Organization, alice: User, client_of: ClientOf
) -> None:
    shop = Resource.objects.create(organization=acme, kind="application", name="shop")
    hook = add_webhook(acme, resources=[shop.pk])
    shop.delete()
    assert hook.endpoint is not None
    typed = {"name": "Renamed", "url": hook.endpoint.address, "format": "raw", "enabled": "on"}
    client = client_of(alice)
    client.post(page_of(home, hook), typed)
    hook.refresh_from_db()
    assert (hook.name, hook.restricted) == ("Renamed", True)
    client.post(page_of(home, hook), typed | {"unrestrict": "on"})
    hook.refresh_from_db()
    assert not hook.restricted


# --- Switching and deleting ----------------------------------------------------------------------------------
def test_pausing_and_resuming(home: str, hook: Hook, alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    client.post(page_of(home, hook, "pause/"))
    assert "Paused" in get(client, f"{home}/notifications/webhooks/")
    client.post(page_of(home, hook, "resume/"))
    hook.refresh_from_db()
    assert not hook.paused


def test_the_confirmation_says_what_stops(
    home: str, acme: Organization, alice: User, dave: User, anna: User, client_of: ClientOf
) -> None:
    default = Hook.objects.get(organization=acme)
    client = client_of(alice)
    html = get(client, page_of(home, default, "delete/"))
    assert "3 members stop getting e-mails about: Result of deployments (success/fail)" in html
    assert Hook.objects.existing().filter(pk=default.pk).exists()
    client.post(page_of(home, default, "delete/"))
    assert not Hook.objects.existing().filter(pk=default.pk).exists()


def test_the_confirmation_counts_what_would_be_cancelled(
    home: str, hook: Hook, alice: User, client_of: ClientOf, record: Callable[..., object]
) -> None:
    event = record("job.fail")
    Delivery.objects.create(
        organization=hook.organization,
        event=event,  # type: ignore[misc]
        endpoint=hook.endpoint,  # type: ignore[misc]
        lane=hook.endpoint.lane,
        hook=hook,
        reasons=[{"rule": "hook", "id": hook.public_id, "name": hook.name}],
    )
    client = client_of(alice)
    assert "1 delivery that waits is cancelled" in get(client, page_of(home, hook, "delete/"))
    client.post(page_of(home, hook, "delete/"))
    assert Delivery.objects.get(hook=hook).state == Delivery.State.CANCELLED


def test_an_email_hook_has_no_secret_to_rotate(home: str, acme: Organization, alice: User, client_of: ClientOf) -> None:
    default = Hook.objects.get(organization=acme)
    answer = client_of(alice).post(page_of(home, default, "rotate-secret/"), follow=True)
    assert "An e-mail hook has no secret." in answer.content.decode()


def test_people_who_are_told_twice_are_counted_once(acme: Organization, alice: User, client_of: ClientOf) -> None:
    hook = rules.create_email_hook(
        organization=acme,
        actor=None,
        name="Twice",
        notify=Notify(members=True, roles=["admin"], addresses=["ALICE@people.example"]),
    )
    html = get(client_of(alice), page_of(f"/organizations/{acme.public_id}", hook, "delete/"))
    assert "1 person stops getting e-mails" in html
