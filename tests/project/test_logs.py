"""No log contains the keys in addresses: neither the web server's own, nor a proxy's through Referer."""

from __future__ import annotations

import io
import logging

import pytest
from django.test import Client
from django.urls import reverse
from uvicorn.logging import AccessFormatter

from notifications_project.runtime.logs import mask_keys

KEYS = [
    "/unsubscribe/eyJlbmRwb2ludCI6:1tRz:abc-_/",
    "/unsubscribe/eyJlbmRwb2ludCI6%3A1tRz%3Aabc/change/",
    "/confirm/eyJlbmRwb2ludCI6:1tRz:abc",
    "/invitations/abcdef0123456789/",
    "/accounts/confirm-email/Mg:1tRz:abc/",
    "/accounts/password/reset/key/1a-cq9x2b-0123456789abcdef/",
]


@pytest.mark.sqlite_only
@pytest.mark.parametrize("path", KEYS)
def test_every_log_is_without_keys(path: str) -> None:
    out = io.StringIO()
    access, errors = logging.StreamHandler(out), logging.StreamHandler(out)
    access.setFormatter(AccessFormatter('%(client_addr)s "%(request_line)s" %(status_code)s', use_colors=False))
    for name, handler, message, arguments in (
        ("test.access", access, '%s - "%s %s HTTP/%s" %d', ("127.0.0.1:1", "GET", f"{path}?next=1", "1.1", 200)),
        ("test.request", errors, "Internal Server Error: %s", (path,)),
        ("test.gunicorn", errors, "%(r)s", ({"r": f"GET {path} HTTP/1.1"},)),
        ("test.plain", errors, f"Not Found: {path}", ()),
    ):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.addHandler(handler)
        logger.error(message, *arguments)
        logger.removeHandler(handler)
    assert out.getvalue().count("…") == 4
    assert path.strip("/").split("/")[-1 if not path.endswith("change/") else -2] not in out.getvalue()


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    "path", ["/confirm/", "/organizations/orga_1/hooks/", "/accounts/password/reset/", "/unsubscribe"]
)
def test_other_addresses_are_logged_as_they_are(path: str) -> None:
    assert mask_keys(path) == path


@pytest.mark.django_db
@pytest.mark.parametrize("path", KEYS)
def test_a_page_with_a_key_in_its_address_is_named_to_nobody(path: str) -> None:
    assert Client().get(path).headers["Referrer-Policy"] == "strict-origin"


@pytest.mark.django_db
def test_other_pages_are_named_within_the_console() -> None:
    assert Client().get(reverse("account_login")).headers["Referrer-Policy"] == "same-origin"
