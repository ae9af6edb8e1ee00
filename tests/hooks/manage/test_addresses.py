"""The addresses that an e-mail hook names: refused unless they can be mailed, and stored in one spelling."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from hooks.models import Hook
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api
from tests.hooks.pages import ClientOf
from tests.pages import read

pytestmark = pytest.mark.django_db


def hook_of(*addresses: str) -> dict[str, object]:
    return {"kind": "email", "name": "On call", "notify": {"addresses": addresses}}


@pytest.mark.parametrize("address", ["bad@exam\u202cple.net", "bad@\u2603.example", f"a@{'b' * 64}.example"])
def test_what_cannot_be_mailed_is_refused(
    address: str, acme: Organization, alice: User, api: Callable[..., Api], client_of: ClientOf
) -> None:
    path = f"/api/v1/organizations/{acme.public_id}/hooks/"
    answer = api(alice).post(path, hook_of("ops@example.org", address))
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert "is not an e-mail address" in error["message"]
    page = f"/organizations/{acme.public_id}/notifications/emails/add/"
    typed = {"name": "On call", "notify_addresses": f"ops@example.org\r\n{address}"}
    assert "is not an e-mail address" in read(client_of(alice).post(page, typed))
    assert not Hook.objects.filter(name="On call").exists()


def test_two_spellings_are_one_address(acme: Organization, alice: User, api: Callable[..., Api]) -> None:
    path = f"/api/v1/organizations/{acme.public_id}/hooks/"
    made = api(alice).post(path, hook_of("ops@faß.example", "Ops@XN--FA-HIA.example", "ops@fass.example")).json()
    assert made["notify"]["addresses"] == ["Ops@xn--fa-hia.example", "ops@fass.example"]
    own = f"{path}{made['id']}/"
    again = api(alice).patch(own, {"notify": made["notify"] | {"addresses": ["ops@FASS.example", "ops@faß.example"]}})
    assert again.status_code == 200, json.dumps(again.json())
