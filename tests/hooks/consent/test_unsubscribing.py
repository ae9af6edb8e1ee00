"""Unsubscribing from a hook by a mail client's one click or by the page, its undoing, and its effect."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.core import signing
from django.test import Client
from django.urls import resolve
from hypothesis import given
from hypothesis import settings as settled
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from events import intake
from events.models import Event
from hooks import mail_links
from hooks.consent import unsubscribing
from hooks.endpoints import lookup
from hooks.formats import FORMATS
from hooks.mail_links import BadLink
from hooks.manage import rules
from hooks.models import Delivery, Endpoint, Hook, Unsubscription
from hooks.routing import router
from notifications_project.accounts import organizations
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.conftest import Api
from tests.hooks.conftest import Mailbox
from tests.hooks.notifications import notification
from tests.hooks.pages import ClientOf, page_of
from tests.pages import get

pytestmark = pytest.mark.django_db
Record = Callable[..., Event]
Run = Callable[[], None]
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def team(acme: Organization, dave: User) -> Hook:
    """Create an e-mail hook that tells Alice and Dave about pushes."""
    return rules.create_email_hook(
        organization=acme, actor=None, name="Team", notify=rules.Notify(members=True), events=["git.push"]
    )


@pytest.fixture
def dave_there(acme: Organization, dave: User) -> Endpoint:
    return lookup.get_or_create_mail_endpoint(acme, dave.email)


@pytest.fixture
def stranger() -> Client:
    """Return a client that is not signed in and enforces Django's check of CSRF tokens."""
    return Client(enforce_csrf_checks=True)


def link(endpoint: Endpoint, *hooks: Hook) -> str:
    url = mail_links.unsubscribe_url(endpoint.pk, [hook.public_id for hook in hooks])
    return url.removeprefix("http://localhost:8000")


def press(client: Client, page: str, **fields: object) -> str:
    """Press a button on the page of a link; return the next page."""
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', get(client, page))
    assert token
    response = client.post(f"{page}change/", {"csrfmiddlewaretoken": token[1], **fields}, follow=True)
    assert response.status_code == 200
    return response.text


def told() -> set[str]:
    router.route()
    return set(Delivery.objects.exclude(state="cancelled").values_list("endpoint__address", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_mail_program_unsubscribes_by_one_click(
    team: Hook, alice: User, dave: User, record: Record, pump: Run, mailbox: Mailbox, stranger: Client
) -> None:
    record("git.push")
    pump()
    mail = next(mail for mail in mailbox.mails if mail["To"] == dave.email)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = re.fullmatch(r"<http://localhost:8000(/unsubscribe/[\w:.-]+/)>", mail["List-Unsubscribe"])
    assert found, mail["List-Unsubscribe"]
    assert found[1] in mail.get_body(("plain",)).get_content()
    assert found[1] in mail.get_body(("html",)).get_content()

    response = stranger.post(found[1], "List-Unsubscribe=One-Click", content_type=FORM)
    assert (response.status_code, response.cookies) == (200, {})

    mailbox.mails.clear()
    record("git.push")
    pump()
    assert mailbox.told == [alice.email]
    entry = AuditEntry.objects.get(action="hook.unsubscribed")
    assert (entry.actor_name, entry.target) == (dave.email, "Team")


def test_a_form_with_parts_does_it_too(team: Hook, dave_there: Endpoint, stranger: Client) -> None:
    assert stranger.post(link(dave_there, team), ONE_CLICK).status_code == 200
    assert Unsubscription.objects.count() == 1


def test_it_lasts_and_counts_once(team: Hook, dave_there: Endpoint, stranger: Client) -> None:
    for _ in range(2):
        assert stranger.post(link(dave_there, team), ONE_CLICK).status_code == 200
    assert Unsubscription.objects.count() == 1
    assert AuditEntry.objects.filter(action="hook.unsubscribed").count() == 1


def test_following_the_link_changes_nothing(team: Hook, dave: User, dave_there: Endpoint, stranger: Client) -> None:
    for _ in range(2):
        html = get(stranger, link(dave_there, team))
    assert "Unsubscribe?" in html
    assert all(part in html for part in ("Team", dave.email, "Acme"))
    assert not Unsubscription.objects.exists()


@pytest.mark.parametrize("body", ["", "List-Unsubscribe=", "List-Unsubscribe=one-click", "action=stop"])
def test_a_post_that_is_no_one_click_is_refused(body: str, team: Hook, dave_there: Endpoint, stranger: Client) -> None:
    assert stranger.post(link(dave_there, team), body, content_type=FORM).status_code == 400
    assert not Unsubscription.objects.exists()


def test_the_page_s_buttons_need_the_page(team: Hook, dave_there: Endpoint, stranger: Client) -> None:
    assert stranger.post(f"{link(dave_there, team)}change/", {"action": "stop"}).status_code == 403
    assert not Unsubscription.objects.exists()


def test_the_button_unsubscribes_and_the_next_undoes_it(team: Hook, dave_there: Endpoint, stranger: Client) -> None:
    page = link(dave_there, team)
    html = press(stranger, page, action="stop", hook=team.public_id)
    assert "You are unsubscribed" in html
    assert Unsubscription.objects.get().endpoint == dave_there
    html = press(stranger, page, action="resume", hook=team.public_id)
    assert "Unsubscribe?" in html
    assert not Unsubscription.objects.exists()
    assert AuditEntry.objects.filter(action="hook.resubscribed", actor_name=dave_there.address).exists()


def test_of_several_hooks_one_is_left_or_all(
    team: Hook, acme: Organization, dave: User, dave_there: Endpoint, stranger: Client
) -> None:
    other = rules.create_email_hook(
        organization=acme, actor=None, name="Other hook", notify=rules.Notify(users=[dave.pk])
    )
    page = link(dave_there, team, other)
    html = press(stranger, page, action="stop", hook=other.public_id)
    assert "You are unsubscribed from:" in html
    assert list(Unsubscription.objects.values_list("hook", flat=True)) == [other.pk]
    press(stranger, page, action="stop")
    assert Unsubscription.objects.count() == 2


def test_no_other_hook_than_those_of_the_mail_can_be_named(
    team: Hook, acme: Organization, dave_there: Endpoint, stranger: Client
) -> None:
    default = Hook.objects.existing().get(name=rules.DEFAULT_HOOK_NAME, organization=acme)
    press(stranger, link(dave_there, team), action="stop", hook=default.public_id)
    assert not Unsubscription.objects.exists()


def test_a_hook_of_another_organization_is_not_left(dave_there: Endpoint, olga: User, stranger: Client) -> None:
    foreign = Hook.objects.existing().get(organization__name="Other")
    assert stranger.post(link(dave_there, foreign), ONE_CLICK).status_code == 200
    assert not Unsubscription.objects.exists()


def test_a_hook_that_was_deleted_is_nothing_to_leave(team: Hook, dave_there: Endpoint, stranger: Client) -> None:
    rules.delete_hook(team, None)
    assert "Nothing to unsubscribe from" in get(stranger, link(dave_there, team))
    assert stranger.post(link(dave_there, team), ONE_CLICK).status_code == 200


def garbled(endpoint: Endpoint, hook: Hook) -> list[str]:
    good = link(endpoint, hook)
    token = good.split("/")[2]
    return [
        good.replace(token, token[:-1]),
        good.replace(token, token[1:]),
        good.replace(token, signing.dumps({"endpoint": str(endpoint.pk), "hooks": []}, salt="another")),
        good.replace(token, signing.dumps({"endpoint": str(endpoint.pk)}, salt="hooks.unsubscribe")),
        good.replace(token, signing.dumps(["x"], salt="hooks.unsubscribe")),
        good.replace(token, signing.dumps({"endpoint": "x", "hooks": ["hook_1"]}, salt="hooks.unsubscribe")),
    ]


def test_a_forged_or_garbled_link_leads_to_a_page_that_says_so(
    team: Hook, dave_there: Endpoint, stranger: Client
) -> None:
    for address in garbled(dave_there, team):
        assert "This link does not work" in get(stranger, address, 404)
        assert stranger.post(address, ONE_CLICK).status_code == 404
    assert not Unsubscription.objects.exists()


def test_a_link_to_an_address_that_is_gone_says_so(team: Hook, dave_there: Endpoint, stranger: Client) -> None:
    page = link(dave_there, team)
    Delivery.objects.all().delete()
    Endpoint.objects.filter(pk=dave_there.pk).delete()
    assert "This link does not work" in get(stranger, page, 404)


@given(st.text(max_size=200))
def test_no_text_is_a_link(text: str) -> None:
    with pytest.raises(BadLink):
        mail_links.read_unsubscribe(text)
    with pytest.raises(BadLink):
        mail_links.read_confirm(text)


@settled(deadline=None)  # the first look-up of a URL loads all views
@given(st.uuids(), st.lists(st.uuids(), max_size=40), st.sampled_from(["", "process.down", f"a.{'b' * 58}"]))
def test_a_link_says_what_it_was_made_of_and_fits_into_a_header(
    endpoint: UUID, hooks: list[UUID], event_type: str
) -> None:
    url = mail_links.unsubscribe_url(endpoint, [f"hook_{hook}" for hook in hooks], event_type)
    assert len(f"List-Unsubscribe: <{url}>") < 998
    match = resolve(url.removeprefix("http://localhost:8000"))
    assert match.view_name == "hooks:unsubscribe"
    mailed = mail_links.read_unsubscribe(match.kwargs["token"])
    assert mailed.endpoint == endpoint
    assert list(mailed.hooks) == hooks[:20]
    assert mailed.event_type == event_type


def test_what_waits_because_of_that_hook_alone_is_cancelled_for_that_address_alone(
    team: Hook, alice: User, dave: User, dave_there: Endpoint, record: Record
) -> None:
    record("git.push")
    router.route()
    unsubscribing.unsubscribe(dave_there, [team.pk], dave_there.address)
    states = dict(Delivery.objects.values_list("endpoint__address", "state"))
    assert states == {alice.email: "pending", dave.email: "cancelled"}
    assert Delivery.objects.get(endpoint=dave_there).outcome == "Unsubscribed from the hook"


def test_what_has_another_reason_stays_and_forgets_this_one(
    team: Hook, acme: Organization, dave: User, dave_there: Endpoint, record: Record
) -> None:
    rules.create_email_hook(organization=acme, actor=None, name="Too", notify=rules.Notify(users=[dave.pk]))
    record("git.push")
    router.route()
    unsubscribing.unsubscribe(dave_there, [team.pk], dave_there.address)
    delivery = Delivery.objects.get(endpoint=dave_there)
    assert (delivery.state, [reason["name"] for reason in delivery.reasons]) == ("pending", ["Too"])
    assert delivery.due_at is not None


def test_other_hooks_and_what_comes_by_default_still_tell(
    team: Hook, alice: User, dave: User, dave_there: Endpoint, record: Record
) -> None:
    unsubscribing.unsubscribe(dave_there, [team.pk], dave_there.address)
    record("git.push")
    assert told() == {alice.email}
    record("server.stopped")
    assert told() == {alice.email, dave.email}


def test_the_same_address_in_another_organization_is_still_told(
    team: Hook, dave: User, dave_there: Endpoint, olga: User
) -> None:
    other = Organization.objects.get(name="Other")
    organizations.add_member(organization=other, email=dave.email, role="developer", actor=olga)
    rules.create_email_hook(organization=other, actor=None, name="All", notify=rules.Notify(members=True))
    unsubscribing.unsubscribe(dave_there, [team.pk], dave_there.address)
    intake.record(other, [intake.NewEvent(type="git.push")])
    assert told() == {olga.email, dave.email}


def test_routing_asks_no_more_for_more_unsubscriptions(
    team: Hook, acme: Organization, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        endpoint = lookup.get_or_create_mail_endpoint(acme, f"p{number}@example.org")
        Unsubscription.objects.create(hook=team, endpoint=endpoint)
    intake.record(acme, [intake.NewEvent(type="git.push") for _ in range(100)])
    with django_assert_max_num_queries(30):
        router.route()
    assert Delivery.objects.count() == 200


@pytest.mark.django_db(transaction=True)
def test_others_cannot_read_the_link_in_the_record_of_the_delivery(
    team: Hook, dave: User, acme: Organization, home: str, record: Record, pump: Run, mailbox: Mailbox,
    client_of: ClientOf, api: Callable[[User], Api],
) -> None:  # fmt: skip
    record("git.push")
    pump()
    delivery = Delivery.objects.get(endpoint__address=dave.email)
    html = get(client_of(dave), f"{home}/deliveries/{delivery.public_id}/")
    assert "/unsubscribe/…/" in html
    assert not re.search(r"/unsubscribe/[\w.:-]{20,}", html)
    answer = api(dave).get(f"/api/v1{home}/deliveries/{delivery.public_id}/").content.decode()
    assert not re.search(r"/unsubscribe/[\w.:-]{20,}", answer)


def test_a_mail_that_no_rule_asked_for_has_no_such_link() -> None:
    for reasons in ((), ({"rule": "test", "id": "hook_1", "name": "x"},)):
        message = FORMATS["mail"].write(notification("process.down", reasons=reasons))
        assert "List-Unsubscribe" not in message.headers
        assert "nsubscribe" not in message.body.decode() + message.html


# --- On the panel and by API ---------------------------------------------------------------------------------


def test_the_panel_counts_and_the_hook_s_page_names_who_unsubscribed(
    team: Hook, home: str, alice: User, dave: User, dave_there: Endpoint, client_of: ClientOf
) -> None:
    client = client_of(alice)
    assert "Who is not told" not in get(client, page_of(home, team))
    unsubscribing.unsubscribe(dave_there, [team.pk], dave_there.address)
    assert "1 unsubscribed" in get(client, f"{home}/notifications/emails/")
    html = get(client, page_of(home, team))
    assert "Who is not told" in html
    assert re.search(rf"<b>{dave.email}</b>\s*<span class=\"quiet\">unsubscribed from this hook", html)


def test_an_administrator_undoes_it(
    team: Hook, home: str, alice: User, dave: User, dave_there: Endpoint, client_of: ClientOf, record: Record
) -> None:
    unsubscribing.unsubscribe(dave_there, [team.pk], dave_there.address)
    response = client_of(alice).post(page_of(home, team, "resubscribe/"), {"address": dave.email}, follow=True)
    assert f"{dave.email} is told again." in response.text
    entry = AuditEntry.objects.get(action="hook.resubscribed")
    assert (entry.actor, entry.detail) == (alice, {"address": dave.email})
    record("git.push")
    assert told() == {alice.email, dave.email}


def test_only_who_manages_hooks_undoes_it(
    team: Hook, home: str, dave: User, olga: User, dave_there: Endpoint, client_of: ClientOf
) -> None:
    unsubscribing.unsubscribe(dave_there, [team.pk], dave_there.address)
    for user, status in ((dave, 403), (olga, 404)):
        assert client_of(user).post(page_of(home, team, "resubscribe/"), {"address": dave.email}).status_code == status
    assert Unsubscription.objects.exists()


def test_an_address_that_did_not_unsubscribe_is_said_to_be_none(
    team: Hook, home: str, alice: User, client_of: ClientOf
) -> None:
    for address in (alice.email, "", "nobody@example.org"):
        response = client_of(alice).post(page_of(home, team, "resubscribe/"), {"address": address}, follow=True)
        said = f"{address} has not unsubscribed from this hook." if address else "Give an address."
        assert said in response.text


def test_the_api_names_who_unsubscribed_and_undoes_it(
    team: Hook, home: str, alice: User, dave: User, dave_there: Endpoint, api: Callable[[User], Api]
) -> None:
    unsubscribing.unsubscribe(dave_there, [team.pk], dave_there.address)
    hook = f"/api/v1{home}/hooks/{team.public_id}/"
    read = api(alice).get(hook).json()
    assert read["unsubscribed"] == [dave.email]
    assert api(alice).put(hook, read).status_code == 200  # the JSON of a GET is accepted by PUT
    assert api(dave).post(f"{hook}resubscribe/", {"address": dave.email}).status_code == 403
    assert api(alice).post(f"{hook}resubscribe/", {"address": "x@example.org"}).status_code == 422
    assert api(alice).post(f"{hook}resubscribe/", {}).status_code == 422
    assert api(alice).post(f"{hook}resubscribe/", {"address": dave.email}).json()["unsubscribed"] == []
    assert not Unsubscription.objects.exists()


def test_listing_hooks_by_api_takes_as_many_queries_for_one_as_for_many(
    acme: Organization, home: str, alice: User, api: Callable[[User], Api],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    for number in range(15):
        notify = rules.Notify(addresses=[f"p{number}@example.org"])
        hook = rules.create_email_hook(organization=acme, actor=None, name=f"H{number}", notify=notify)
        Unsubscription.objects.create(
            hook=hook, endpoint=lookup.get_or_create_mail_endpoint(acme, f"p{number}@example.org")
        )
    with django_assert_max_num_queries(20):
        listed = api(alice).get(f"/api/v1{home}/hooks/").json()
    assert sum(len(hook.get("unsubscribed", [])) for hook in listed["results"]) == 15


def test_it_asks_for_https_in_nothing_but_the_settings(settings: LazySettings, dave_there: Endpoint) -> None:
    settings.PUBLIC_URL = "https://console.example"
    assert mail_links.unsubscribe_url(dave_there.pk, []).startswith("https://console.example/unsubscribe/")
