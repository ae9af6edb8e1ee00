"""The page Why? and its API: permissions, filters, paging by key, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from events.models import Event
from hooks.explanations import people
from hooks.explanations.facts import Facts
from hooks.explanations.hooks import explain_hooks
from hooks.manage import rules
from hooks.models import Delivery, Hook
from hooks.routing import subjects
from hooks.views.deliveries import explaining
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api
from tests.hooks.explained import DEFAULT, routed, said
from tests.hooks.pages import ClientOf, Record, Webhook
from tests.hooks.people import members, turn, with_hipchat, with_webhook
from tests.pages import get

pytestmark = pytest.mark.django_db


# --- The page ------------------------------------------------------------------------------------------------
@pytest.fixture
def page(home: str, record: Record) -> str:
    return f"{home}/events/{routed(record, 'stack.redeploy.ok').public_id}/explain/"


def test_every_member_reads_it_and_nobody_else(page: str, anna: User, olga: User, client_of: ClientOf) -> None:
    assert "Who is told, and why" in get(client_of(anna), page)
    get(client_of(olga), page, status=404)
    space = f"/organizations/{olga.organizations.get(kind='personal').public_id}"
    get(client_of(olga), f"{space}/events/{page.split('/events/')[1]}", status=404)


def test_it_is_reached_from_the_event_and_from_a_delivery(
    page: str, home: str, alice: User, client_of: ClientOf
) -> None:
    client = client_of(alice)
    assert f'href="{page}">Why?' in get(client, page.removesuffix("explain/"))
    assert f'href="{page}?who=me"' in get(client, page.removesuffix("explain/"))
    delivery = Delivery.objects.get()
    assert f'href="{home}/deliveries/?event={delivery.event.public_id}"' in get(client, page)
    assert f'href="{page}?q={quote(alice.email)}">Why?' in get(client, f"{home}/deliveries/{delivery.public_id}/")


def test_one_s_own_delivery_asks_why_of_oneself(
    record: Record, dave: User, alice: User, home: str, client_of: ClientOf
) -> None:
    with_webhook(dave)
    turn(dave, "git.push", "webhook", True)
    page = f"{home}/events/{routed(record, 'git.push').public_id}/explain/"
    delivery = f"deliveries/{Delivery.objects.get().public_id}/"
    assert f'href="/account/notifications/{delivery}">Show the delivery' in get(client_of(dave), f"{page}?who=me")
    assert f'href="{page}?who=me">Why?' in get(client_of(dave), f"/account/notifications/{delivery}")
    assert f'href="{page}?who=me">Why?' in get(client_of(dave), f"{home}/{delivery}")
    assert f'href="{page}">Why?' in get(client_of(alice), f"{home}/{delivery}")
    assert "The delivery" not in get(client_of(alice), page)


def test_the_page_is_in_the_reader_s_language_and_the_api_in_english(
    record: Record, acme: Organization, alice: User, home: str, client_of: ClientOf, api: Callable[..., Api]
) -> None:
    User.objects.filter(pk=alice.pk).update(language="fr")
    alice.refresh_from_db()
    notify = rules.Notify(addresses=["ops@elsewhere.example"])
    rules.create_email_hook(organization=acme, actor=None, name="Ops", notify=notify, events=["git.push"])
    turn(alice, "git.push", "email", True)
    event = f"{home}/events/{routed(record, 'git.push').public_id}"
    html = get(client_of(alice), f"{event}/explain/")
    unconfirmed = "L’adresse n’a pas encore confirmé vouloir être avertie."
    for text in ("Autres adresses", "Le réglage du membre le demande (portée : tout).", unconfirmed):
        assert text in html
    answer = api(alice).get(f"/api/v1{event}/explanation/").json()
    assert answer["members"][0]["channels"][0]["explanation"].startswith("The member’s own setting for everything")
    [address] = answer["addresses"]
    assert address["explanation"] == "The address has not confirmed yet that it wants to be told."


def test_only_oneself(page: str, anna: User, alice: User, client_of: ClientOf) -> None:
    html = get(client_of(anna), f"{page}?who=me")
    assert "Why did I (not) get this?" in html
    assert alice.email not in html
    assert "They joined later." in html


def test_filters_and_search(acme: Organization, alice: User, dave: User, page: str, client_of: ClientOf) -> None:
    hook = Hook.objects.get(organization=acme).public_id

    def listed(query: str) -> set[str]:
        html = get(client_of(alice), f"{page}?{query}").split("<main", 1)[1]
        return {name for name in (alice.email, dave.email, hook) if name in html}

    Delivery.objects.filter(endpoint__address=dave.email).update(state="failed", due_at=None)
    assert listed("") == {alice.email, dave.email, hook}
    assert listed("told=yes") == {alice.email, hook}
    assert listed("told=no") == {dave.email}
    assert listed("q=DAV") == {dave.email}
    assert listed("q=default+dep") == {hook}
    assert "No hook and no member matches" in get(client_of(alice), f"{page}?q=nobody")
    assert "There is no such filter" in get(client_of(alice), f"{page}?told=perhaps")


def test_a_filter_knows_who_was_told_in_a_digest_or_by_a_channel(record: Record, alice: User, dave: User) -> None:
    with_hipchat(dave)
    turn(dave, "git.push", "hipchat", True)
    event = routed(record, "git.push")
    found = lambda told: [each.user for each in people.find_members(event, told=told)[0]]  # noqa: E731
    assert (found(True), found(False)) == ([dave], [alice])
    Delivery.objects.filter(event=event).update(state="cancelled", due_at=None, outcome="No longer a member")
    assert (found(True), found(False)) == ([], [alice, dave])
    Delivery.objects.filter(event=event).update(digest=uuid4())  # the reference decides, not the text of the outcome
    assert (found(True), found(False)) == ([dave], [alice])
    assert said(event, dave, "hipchat")[:2] == (
        "told",
        "The member’s own setting for everything asks for it. "
        "It waited until a quiet time ended, and was told in a digest.",
    )


def test_members_in_pages_by_key(
    page: str,
    acme: Organization,
    alice: User,
    client_of: ClientOf,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    members(acme, [f"Member{number:03}" for number in range(120)])
    client, address = client_of(alice), page
    seen: set[str] = set()
    pages = 0
    while address:
        with django_assert_max_num_queries(40):
            html = get(client, address)
        found = {name for name in (f"Member{number:03}" for number in range(120)) if name in html}
        assert not found & seen
        seen |= found
        pages += 1
        after = html.split("?after=")[1].split('"')[0] if "after=" in html.split("Pages")[-1] and "More" in html else ""
        address = f"{page}?after={after}" if after else ""
    assert (len(seen), pages) == (120, 3)
    get(client, f"{page}?after=x", status=404)


def test_ten_times_the_members_take_no_more_queries(record: Record, acme: Organization) -> None:
    members(acme, [f"Member{number:03}" for number in range(300)])
    event = routed(record, "server.stopped")

    def queries(size: int) -> int:
        loaded = subjects.annotate_subject(Event.objects.select_related("organization", "resource")).get(pk=event.pk)
        with CaptureQueriesContext(connection) as counted:
            found, _ = people.find_members(loaded, size=size)
            facts = Facts.read(loaded, found)
            assert len(people.explain_members(facts)) == size
            explain_hooks(facts)
        return len(counted)

    assert queries(5) == queries(50)


def test_more_hooks_than_fit_are_found_by_name(
    webhook: Webhook, page: str, alice: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = webhook(name="First"), webhook(name="Second")
    monkeypatch.setattr(explaining, "MOST_HOOKS", 2)
    html = get(client_of(alice), page)
    assert first.public_id in html
    assert second.public_id not in html
    assert "There are more hooks than fit here" in html
    assert second.public_id in get(client_of(alice), f"{page}?q=second")


def test_an_organization_without_hooks_says_so(
    no_default_mail: None, record: Record, home: str, alice: User, client_of: ClientOf
) -> None:
    event = routed(record, "git.push")
    assert "There are none. Members are told by their own settings" in get(
        client_of(alice), f"{home}/events/{event.public_id}/explain/"
    )


# --- The API -------------------------------------------------------------------------------------------------
def test_the_api_says_the_same(page: str, alice: User, dave: User, api: Callable[..., Api]) -> None:
    address = f"/api/v1{page}".replace("/explain/", "/explanation/")
    answer = api(dave).get(address).json()
    hook, *_ = answer["hooks"]
    assert (hook["name"], hook["state"], hook["told"]) == (DEFAULT, "waiting", True)
    assert [(each["email"], each["told"]) for each in answer["members"]] == [(alice.email, True), (dave.email, False)]
    mail = answer["members"][0]["channels"][0]
    assert mail["channel"] == "email"
    assert mail["explanation"].startswith(f"The hook “{DEFAULT}” asks for it.")
    assert mail["delivery"] == Delivery.objects.get().public_id
    assert answer["next"] is None
    mine = api(dave).get(f"{address}?member=me").json()
    assert [each["email"] for each in mine["members"]] == [dave.email]
    assert "hooks" not in mine
    told = api(dave).get(f"{address}?told=false").json()
    assert [each["email"] for each in told["members"]] == [dave.email]
    assert told["hooks"] == []


def test_the_api_pages_members(page: str, alice: User, dave: User, anna: User, api: Callable[..., Api]) -> None:
    client, seen = api(alice), []
    address = f"/api/v1{page}?limit=2".replace("/explain/", "/explanation/")
    while address:
        answer = client.get(address).json()
        seen.append([each["email"] for each in answer["members"]])
        address = answer["next"]
    assert seen == [[alice.email, dave.email], [anna.email]]


@pytest.mark.parametrize(
    ("query", "field"),
    [("told=maybe", "told"), ("member=bob", "member"), ("after=x", "after"), ("before=1", "before"), ("q=a", "q")],
)
def test_the_api_refuses_what_it_does_not_know(
    query: str, field: str, page: str, alice: User, api: Callable[..., Api]
) -> None:
    answer = api(alice).get(f"/api/v1{page}?{query}".replace("/explain/", "/explanation/"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_the_api_is_closed_to_others(page: str, olga: User, api: Callable[..., Api]) -> None:
    assert api(olga).get(f"/api/v1{page}".replace("/explain/", "/explanation/")).status_code == 404
