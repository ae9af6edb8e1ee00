"""Masking hides the secret parts of addresses and shows the rest."""

from __future__ import annotations

import random
import string
import uuid

import pytest

from notifications_project.masking import DOTS, find_secrets, mask, mask_to_host, replace_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/hooks", "https://example.org/hooks"),
        ("https://example.org", "https://example.org"),
        ("http://127.0.0.1:40123/inbox/demo/", "http://127.0.0.1:40123/inbox/demo/"),
        ("https://ann:secret@example.org/in?token=t0p#part", f"https://{DOTS}@example.org/in?{DOTS}"),
        (
            "https://chat.example/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
            f"https://chat.example/services/T00000000/B00000000/{DOTS}",
        ),
        (
            "https://chat.example/services/T024BE7LH/B04C3QHRN/a8Vq2LpXzR7mKd3TyWn5Jc9f/",
            f"https://chat.example/services/T024BE7LH/B04C3QHRN/{DOTS}/",
        ),
        (
            "https://rooms.example/api/webhooks/123456789012345678/aB3_dE-9fG2hI5jK8lMnOpQ1rS4tU7v",
            f"https://rooms.example/api/webhooks/{DOTS}/{DOTS}",
        ),
        (
            "https://acme.office.example/webhookb2/3c2b8a52-4e1f-4f0b-9d3e-2a7f5f6b7c81@0193a1b2-0000-4000-8000-000000000000"
            "/IncomingWebhook/5999b763474b0eafa5fafb64bff0ba80/v2",
            f"https://acme.office.example/webhookb2/{DOTS}/IncomingWebhook/{DOTS}/v2",
        ),
        ("https://bots.example/bot123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11/send", f"https://bots.example/{DOTS}/send"),
        (
            "https://example.org/deployment-notifications-production-eu-west-1",
            "https://example.org/deployment-notifications-production-eu-west-1",
        ),
        ("https://example.org/deploymentNotificationsReceiver", "https://example.org/deploymentNotificationsReceiver"),
        ("https://example.org/hooks/notifications.php", "https://example.org/hooks/notifications.php"),
        ("https://example.org/2026/11/22/stack-5999b763", "https://example.org/2026/11/22/stack-5999b763"),
        (
            "https://example.org/deployment-notifications-5999b763",
            "https://example.org/deployment-notifications-5999b763",
        ),
        ("https://example.org/API/v2/team42/alerts_2026", "https://example.org/API/v2/team42/alerts_2026"),
        ("whsec_abcdef", f"whse{DOTS}"),
        ("whsec_abcde", DOTS),
        ("ops", DOTS),
        ("", ""),
        ("http://[::1", DOTS),
    ],
)
def test_names_stay_and_secrets_become_dots(url: str, shown: str) -> None:
    assert mask(url) == shown


URLSAFE = string.ascii_letters + string.digits + "-_"


@pytest.mark.parametrize(
    ("alphabet", "length"),
    [
        (string.hexdigits[:16], 20),
        (string.ascii_letters + string.digits, 24),
        (string.ascii_lowercase + "234567", 32),
        (URLSAFE, 32),
        (URLSAFE, 64),
    ],
)
def test_no_random_token_is_readable(alphabet: str, length: int) -> None:
    chance = random.Random(7)  # the same tokens each time
    for _ in range(500):
        token = "".join(chance.choices(alphabet, k=length))
        assert mask(f"https://example.org/in/{token}") == f"https://example.org/in/{DOTS}", token


def test_no_uuid_is_readable() -> None:
    for number in range(500):
        token = uuid.uuid5(uuid.NAMESPACE_DNS, str(number))
        assert mask(f"https://example.org/in/{token}") == f"https://example.org/in/{DOTS}", token


@pytest.mark.parametrize(
    ("url", "managers", "others"),
    [
        ("https://example.com", "https://example.com", "https://example.com"),
        ("https://example.com/", "https://example.com/", "https://example.com/"),
        ("https://example.com/in", "https://example.com/in", f"https://example.com/{DOTS}"),
        ("https://example.com:8443?a=1", f"https://example.com:8443?{DOTS}", f"https://example.com:8443/{DOTS}"),
        ("https://ann@example.com/", f"https://{DOTS}@example.com/", f"https://example.com/{DOTS}"),
        (
            "https://hooks.zapier.com/hooks/catch/123/b3kx9z1/",
            f"https://hooks.zapier.com/hooks/catch/{DOTS}",
            f"https://hooks.zapier.com/{DOTS}",
        ),
        ("https://hooks.slack.com/services/T0/B0/abc", f"https://hooks.slack.com/services/{DOTS}", None),
        ("https://ntfy.sh/mytopic", f"https://ntfy.sh/{DOTS}", f"https://ntfy.sh/{DOTS}"),
        ("https://discord.com/api/webhooks/1/abc", f"https://discord.com/api/webhooks/{DOTS}", None),
        ("https://eo1a2b3c.m.pipedream.net/", f"https://{DOTS}.pipedream.net/", f"https://{DOTS}.pipedream.net/"),
        (
            "https://abcdefghij.lambda-url.eu-west-1.on.aws/x",
            f"https://{DOTS}.lambda-url.eu-west-1.on.aws/x",
            f"https://{DOTS}.lambda-url.eu-west-1.on.aws/{DOTS}",
        ),
        ("https://notslack.com/services/T0/B0/abc", "https://notslack.com/services/T0/B0/abc", None),
    ],
)
def test_managers_read_a_masked_path_and_others_the_host(url: str, managers: str, others: str | None) -> None:
    assert mask(url) == managers
    assert mask(managers) == managers
    assert others is None or mask_to_host(url) == others
    assert mask_to_host(mask_to_host(url)) == mask_to_host(url)
    assert mask_to_host(mask(url)) == mask_to_host(url)


@pytest.mark.parametrize(
    "written",
    [
        "/in/b3kx9z1?sig=a%2Fb%2Bc",
        "b3kx9z1",
        "ann:b3kx9z2",
        '"\\/in\\/b3kx9z1"',
        "in%2Fb3kx9z1",
        "Basic YW5uOmIza3g5ejI=",
    ],
)
def test_what_a_receiver_repeats_of_a_url_is_hidden(written: str) -> None:
    hidden = find_secrets("https://ann:b3kx9z2@example.com/in/b3kx9z1?sig=a%2Fb%2Bc%2Fd")
    shown = replace_secrets(f"Not found: {written}", hidden)
    assert "b3kx9z" not in shown
    assert "YW5uOmIza3g5ejI" not in shown


def test_plain_words_of_a_path_stay_in_answers() -> None:
    hidden = find_secrets("https://example.com/webhooks/deployments")
    assert replace_secrets("no webhooks, no deployments", hidden) == "no webhooks, no deployments"
