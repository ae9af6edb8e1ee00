"""The hooks of an organization, step by step: disabling the deployment result e-mails, or restricting them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from events.models import Event, Resource
from hooks.models import Hook
from notifications_project.accounts.models import Organization, User
from tests.hooks.conftest import Mailbox

pytestmark = pytest.mark.django_db(transaction=True)
Record = Callable[..., Event]
Run = Callable[[], None]


def application(organization: Organization, name: str) -> Resource:
    return Resource.objects.create(organization=organization, kind="application", name=name)


def test_by_default_every_member_gets_the_deployment_results(
    acme: Organization, alice: User, dave: User, record: Record, pump: Run, mailbox: Mailbox
) -> None:
    record("stack.redeploy.ok", application(acme, "shop"))
    pump()
    assert mailbox.told == [alice.email, dave.email]
    assert mailbox.mails[0]["Subject"] == "[Acme] shop: deployment succeeded"
    assert "Default deployment result e-mails" in mailbox.mails[0].get_body().get_content()


def test_go_to_notifications_delete_the_default_hook_add_a_new_one_set_it_to_your_liking(
    acme: Organization,
    alice: User,
    client_of: Callable[[User], Client],
    record: Record,
    pump: Run,
    mailbox: Mailbox,
) -> None:
    shop, blog = application(acme, "shop"), application(acme, "blog")
    client = client_of(alice)

    # 1) Go in Organization Manager > Notifications panel.
    panel = client.get(reverse("hooks:emails", args=[acme.public_id]))
    assert "Default deployment result e-mails" in panel.text

    # 2) Delete the hook named "Default deployment result e-mails".
    default = Hook.objects.existing().get(organization=acme)
    client.post(reverse("hooks:delete", args=[acme.public_id, default.public_id]))
    record("stack.redeploy.ok", shop)
    pump()
    assert mailbox.told == [], "deployment results are silent now"

    # 3) Add a new one.  4) Set it to your liking: for one application only.
    answer = client.post(
        reverse("hooks:add-email-hook", args=[acme.public_id]),
        {
            "name": "Results of the shop",
            "events": ["deployment-result"],
            "resources": [str(shop.pk)],
            "notify_members": "on",
            "enabled": "on",
        },
    )
    assert answer.status_code == 302, answer.text
    record("stack.redeploy.fail", blog)
    record("stack.redeploy.fail", shop)
    pump()
    assert mailbox.told == [alice.email]
    assert mailbox.mails[0]["Subject"] == "[Acme] shop: deployment failed"


def test_once_deleted_the_default_hook_stays_deleted(
    acme: Organization, alice: User, client_of: Callable[[User], Client]
) -> None:
    default = Hook.objects.existing().get(organization=acme)
    client = client_of(alice)
    client.post(reverse("hooks:delete", args=[acme.public_id, default.public_id]))
    panel = client.get(reverse("hooks:emails", args=[acme.public_id]))
    assert panel.status_code == 200
    assert not Hook.objects.existing().filter(organization=acme).exists()


def test_a_personal_space_has_the_default_hook_too(alice: User) -> None:
    assert Hook.objects.existing().get(organization_id=alice.pk).events == ["deployment-result"]
