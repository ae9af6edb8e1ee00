"""The Notifications panel: its list, and the buttons beside a hook."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from django.conf import LazySettings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from events import catalogue
from events.models import Resource
from hooks.manage import rules
from hooks.manage.rules import Notify
from hooks.models import Circuit, Delivery, Endpoint, Hook
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import Choice
from notifications_project.accounts.models import Organization, User
from tests.hooks.pages import ClientOf, add_webhook, page_of
from tests.pages import get, read


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
    assert "Zzz has not answered well for 3 h." in html
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
    assert "was disabled. It answered 410: gone for good." in html
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
    for user in (mary, dave):
        for text, found in (("a8Vq2", False), ("services", False), ("127.0.0.1", True)):
            html = get(client_of(user), f"{home}/notifications/webhooks/?q={text}")
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


def test_a_mail_server_that_does_not_answer_is_told_on_every_page_about_deliveries(
    home: str, alice: User, client_of: ClientOf
) -> None:
    words = "The mail server cannot be reached: e-mails wait and go out when it answers again."
    circuit = Circuit.objects.create(pk="smtp", failures=1)
    assert words not in get(client_of(alice), f"{home}/deliveries/"), "once is no trouble yet"
    circuit.failures = 3
    circuit.save()
    assert words in get(client_of(alice), f"{home}/deliveries/")


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
    assert "3 members no longer get e-mails about: Result of deployments (success/fail)" in html
    assert "keeps getting these" not in html
    types = catalogue.GROUPS["deployment-result"].types
    notification_settings.choose(dave, [Choice(name, "email", True) for name in types])
    notification_settings.choose(anna, [Choice(name, "email", False) for name in types])
    html = get(client, page_of(home, default, "delete/"))
    assert "1 member no longer gets e-mails about: Result of deployments (success/fail)" in html
    assert "1 person keeps getting these e-mails, by default or because of their own settings" in html
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
    assert "1 waiting delivery is cancelled" in get(client, page_of(home, hook, "delete/"))
    client.post(page_of(home, hook, "delete/"))
    assert Delivery.objects.get(hook=hook).state == Delivery.State.CANCELLED


def test_an_email_hook_has_no_secret_to_rotate(home: str, acme: Organization, alice: User, client_of: ClientOf) -> None:
    default = Hook.objects.get(organization=acme)
    answer = client_of(alice).post(page_of(home, default, "rotate-secret/"), follow=True)
    assert "An e-mail hook has no secret." in read(answer)


def test_people_who_are_told_twice_are_counted_once(acme: Organization, alice: User, client_of: ClientOf) -> None:
    hook = rules.create_email_hook(
        organization=acme,
        actor=None,
        name="Twice",
        notify=Notify(members=True, roles=["admin"], addresses=["ALICE@people.example"]),
    )
    html = get(client_of(alice), page_of(f"/organizations/{acme.public_id}", hook, "delete/"))
    assert "1 person no longer gets e-mails" in html
