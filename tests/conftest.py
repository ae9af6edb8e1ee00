"""Fixtures for every test: the people of Acme, their clients, a receiver of webhooks."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import django

from tests import environment  # before Django reads its settings

django.setup()

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker
from pytest_httpserver import HTTPServer
from rest_framework.test import APIClient
from werkzeug import Request, Response
from xdist.remote import Producer

from notifications_project.accounts import organizations
from notifications_project.accounts.models import ApiToken, Organization, User
from notifications_project.accounts.roles import Role
from tests import databases, selecting, sharing
from tests.faults.table import pytest_terminal_summary  # noqa: F401  (a hook: the table of faults, also under xdist)

CI = os.environ.get("CI", "").lower() in {"1", "true"}
CHROMIUM = "/usr/bin/chromium"
NEEDED = {
    "browser": ("Chromium", lambda: os.path.exists(CHROMIUM)),
    "redis": ("Redis", lambda: shutil.which("redis-server") is not None),
}
WRITTEN_ALIKE = {"formats", "forms", "presentation", "preview", "wording"}  # directories: the same on every database
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
databases.empty_tables_quickly()


# --- Which tests run -----------------------------------------------------------------------------------------
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests that need a program that is not installed; deselect tests of the other database.

    The second run also deselects tests of what no database can change, as they have run before.
    """
    other = "sqlite_only" if on_postgresql() else "postgresql_only"
    again = os.environ.get("TEST_AGAIN") == "true"
    left_out = {
        item
        for item in items
        if item.get_closest_marker(other)
        or (again and not concerns_the_database(item))
        or (selecting.FAST and isinstance(item, pytest.Function) and selecting.is_slow(item))
    }
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = sharing.sort_by_load(item for item in items if item not in left_out)
    for mark, (name, installed) in NEEDED.items():
        if not installed():
            for item in items:
                if item.get_closest_marker(mark):
                    item.add_marker(pytest.mark.skip(reason=f"{name} is not installed"))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> sharing.Shares | None:
    return sharing.Shares(config, log) if config.getvalue("dist") == "loadfile" else None


def concerns_the_database(item: pytest.Item) -> bool:
    """Return whether another database might change the result: of the texts of messages and forms none does."""
    if item.get_closest_marker("postgresql_only"):
        return True
    fixtures = set(getattr(item, "fixturenames", ()))
    uses_one = item.get_closest_marker("django_db") or fixtures & {"db", "transactional_db", "database_url"}
    return bool(uses_one) and not WRITTEN_ALIKE & set(item.path.parts)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a skipped test fail if CI=true, where nothing may be skipped."""
    report = yield
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"In CI nothing may be skipped: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Let a test that starts a process fail with --fast: it should not have been selected."""
    with selecting.no_processes() if selecting.FAST else contextlib.nullcontext():
        yield


# --- The database --------------------------------------------------------------------------------------------
def on_postgresql() -> bool:
    return connection.vendor == "postgresql"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Test SQLite as it runs in production: a file in WAL mode, which threads and other processes can open too."""
    if not on_postgresql():
        settings.DATABASES["default"]["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker, django_db_modify_db_settings: None
) -> None:
    """Begin with a copy of a migrated database. It goes with the directory, or the private server, that it is in."""
    with django_db_blocker.unblock():
        if on_postgresql():
            databases.make_postgresql()
        else:
            databases.make_sqlite(Path(settings.DATABASES["default"]["TEST"]["NAME"]))


@pytest.fixture(scope="session")
def database_url(django_db_setup: None) -> str:
    """Return the DATABASE_URL of the test database, for processes that a test starts."""
    name = str(connection.settings_dict["NAME"])
    if not on_postgresql():
        return f"sqlite:///{name}"
    return f"{environment.SETTINGS['DATABASE_URL'].rpartition('/')[0]}/{name}"


# --- The people ----------------------------------------------------------------------------------------------
def person(name: str) -> User:
    return organizations.create_user(email=f"{name.lower()}@people.example", password="correct horse", name=name)


@pytest.fixture
def alice(db: None) -> User:
    """Return the administrator of Acme."""
    return person("Alice")


@pytest.fixture
def acme(alice: User) -> Organization:
    return organizations.create_organization(name="Acme", admin=alice)


def member(organization: Organization, name: str, role: Role) -> User:
    user = person(name)
    organizations.add_member(organization=organization, email=user.email, role=role, actor=None)
    return user


@pytest.fixture
def mary(acme: Organization) -> User:
    """Return a manager of Acme."""
    return member(acme, "Mary", Role.MANAGER)


@pytest.fixture
def dave(acme: Organization) -> User:
    """Return a developer of Acme."""
    return member(acme, "Dave", Role.DEVELOPER)


@pytest.fixture
def anna(acme: Organization) -> User:
    """Return an accountant of Acme."""
    return member(acme, "Anna", Role.ACCOUNTING)


@pytest.fixture
def olga(db: None) -> User:
    """Return the administrator of Other, who is no member of Acme."""
    user = person("Olga")
    organizations.create_organization(name="Other", admin=user)
    return user


# --- Their clients -------------------------------------------------------------------------------------------
@pytest.fixture
def client_of() -> Callable[[User], Client]:
    """Return a function that makes a browser in which a user is signed in."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in


class Api(APIClient):
    """An API client that sends JSON with the bearer token of a user."""

    default_format = "json"

    def __init__(self, user: User, organization: Organization | None = None) -> None:
        super().__init__()
        _, self.token = ApiToken.objects.create(user, name="test", organization=organization)
        self.credentials(HTTP_AUTHORIZATION=f"Bearer {self.token}")


@pytest.fixture
def api() -> Callable[..., Api]:
    """Return a function: `api(user)`, or `api(user, organization)` for a token that opens this organization only."""
    return Api


# --- The receiver --------------------------------------------------------------------------------------------
@dataclass
class Receiver:
    """A real HTTP server on loopback that keeps requests and answers with `status`, `headers`, `body`."""

    server: HTTPServer
    requests: list[Request] = field(default_factory=list)
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    before_answer: Callable[[Request], None] | None = None

    def __post_init__(self) -> None:
        self.server.expect_request(re.compile("")).respond_with_handler(self._answer)

    @property
    def url(self) -> str:
        return self.server.url_for("/hook")

    def _answer(self, request: Request) -> Response:
        request.get_data()  # reads the body before the connection goes; it stays in request.data
        self.requests.append(request)
        if self.before_answer:
            self.before_answer(request)
        return Response(self.body, self.status, self.headers)


@pytest.fixture(scope="session")
def httpserver_listen_address() -> tuple[str, int]:
    return "127.0.0.1", 0


@pytest.fixture
def receiver(httpserver: HTTPServer) -> Receiver:
    return Receiver(httpserver)
