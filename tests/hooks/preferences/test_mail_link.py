"""The link in mails that a member's settings or a default asked for: it ends them, as does its page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from events.models import Event, Resource
from hooks import mail_links
from hooks.endpoints import lookup
from hooks.manage import rules
from hooks.models import Delivery, Endpoint, NotificationSetting, Unsubscription
from hooks.preferences import mail_link_settings, notification_settings
from hooks.preferences.notification_settings import EVERYTHING, Choice, Scope
from hooks.routing import router
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.hooks.conftest import Mailbox
from tests.hooks.pages import ClientOf
from tests.pages import get, read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_default_mail")]
Record = Callable[..., Event]
Run = Callable[[], None]
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def stranger() -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def at_acme(acme: Organization, alice: User) -> Endpoint:
    """Return the endpoint of Alice's address in Acme."""
    return lookup.get_or_create_mail_endpoint(acme, alice.email)


def link(endpoint: Endpoint, event_type: str, *hooks: str) -> str:
    return mail_links.unsubscribe_url(endpoint.pk, hooks, event_type).removeprefix("http://localhost:8000")


def press(client: Client, page: str, button: str) -> str:
    """Press the button with these words; return the next page."""
    html = get(client, page)
    forms = re.findall(r"<form.*?</form>", html, re.DOTALL)
    form = next(form for form in forms if button in " ".join(re.sub("<[^>]+>", "", form).split()))
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    action = re.search(r'action="([^"]+)"', form)
    assert action
    response = client.post(action[1], fields)
    assert response.status_code == 302
    return str(response["Location"])


def chosen(user: User) -> dict[str, bool]:
    found = NotificationSetting.objects.filter(user=user, channel="email").select_related("organization", "resource")
    return {str(Scope(row.organization, row.resource)): row.enabled for row in found}


# --- The mail ------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("event_type", ["process.down", "git.push", "hook.failing"])
def test_one_click_ends_mail_by_default_by_a_setting_and_by_role(
    event_type: str, alice: User, record: Record, pump: Run, mailbox: Mailbox, stranger: Client
) -> None:
    notification_settings.choose(alice, [Choice("git.push", "email", True)])
    record(event_type)
    pump()
    mail = mailbox.mails[0]
    found = re.fullmatch(r"<http://localhost:8000(/unsubscribe/[\w:.-]+/)>", mail["List-Unsubscribe"])
    assert found
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for kind in ("plain", "html"):
        text = mail.get_body((kind,)).get_content()  # type: ignore[union-attr]
        assert "No more e-mails of this kind" in text
        assert found[1] in text
        assert "http://localhost:8000/account/notifications/" in text
    assert stranger.get(found[1]).status_code == 200  # asks, and changes nothing
    assert not mail_link_settings.is_off(alice, event_type)

    response = stranger.post(found[1], "List-Unsubscribe=One-Click", content_type=FORM)
    assert (response.status_code, response.cookies) == (200, {})
    mailbox.mails.clear()
    record(event_type)
    record("server.stopped")
    pump()
    assert [mail["Subject"] for mail in mailbox.mails] == ["[Acme] A server stopped responding"]
    entry = AuditEntry.objects.filter(action="notification_settings.changed").latest("pk")
    assert (entry.organization_id, entry.actor) == (alice.pk, alice)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("person", ["alice", "dave", "anna"])
def test_every_member_may_follow_the_links_of_a_mail(
    person: str, acme: Organization, record: Record, pump: Run, mailbox: Mailbox, client_of: ClientOf,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    user: User = request.getfixturevalue(person)
    shop = Resource.objects.create(organization=acme, kind="application", name="shop")
    hook = rules.create_email_hook(organization=acme, actor=None, name="Ops", notify=rules.Notify(members=True))
    notification_settings.choose(user, [Choice("git.push", "email", True)], Scope(resource=shop))
    record("git.push", shop)
    pump()
    [mail] = [mail for mail in mailbox.mails if mail["To"] == user.email]
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    links = re.findall(r"http://localhost:8000(\S+)", text)
    for place in (hook.public_id, "git.push-email"):
        [link] = [each for each in links if place in each]
        response = client_of(user).get(link, follow=True)
        assert response.status_code == 200
        assert f'id="{place}"' in read(response) or hook.name in read(response)
    assert any(f"?scope={shop.public_id}#git.push-email" in each for each in links)


@pytest.mark.django_db(transaction=True)
def test_what_waits_ends_with_it(alice: User, record: Record, at_acme: Endpoint, stranger: Client) -> None:
    record("process.down")
    router.route()
    stranger.post(link(at_acme, "process.down"), "List-Unsubscribe=One-Click", content_type=FORM)
    assert Delivery.objects.get().state == "cancelled"


def test_a_mail_that_a_hook_asked_for_too_ends_by_both(
    alice: User, acme: Organization, at_acme: Endpoint, stranger: Client
) -> None:
    hook = rules.create_email_hook(organization=acme, actor=None, name="Ops", notify=rules.Notify(members=True))
    page = link(at_acme, "process.down", hook.public_id)
    html = get(stranger, page)
    assert "Process is down" in html
    assert "Ops" in html
    press(stranger, page, "Unsubscribe from all of them")
    assert Unsubscription.objects.exists()
    assert mail_link_settings.is_off(alice, "process.down")


def test_of_a_hook_and_a_kind_either_can_be_left_alone(
    alice: User, acme: Organization, at_acme: Endpoint, stranger: Client
) -> None:
    hook = rules.create_email_hook(organization=acme, actor=None, name="Ops", notify=rules.Notify(members=True))
    page = link(at_acme, "process.down", hook.public_id)
    press(stranger, page, "Unsubscribe from Ops")
    assert not mail_link_settings.is_off(alice, "process.down")
    assert Unsubscription.objects.exists()
    Unsubscription.objects.all().delete()
    press(stranger, page, "Unsubscribe from Process is down")
    assert mail_link_settings.is_off(alice, "process.down")
    assert not Unsubscription.objects.exists()


# --- The page, and taking it back --------------------------------------------------------------------------------
def test_it_is_undone_to_what_stood_before(
    alice: User, acme: Organization, at_acme: Endpoint, stranger: Client
) -> None:
    shop = Resource.objects.create(organization=acme, kind="application", name="shop")
    notification_settings.choose(alice, [Choice("git.push", "email", True)], Scope(organization=acme))
    notification_settings.choose(alice, [Choice("git.push", "email", True)], Scope(resource=shop))
    page = link(at_acme, "git.push")
    after = press(stranger, page, "Unsubscribe")
    assert chosen(alice) == {"everything": False}
    assert "You are unsubscribed" in get(stranger, after)
    press(stranger, after, "Undo")
    assert chosen(alice) == {"Acme": True, "shop": True}
    assert "Unsubscribe?" in get(stranger, page)


@pytest.mark.parametrize(("event_type", "enabled"), [("process.down", None), ("stack.redeploy.ok", None),
                                                     ("hook.failing", None), ("git.push", True)])  # fmt: skip
def test_without_knowing_what_stood_before_mail_of_this_kind_comes_again(
    event_type: str, enabled: bool | None, alice: User, at_acme: Endpoint, stranger: Client
) -> None:
    stranger.post(link(at_acme, event_type), "List-Unsubscribe=One-Click", content_type=FORM)
    assert chosen(alice) == {"everything": False}
    press(stranger, link(at_acme, event_type), "Undo")
    assert chosen(alice) == ({} if enabled is None else {"everything": enabled})


def test_what_was_turned_off_elsewhere_stays_off(alice: User, acme: Organization, at_acme: Endpoint) -> None:
    notification_settings.choose(alice, [Choice("process.down", "email", False)], Scope(organization=acme))
    mail_link_settings.turn_on(alice, "process.down", mail_link_settings.turn_off(alice, "process.down"))
    assert chosen(alice) == {"Acme": False}


def test_what_stood_before_where_the_user_has_left_is_not_restored(alice: User, acme: Organization, olga: User) -> None:
    other = olga.organizations.get(name="Other")
    mail_link_settings.turn_on(alice, "git.push", [(other.public_id, True), ("", True)])
    assert notification_settings.read_choices(alice, EVERYTHING) == {("git.push", "email"): True}
    assert chosen(alice) == {"everything": True}


def test_an_undo_that_was_tampered_with_is_as_none(alice: User, at_acme: Endpoint, stranger: Client) -> None:
    page = link(at_acme, "process.down")
    stranger.post(page, "List-Unsubscribe=One-Click", content_type=FORM)
    press(stranger, f"{page}?undo=x", "Undo")
    assert chosen(alice) == {}


@pytest.mark.parametrize("of", ["another address", "another type"])
def test_an_undo_of_another_link_is_as_none(
    of: str, alice: User, dave: User, acme: Organization, at_acme: Endpoint, stranger: Client
) -> None:
    """Otherwise one user's earlier settings could be turned on for another user or type."""
    if of == "another address":
        notification_settings.choose(dave, [Choice("git.push", "email", True)], Scope(organization=acme))
        other = link(lookup.get_or_create_mail_endpoint(acme, dave.email), "git.push")
    else:
        notification_settings.choose(alice, [Choice("job.fail", "email", True)], Scope(organization=acme))
        other = link(at_acme, "job.fail")
    undo = press(stranger, other, "Unsubscribe").partition("?")[2]
    page = link(at_acme, "git.push")
    press(stranger, page, "Unsubscribe")
    press(stranger, f"{page}?{undo}", "Undo")
    mine = NotificationSetting.objects.filter(user=alice, event_type="git.push").select_related("organization")
    assert [(row.organization, row.enabled) for row in mine] == [(None, True)], "as if nothing was known"


# --- Whose it is ---------------------------------------------------------------------------------------------
def test_who_has_another_address_now_is_left_alone(alice: User, at_acme: Endpoint, stranger: Client) -> None:
    User.objects.filter(pk=alice.pk).update(email="alice@new.example")
    page = link(at_acme, "process.down")
    assert stranger.post(page, "List-Unsubscribe=One-Click", content_type=FORM).status_code == 200
    assert "Nothing to unsubscribe from" in get(stranger, page)
    assert chosen(alice) == {}


def test_a_type_that_the_catalogue_has_lost_is_nothing_to_end(alice: User, at_acme: Endpoint, stranger: Client) -> None:
    for name in ("stack.forgotten", "account.digest"):
        page = link(at_acme, name)
        assert stranger.post(page, "List-Unsubscribe=One-Click", content_type=FORM).status_code == 200
        assert "Nothing to unsubscribe from" in get(stranger, page)


def test_the_page_takes_no_more_queries_for_many_choices(
    alice: User, acme: Organization, at_acme: Endpoint, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(10):
        resource = Resource.objects.create(organization=acme, kind="application", name=f"App {number}")
        notification_settings.choose(alice, [Choice("git.push", "email", True)], Scope(resource=resource))
    page = link(at_acme, "git.push")
    with django_assert_max_num_queries(8):
        get(Client(), page)
