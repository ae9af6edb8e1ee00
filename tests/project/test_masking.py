"""What of an address everybody may read."""

from __future__ import annotations

import random
import string
import uuid

import pytest

from notifications_project.masking import DOTS, mask


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
