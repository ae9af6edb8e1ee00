"""Adding and editing hooks: the forms, what they do with bad input, and the secret that is shown once."""

from __future__ import annotations

import re

import pytest
from django.conf import LazySettings
from django.contrib.sessions.models import Session

from events.models import Resource
from hooks.models import Endpoint, Hook, Lane
from notifications_project.accounts.models import Organization, User
from tests.hooks.pages import FILLED, ClientOf, add_webhook, page_of
from tests.pages import assert_strict, get, read


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
    assert "Nothing was changed." in read(client.post(page_of(home, hook), typed, follow=True))
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
        ("0", "", "Give 0.01 to 1000 deliveries per second"),
        ("5", "0", "a burst of 1 to 1000"),
        ("", "5", "A burst needs a number of deliveries per second."),
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
    assert (hook.name, hook.events, hook.restricted, hook.paused, hook.enabled) == ("Renamed", None, False, False, True)
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
