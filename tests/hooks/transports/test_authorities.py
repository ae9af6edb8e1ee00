"""Receivers with a certificate from a private authority, trusted by a webhook's option or by the operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from hooks.models import Channel, Delivery, Hook
from hooks.preview import verifying
from hooks.transports import authorities, http
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.conftest import Api
from tests.hooks.private_authority import Authority
from tests.hooks.transports import test_hostile_receivers as receivers
from tests.hooks.transports.test_hostile_receivers import Server, Talk, notification
from tests.pages import read

serve = receivers.serve
Serve = Callable[[Talk], Server]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def url(authority: Authority, serve: Serve, tmp_path: Path, settings: LazySettings) -> str:
    settings.DELIVERY_TIMEOUT = 5
    return serve(authority.receiver(tmp_path)).url.replace("http:", "https:")


# --- On the wire ---------------------------------------------------------------------------------------------
def test_a_receiver_of_an_unknown_authority_is_refused_with_what_to_do(url: str) -> None:
    answer = http.post(notification(url))
    assert answer.code == "tls"
    assert "unable to get local issuer certificate" in answer.text
    assert answer.text.endswith(
        "If its authority is a private one, enter the certificate of that authority in the form of the webhook."
    )
    assert len(answer.text) <= 200


def test_the_endpoints_own_authority_is_trusted(authority: Authority, url: str) -> None:
    told = replace(notification(url), options={"ca_certificates": authority.pem})
    assert [http.post(told).status for _ in range(2)] == [200, 200]


def test_another_private_authority_is_not(url: str) -> None:
    assert http.post(replace(notification(url), options={"ca_certificates": Authority().pem})).code == "tls"


def test_a_connection_to_a_receiver_is_not_used_by_who_does_not_trust_it(authority: Authority, url: str) -> None:
    """Both webhooks are in one organization, at one host and port, used in turn on one thread."""
    assert http.post(replace(notification(url), options={"ca_certificates": authority.pem})).status == 200
    assert http.post(notification(url)).code == "tls"


def test_the_operators_authority_is_trusted_by_all(
    authority: Authority, url: str, tmp_path: Path, settings: LazySettings
) -> None:
    file = tmp_path / "authorities.pem"
    file.write_text(f"Ours:\n{Authority().pem}{authority.pem}")
    settings.OUTBOUND_CA_FILE = str(file)
    assert http.post(notification(url)).status == 200


def test_the_public_authorities_are_trusted_beside_them(authority: Authority) -> None:
    public = authorities.get_context("").cert_store_stats()["x509_ca"]
    assert public > 50
    assert authorities.get_context(authority.pem).cert_store_stats()["x509_ca"] == public + 1
    assert authorities.get_context(authority.pem) is authorities.get_context(authority.pem)


# --- Hooks and channels --------------------------------------------------------------------------------------
@pytest.fixture
def admin(alice: User, api: Callable[..., Api]) -> Api:
    return api(alice)


@pytest.fixture
def hooks(acme: Organization) -> str:
    return f"/api/v1/organizations/{acme.public_id}/hooks/"


def webhook(url: str, pem: str) -> dict[str, Any]:
    return {"kind": "webhook", "name": "Ours", "url": url, "format": "raw", "options": {"ca_certificates": pem}}


def test_a_hook_with_an_authority_is_made_changed_and_tested_by_api(
    admin: Api, hooks: str, authority: Authority, url: str, pump: Callable[[], None]
) -> None:
    made = admin.post(hooks, webhook(url, authority.pem))
    assert made.status_code == 201, made.content
    one = f"{hooks}{made.json()['id']}/"
    assert admin.get(one).json()["options"] == {"ca_certificates": authority.pem}
    assert admin.post(f"{one}test/").status_code == 202
    pump()
    assert Delivery.objects.get().state == "delivered"
    assert admin.patch(one, {"options": {}}).status_code == 200
    assert AuditEntry.objects.filter(action="hook.changed").exists()
    admin.post(f"{one}test/")
    pump()
    assert Delivery.objects.order_by("-id")[0].outcome.startswith("TLS failed")


@pytest.mark.parametrize(
    ("pem", "problem"),
    [
        ("certificate", "This is no certificate in PEM"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "This is no certificate in PEM"),
        (Authority().private, "This is a private key"),
        (Authority(days=-1).pem, "This certificate expired on "),
        (Authority().pem * 11, "Give at most 10 certificates."),
        ("x" * 40_000, "At most 32768 characters."),
        (["x"], "Must be a text."),
    ],
    ids=["words", "no DER", "private key", "expired", "eleven", "long", "list"],
)
def test_what_is_no_authority_is_refused(admin: Api, hooks: str, pem: Any, problem: str) -> None:
    refused = admin.post(hooks, webhook("https://127.0.0.1:9/", pem))
    assert refused.status_code == 422
    assert [(each["field"], each["message"][: len(problem)]) for each in refused.json()["errors"]] == [
        ("options.ca_certificates", problem)
    ]


def test_only_formats_of_servers_that_people_run_take_one(admin: Api, hooks: str, authority: Authority) -> None:
    formats = admin.get("/api/v1/formats/").json()["results"]
    taking = [each["name"] for each in formats if "ca_certificates" in [one["name"] for one in each["options"]]]
    assert taking == ["raw", "slack", "mattermost", "ntfy", "hipchat"]
    sent = webhook("https://discord.com/api/webhooks/1/abc", authority.pem) | {"format": "discord"}
    assert admin.post(hooks, sent).status_code == 422


def test_a_personal_webhook_takes_one_too(admin: Api, authority: Authority, url: str, pump: Callable[[], None]) -> None:
    sent = {"url": url, "format": "raw", "options": {"ca_certificates": authority.pem}}
    made = admin.put("/api/v1/me/channels/webhook/", sent)
    assert made.status_code in {200, 201}, made.content
    assert admin.post("/api/v1/me/channels/webhook/test/").status_code == 202
    pump()
    assert Delivery.objects.get().state == "delivered"
    assert Channel.objects.get(kind="webhook").endpoint.options == {"ca_certificates": authority.pem}


def test_the_form_asks_for_it_and_shows_what_is_wrong_with_it(
    client_of: Callable[[User], Client], alice: User, home: str, authority: Authority, url: str
) -> None:
    client, add = client_of(alice), f"{home}/notifications/webhooks/add/"
    typed = {"name": "Ours", "url": url, "format": "raw", "enabled": "on", "option_raw_ca_certificates": "nonsense"}
    page = read(client.post(add, typed))
    assert "This is no certificate in PEM" in page
    assert ">\nnonsense</textarea>" in page
    client.post(add, typed | {"option_raw_ca_certificates": authority.pem})
    hook = Hook.objects.get(name="Ours")
    assert hook.endpoint is not None
    assert hook.endpoint.options["ca_certificates"].split() == authority.pem.split()


def test_the_question_whether_a_token_is_valid_trusts_it_as_well(authority: Authority, url: str) -> None:
    options = {"token": "t" * 40, "room": "Ops", "version": "2"}
    refused = verifying.verify("hipchat", url, options)[1]
    asked = verifying.verify("hipchat", url, options | {"ca_certificates": authority.pem})[1]
    assert "TLS failed" in refused
    assert "TLS failed" not in asked
