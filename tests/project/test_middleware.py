"""Middleware sets caching, policy and https on every answer, and removes the character NUL from requests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied
from django.middleware.common import CommonMiddleware
from django.test import Client

from events import intake
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api
from tests.project.processes import BASE, clean_environment

pytestmark = pytest.mark.django_db


# --- Caches --------------------------------------------------------------------------------------------------
def test_private_pages_and_answers_stay_out_of_caches(
    acme: Organization, alice: User, client_of: Callable[[User], Client], api: Callable[..., Api]
) -> None:
    browser, caller = client_of(alice), api(alice)
    home = f"/organizations/{acme.public_id}"
    answers = [
        *(browser.get(path) for path in (f"{home}/hooks/", f"{home}/members/", "/account/tokens/", "/nothing/here/")),
        *(caller.get(path) for path in ("/api/v1/me/", "/api/v1/nothing/", "/api/v1/organizations/")),
        Api(alice).get(f"/api/v1{home}/deliveries/?limit=none"),
        Client().get("/api/v1/me/"),
        Client().get("/accounts/login/"),
    ]
    for answer in answers:
        assert "no-store" in answer.headers["Cache-Control"], answer
        assert "private" in answer.headers["Cache-Control"], answer
        assert "camera=()" in answer.headers["Permissions-Policy"], answer


def test_what_is_static_may_be_kept(client: Client) -> None:
    assert "no-store" not in client.get("/static/base.css").headers["Cache-Control"]
    assert "max-age=3600" in client.get("/static/base.css").headers["Cache-Control"]


# --- Addresses -----------------------------------------------------------------------------------------------
def test_the_next_page_is_at_the_public_address(
    acme: Organization, alice: User, api: Callable[..., Api], settings: LazySettings
) -> None:
    settings.PUBLIC_URL = "https://console.example.com:8443"
    for _ in range(2):
        intake.record(acme, [intake.NewEvent(type="git.push", resource=None, data={})])
    path = f"/api/v1/organizations/{acme.public_id}/events/"
    answer = api(alice).get(f"{path}?limit=1&type=git.push", headers={"Host": "127.0.0.1:8125"})
    following = answer.json()["next"]
    assert following.startswith(f"https://console.example.com:8443{path}?")
    assert len(api(alice).get(f"{path}?{urlsplit(following).query}").json()["results"]) == 1


# --- NUL -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    [
        "/account/tokens/%00/revoke/",
        "/account/tokens/a%00b/revoke/",
        "/account/channels/%00/",
        "/accounts/password/reset/key/1-%00/",
        "/accounts/confirm-email/%00/",
        "/unsubscribe/%00/",
        "/static/%00.css",
        "/inbox/%00/",
        "/api/v1/me/channels/%00/",
        "/%00",
        f"/account/tokens/{'x' * 10_000}/revoke/",
        f"/static/{'x' * 10_000}.css",
        "/account/tokens/%ff%fe/revoke/",
        "/account/tokens/%ed%a0%80/revoke/",
    ],
)
def test_an_address_that_cannot_be_is_not_found(
    alice: User, path: str, client_of: Callable[[User], Client], api: Callable[..., Api]
) -> None:
    caller = api(alice) if path.startswith("/api/") else client_of(alice)
    assert caller.get(path).status_code == 404


def test_nul_in_a_query_a_field_or_a_cookie_is_no_error_of_ours(
    acme: Organization, alice: User, client_of: Callable[[User], Client], api: Callable[..., Api]
) -> None:
    browser = client_of(alice)
    home = f"/organizations/{acme.public_id}"
    assert browser.get(f"{home}/deliveries/?state=%00").status_code == 200
    assert browser.post(f"{home}/rename/", {"name": "a\0b"}).status_code == 422
    assert browser.post("/account/profile/", {"name": "a\0b", "time_zone": "UTC"}).status_code == 422
    answer = api(alice).get(f"/api/v1{home}/events/?type=%00")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "type"
    assert Client(headers={"Cookie": r'console_session="\000abc"'}).get("/").status_code == 302


UNREADABLE = pytest.mark.parametrize(
    ("type", "body"),
    [
        ("multipart/form-data", "{}"),
        ("multipart/form-data; boundary=" + "b" * 300, "--b"),
        ("multipart/form-data; boundary=b", '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' * 2000),
        ("application/x-www-form-urlencoded", "a=1&" * 2000),
    ],
    ids=["no boundary", "too long a boundary", "too many parts", "too many fields"],
)


def forging(**headers: str) -> Client:
    """Return a browser whose forms are checked for forgery."""
    return Client(enforce_csrf_checks=True, headers={"Cookie": f"console_csrf={'c' * 32}", **headers})


@UNREADABLE
def test_a_form_that_cannot_be_read_at_an_address_that_is_not_there_is_not_found(type: str, body: str) -> None:
    assert forging().generic("POST", "/nothing/", body, content_type=type).status_code == 404


@UNREADABLE
@pytest.mark.parametrize("host", ["evil.example", "["])
@pytest.mark.parametrize("path", ["/account/profile/", "/nothing/", "/accounts/login/", "/api/v1/me/"])
def test_a_form_that_cannot_be_read_for_an_unknown_host_is_refused(type: str, body: str, host: str, path: str) -> None:
    answer = forging(Host=host).generic("POST", path, body, content_type=type)
    assert answer.status_code == 400
    assert not path.startswith("/api/") or answer.json()["errors"][0]["field"] is None


@UNREADABLE
@pytest.mark.parametrize(("problem", "status"), [(PermissionDenied("no"), 403), (KeyError("ours"), 500)])
def test_a_form_that_cannot_be_read_spoils_no_other_refusal(
    type: str, body: str, problem: Exception, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise problem

    monkeypatch.setattr(CommonMiddleware, "process_request", fail)
    browser = forging()
    browser.raise_request_exception = False
    assert browser.generic("POST", "/account/profile/", body, content_type=type).status_code == status


# --- https ---------------------------------------------------------------------------------------------------
@pytest.fixture
def https(settings: LazySettings) -> None:
    settings.PUBLIC_URL = "https://console.example.com"
    settings.SECURE_SSL_REDIRECT, settings.SECURE_SSL_HOST = True, "console.example.com"
    settings.SECURE_REDIRECT_EXEMPT = [r"^api/"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


def test_pages_over_http_lead_to_https(https: None) -> None:
    answer = Client().get("/accounts/login/?next=/x")
    assert (answer.status_code, answer.headers["Location"]) == (
        301,
        "https://console.example.com/accounts/login/?next=/x",
    )
    assert Client(headers={"X-Forwarded-Proto": "https"}).get("/accounts/login/").status_code == 200


def test_the_api_over_http_is_refused(https: None, alice: User, api: Callable[..., Api]) -> None:
    answer = api(alice).post("/api/v1/me/devices/", {})
    assert answer.status_code == 403
    assert "https://console.example.com/api/" in answer.json()["errors"][0]["message"]
    assert api(alice).get("/api/v1/me/", headers={"X-Forwarded-Proto": "https"}).status_code == 200


def test_the_settings_of_production_pass_djangos_checks() -> None:
    production = {
        "SECRET_KEY": "kV3nq8-Zr1xT5yB7uL0cD2fG4hJ6mP9sW_aEiOgQxRvYtU-b8Kd3Hw6Zp",
        "PUBLIC_URL": "https://console.example.com",
        "BEHIND_PROXY": "true",
        "DATABASE_URL": "sqlite:///console.sqlite3",
        "DEMO": "false",
        "CONSOLE_VENV": "none",
    }
    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        cwd=BASE,
        env={name: value for name, value in clean_environment().items() if name in os.environ} | production,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stderr
    assert "no issues" in checked.stdout


@pytest.mark.django_db
def test_a_request_that_cannot_be_read_is_answered_with_a_page_in_the_look(client: Client) -> None:
    answer = client.get("/accounts/login/", headers={"host": "other.example"})
    assert answer.status_code == 400
    html = answer.content.decode()
    assert "This request cannot be read" in html
    assert "tokens.css" in html
    assert "one of this console’s" in html
