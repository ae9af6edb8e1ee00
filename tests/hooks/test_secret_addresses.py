"""Neither a database dump nor a log contains enough to post somewhere in an organization's name."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.db import connection
from django.test import Client

from events.models import Event
from hooks.channels import services
from hooks.endpoints import devices
from hooks.formats import list_webhook_formats
from hooks.manage import rules
from hooks.models import Attempt, Endpoint, Hook
from hooks.transports import http
from notifications_project import encryption_use
from notifications_project.accounts.models import Organization, User
from notifications_project.encryption import hash_with_key
from notifications_project.masking import DOTS
from tests.conftest import Api, Receiver
from tests.hooks.fake_apns import FakeApns
from tests.hooks.transports.test_hostile_receivers import notification
from tests.pages import get

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Record = Callable[..., Event]
Run = Callable[[], None]

PATH, QUERY, USER, PASSWORD = "pathSECRETb3kx9z1", "querySECRET/b3k+x9z1", "userSECRETb3kx9", "passSECRETb3kx9"
TOPIC, TOKEN, KEY = "topicSECRETb3kx9z1", "tokenSECRETb3kx9z1", "keySECRET" + "b3kx9z1" * 3 + "ab"
BOT = "123456:" + "botSECRETb3kx9z1botSECRET"
DEVICE = "5ec2e7" * 11
OPTIONS = {
    "ntfy": {"topic": TOPIC, "token": TOKEN},
    "hipchat": {"token": TOKEN, "room": "Ops"},
    "telegram": {"token": BOT, "chat": "1"},
    "pagerduty": {"routing_key": KEY},
    "flowdock": {"flow_token": KEY},
}
PLANTED = ["SECRET", DEVICE]


def everything_in_the_database() -> str:
    """Return the text of every column of every table."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            found += [str(value) for row in cursor.fetchall() for value in row if value is not None]
    return "\n".join(found)


def found_in(text: str) -> list[str]:
    """Return the places of a planted secret, with the text around it."""
    return [text[max(0, found.start() - 60) : found.end() + 30] for found in re.finditer("|".join(PLANTED), text)][:20]


def url_of(receiver: Receiver, *, user: bool) -> str:
    at = f"{USER}:{PASSWORD}@" if user else ""
    return receiver.url.replace("http://", f"http://{at}") + f"/{PATH}?sig=querySECRET%2Fb3k%2Bx9z1"


def echo(receiver: Receiver) -> None:
    """Let the receiver repeat its request in the body, in JSON and in a header."""

    def answer(request: Any) -> None:
        said = {"uri": request.environ["RAW_URI"], "args": request.args, "authorization": str(request.authorization)}
        receiver.body = json.dumps({**said, "sent": request.get_data(as_text=True), "headers": list(request.headers)})
        receiver.headers = {"X-Echo": request.environ["RAW_URI"], "Location": f"http://h{request.environ['RAW_URI']}"}

    receiver.before_answer = answer


def test_nothing_that_lets_anybody_post_is_readable_in_a_dump_or_in_the_log(
    acme: Organization, alice: User, client_of: Callable[[User], Client], receiver: Receiver, record: Record,
    pump: Run, apns: FakeApns, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "hpack", "werkzeug"):  # quiet in LOGGING too; werkzeug is the receiver's logger
        caplog.set_level(logging.WARNING, logger=name)
    echo(receiver)
    hooks = []
    for known in list_webhook_formats():
        options = OPTIONS.get(known.name, {})
        url = url_of(receiver, user=not known.has_authorization(options))
        made = rules.create_webhook(
            organization=acme,
            actor=alice,
            spec=rules.WebhookSpec.of(name=known.label, url=url, format=known.name, options=options),
        )
        hooks.append(made[0])
    services.set_up(alice, "webhook", url=url_of(receiver, user=True), options={})
    services.set_up(alice, "hipchat", url=url_of(receiver, user=True), options=OPTIONS["hipchat"])
    devices.register(alice, DEVICE, "Phone")
    devices.register(alice, DEVICE, "Phone")
    client, home = client_of(alice), f"/organizations/{acme.public_id}/hooks"
    for status in (204, 500, 404, 410):
        receiver.status = status
        record("git.push")
        pump()
        for hook in hooks:
            client.post(f"{home}/{hook.public_id}/test/", {"event_type": "git.push"})
        pump()
    for hook in hooks:
        page = f"{home}/{hook.public_id}/"
        client.post(f"{page}verify/")
        client.post(f"{page}enable/")
        get(client, f"{page}preview/")
        rules.update_hook(hook, alice, url=f"{url_of(receiver, user=False)}2")
        with pytest.raises(rules.InvalidRule):
            rules.update_hook(hook, alice, url=f"{url_of(receiver, user=False)}#x")
    assert Attempt.objects.count() > 4 * len(hooks)
    dump = everything_in_the_database()
    assert found_in(dump) == []
    assert found_in(caplog.text) == []


def test_who_does_not_manage_hooks_reads_the_host_alone(
    acme: Organization, alice: User, dave: User, client_of: Callable[[User], Client], receiver: Receiver,
    record: Record, pump: Run, api: Callable[..., Api],
) -> None:  # fmt: skip
    receiver.status = 500
    url = receiver.server.url_for("/hooks/catch/123/b3kx9z1/")
    hook, _ = rules.create_webhook(
        organization=acme, actor=None, spec=rules.WebhookSpec.of(name="Zap", url=url, events=["git.push"])
    )
    record("git.push")
    pump()
    delivery, home = hook.deliveries.get(), f"/organizations/{acme.public_id}"
    paths = [
        "notifications/webhooks/", f"hooks/{hook.public_id}/test/", "deliveries/", f"deliveries/{delivery.public_id}/",
        f"events/{delivery.event.public_id}/", f"events/{delivery.event.public_id}/explanation/",
    ]  # fmt: skip
    for path in paths[:5]:
        assert "b3kx9z1" not in get(client_of(dave), f"{home}/{path}"), path
        assert "catch" not in get(client_of(dave), f"{home}/{path}"), path
    for path in ("hooks/", f"hooks/{hook.public_id}/", "deliveries/", f"deliveries/{delivery.public_id}/", paths[5]):
        answer = api(dave).get(f"/api/v1{home}/{path}")
        assert answer.status_code == 200, path
        assert "catch" not in answer.content.decode(), path


@pytest.mark.parametrize(
    ("format", "options", "short"),
    [("ntfy", {"topic": "q7x"}, "q7x"), ("ntfy", {"topic": "q7xz"}, "q7xz"), ("ntfy", {"topic": "q7xzwk"}, "q7x"),
     ("hipchat", {"token": "q7xzwkvj", "room": "Ops"}, "q7x")],
)  # fmt: skip
def test_of_a_short_secret_nothing_is_shown_or_kept_in_the_open(
    format: str, options: dict[str, str], short: str, acme: Organization, dave: User, receiver: Receiver,
    record: Record, pump: Run, api: Callable[..., Api],
) -> None:  # fmt: skip
    echo(receiver)
    receiver.status = 500
    hook, _ = rules.create_webhook(
        organization=acme,
        actor=None,
        spec=rules.WebhookSpec.of(name="Short", url=receiver.url, format=format, options=options),
    )
    record("git.push")
    pump()
    home = f"/api/v1/organizations/{acme.public_id}"
    for path in (f"hooks/{hook.public_id}/", f"deliveries/{hook.deliveries.get().public_id}/"):
        assert short not in api(dave).get(f"{home}/{path}").content.decode()
    texts = "\n".join(map(str, [*Endpoint.objects.values_list("options"), *Attempt.objects.values_list()]))
    assert short not in texts


def test_a_secret_that_was_masked_by_former_rules_stays_when_it_is_sent_back(
    acme: Organization, alice: User, api: Callable[..., Api]
) -> None:
    hook, _ = rules.create_webhook(
        organization=acme,
        actor=None,
        spec=rules.WebhookSpec.of(name="Push", url="https://ntfy.invalid", format="ntfy", options={"topic": "q7xz"}),
    )
    Endpoint.objects.filter(hook=hook).update(options={"topic": f"q7xz{DOTS}"})
    one = f"/api/v1/organizations/{acme.public_id}/hooks/{hook.public_id}/"
    answer = api(alice).patch(one, {"options": {"topic": f"q7xz{DOTS}"}}, format="json")
    assert answer.status_code == 200, answer.json()
    assert Endpoint.objects.get(hook=hook).secrets["options"] == {"topic": "q7xz"}


@pytest.mark.parametrize("by", ["page", "API"])
def test_a_url_that_is_sent_back_as_it_is_shown_stays(
    by: str, acme: Organization, alice: User, client_of: Callable[[User], Client], receiver: Receiver,
    api: Callable[..., Api],
) -> None:  # fmt: skip
    url = url_of(receiver, user=True)
    hook, _ = rules.create_webhook(organization=acme, actor=None, spec=rules.WebhookSpec.of(name="Mine", url=url))
    path = f"/organizations/{acme.public_id}/hooks/{hook.public_id}/"
    if by == "API":
        read = api(alice).get(f"/api/v1{path}").json()
        assert "SECRET" not in read["url"] or read["url"].count(DOTS) >= 2
        assert api(alice).put(f"/api/v1{path}", {**read, "name": "Renamed"}).status_code == 200
    else:
        form = client_of(alice).get(path).context["form"]
        typed = {"name": "Renamed", "url": form["url"].value(), "format": "raw", "enabled": "on"}
        assert QUERY not in typed["url"]
        assert client_of(alice).post(path, typed).status_code == 302
    hook = Hook.objects.get(pk=hook.pk)
    assert (hook.name, hook.endpoint.whole_address) == ("Renamed", url)


def test_a_masked_url_that_was_edited_is_refused(acme: Organization, receiver: Receiver) -> None:
    hook, _ = rules.create_webhook(
        organization=acme, actor=None, spec=rules.WebhookSpec.of(name="Mine", url=url_of(receiver, user=True))
    )
    with pytest.raises(rules.InvalidRule) as refusal:
        rules.update_hook(hook, None, url=f"http://elsewhere.invalid/{DOTS}")
    assert "whole URL" in refusal.value.errors["url"]


def test_a_change_of_the_path_alone_is_a_move(acme: Organization, receiver: Receiver) -> None:
    hook, _ = rules.create_webhook(
        organization=acme, actor=None, spec=rules.WebhookSpec.of(name="Mine", url=f"{receiver.url}/a")
    )
    before = Endpoint.objects.get(hook=hook).address_key
    rules.update_hook(hook, None, url=f"{receiver.url}/b")
    after = Endpoint.objects.get(hook=hook)
    assert after.address_key == hash_with_key(f"{receiver.url}/b") != before


def test_hooks_are_found_by_their_host(
    acme: Organization, alice: User, client_of: Callable[[User], Client], receiver: Receiver
) -> None:
    rules.create_webhook(
        organization=acme, actor=None, spec=rules.WebhookSpec.of(name="Mine", url=url_of(receiver, user=True))
    )
    page = f"/organizations/{acme.public_id}/notifications/webhooks/"
    assert "Mine" in get(client_of(alice), f"{page}?q=127.0.0")
    assert "Mine</" not in get(client_of(alice), f"{page}?q=SECRET")


def test_what_a_receiver_repeats_in_any_spelling_is_masked(receiver: Receiver) -> None:
    echo(receiver)
    answer = http.post(notification(url_of(receiver, user=True)))
    assert "SECRET" not in json.dumps([answer.request, answer.response, answer.text])


def test_a_device_is_known_again_after_the_keys_have_changed(alice: User, settings: LazySettings) -> None:
    first, _ = devices.register(alice, DEVICE, "Phone")
    settings.ENCRYPTION_KEYS = ["a new key that comes first, 32 letters", *settings.ENCRYPTION_KEYS]
    again, new = devices.register(alice, DEVICE, "Phone")
    assert (again.pk, new) == (first.pk, False)


def test_a_device_whose_token_was_lost_is_replaced_when_its_app_starts(alice: User, settings: LazySettings) -> None:
    devices.register(alice, DEVICE, "Phone")
    settings.ENCRYPTION_KEYS = ["another key, of which nothing here was made"]
    again, new = devices.register(alice, DEVICE, "Phone")
    assert new
    assert list(alice.devices.all()) == [again]


# --- What was stored before ------------------------------------------------------------------------------------
def as_it_was(endpoint: Endpoint | None, whole: str, **fields: Any) -> None:
    """Put an endpoint back as it was stored when its address was readable."""
    assert endpoint
    kept = {name: value for name, value in endpoint.secrets.items() if name != "address"}
    Endpoint.objects.filter(pk=endpoint.pk).update(address=whole, address_key="", secrets=kept, **fields)


def test_what_was_stored_before_is_encrypted_and_masked_and_can_be_done_again(
    acme: Organization, alice: User, receiver: Receiver, record: Record, pump: Run, settings: LazySettings
) -> None:
    migration = import_module("hooks.migrations.0015_encrypt_addresses")
    url = url_of(receiver, user=True)
    raw, _ = rules.create_webhook(organization=acme, actor=None, spec=rules.WebhookSpec.of(name="Raw", url=url))
    ntfy, _ = rules.create_webhook(
        organization=acme,
        actor=None,
        spec=rules.WebhookSpec.of(name="Push", url=receiver.url, format="ntfy", options=OPTIONS["ntfy"]),
    )
    device, _ = devices.register(alice, DEVICE, "Phone")
    receiver.status = 500
    record("git.push")
    pump()
    as_it_was(raw.endpoint, url, last_answer=f"404 {PATH}")
    as_it_was(ntfy.endpoint, receiver.url, options={"topic": TOPIC, "token": f"toke{DOTS}"})
    as_it_was(device.endpoint, DEVICE)
    for attempt in Attempt.objects.select_related("delivery__endpoint"):
        endpoint = attempt.delivery.endpoint
        said = {"raw": f"{url} {PATH}", "ntfy": f"{receiver.url} {TOPIC}"}.get(endpoint.format, "")
        attempt.request = {**attempt.request, "url": endpoint.address, "body": said}
        attempt.response = {"status": 404, "headers": {}, "body": f"Unknown: {said}"}
        attempt.save()
    mail = rules.create_email_hook(organization=acme, actor=None, name="Mail", notify=rules.Notify(members=True))
    assert found_in(everything_in_the_database())
    for _ in range(2):  # the second run finds nothing to do
        migration.encrypt_endpoints(apps, None)
        migration.mask_attempts(apps, None)
        assert found_in(everything_in_the_database()) == []
    assert Endpoint.objects.get(hook=raw).whole_address == url
    assert Endpoint.objects.get(hook=ntfy).secrets["options"] == OPTIONS["ntfy"]
    assert devices.register(alice, DEVICE, "Phone")[0] == device
    receiver.requests.clear()
    receiver.status = 204
    record("git.push")
    pump()
    assert any(request.path.endswith(PATH) for request in receiver.requests)
    migration.decrypt_endpoints(apps, None)
    assert Endpoint.objects.get(hook=raw).address == url
    assert mail.endpoint is None


def test_a_url_whose_secret_was_lost_already_is_kept_until_it_is_rotated(
    acme: Organization, receiver: Receiver, settings: LazySettings
) -> None:
    migration = import_module("hooks.migrations.0015_encrypt_addresses")
    url = url_of(receiver, user=False)
    hook, _ = rules.create_webhook(organization=acme, actor=None, spec=rules.WebhookSpec.of(name="Raw", url=url))
    as_it_was(hook.endpoint, url)
    settings.ENCRYPTION_KEYS = ["another key, of which nothing here was made"]
    migration.encrypt_endpoints(apps, None)
    assert Endpoint.objects.get(hook=hook).whole_address == url
    rules.rotate_secret(Hook.objects.get(pk=hook.pk), None)
    assert found_in(Endpoint.objects.get(hook=hook).address) == []
    assert Endpoint.objects.get(hook=hook).whole_address == url


def test_rewriting_with_another_key_keeps_devices_findable(alice: User, settings: LazySettings) -> None:
    device, _ = devices.register(alice, DEVICE, "Phone")
    settings.ENCRYPTION_KEYS = ["a new key that comes first, 32 letters", *settings.ENCRYPTION_KEYS]
    encryption_use.rewrite(2)
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    assert devices.register(alice, DEVICE, "Phone") == (device, False)
