"""Rules of applications and add-ons that hold for every way to change them."""

from __future__ import annotations

import pytest

from events import resources
from events.models import Resource
from events.resources import ResourceError
from notifications_project.accounts.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(acme, alice):
    return resources.create(organization=acme, kind="application", name=" shop ", actor=alice)


def last_entry(organization):
    entry = AuditEntry.objects.filter(organization=organization).latest("pk")
    return entry.action, entry.target, entry.detail


def test_adding_is_audited(shop, acme):
    assert shop.name == "shop"
    assert shop.public_id.startswith("app_")
    assert last_entry(acme) == ("application.added", "shop", {})


def test_a_name_is_taken_once_per_kind(shop, acme, alice, olga):
    with pytest.raises(ResourceError, match="An application has this name already"):
        resources.create(organization=acme, kind="application", name="shop", actor=alice)
    assert resources.create(organization=acme, kind="addon", name="shop", actor=alice).public_id.startswith("addon_")
    other = olga.organizations.get(name="Other")
    assert resources.create(organization=other, kind="application", name="shop", actor=olga).pk != shop.pk


def test_the_name_of_an_archived_one_is_taken_and_the_message_says_what_to_do(shop, acme, alice):
    resources.archive(shop, actor=alice)
    with pytest.raises(ResourceError, match="archived under this name: restore it"):
        resources.create(organization=acme, kind="application", name="shop", actor=alice)
    blog = resources.create(organization=acme, kind="application", name="blog", actor=alice)
    with pytest.raises(ResourceError, match="archived under this name: restore it"):
        resources.rename(blog, name="shop", actor=alice)
    blog.refresh_from_db()
    assert blog.name == "blog"


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\0b", "a\nb"])
def test_names_that_cannot_be_used(acme, alice, shop, name):
    with pytest.raises(ResourceError):
        resources.create(organization=acme, kind="addon", name=name, actor=alice)
    with pytest.raises(ResourceError):
        resources.rename(shop, name=name, actor=alice)


def test_a_kind_that_is_none(acme):
    with pytest.raises(ResourceError, match="application or addon"):
        resources.create(organization=acme, kind="server", name="x", actor=None)


def test_renaming_keeps_the_id(shop, acme, alice):
    resources.rename(shop, name="store", actor=alice)
    assert Resource.objects.get(pk=shop.pk).name == "store"
    assert last_entry(acme) == ("application.renamed", "shop", {"after": "store"})


def test_archiving_and_restoring_are_audited_once(shop, acme, alice):
    before = AuditEntry.objects.count()
    for _ in range(2):
        resources.archive(shop, actor=alice)
    assert Resource.objects.get(pk=shop.pk).archived_at
    for _ in range(2):
        resources.restore(shop, actor=alice)
    assert Resource.objects.get(pk=shop.pk).archived_at is None
    assert AuditEntry.objects.count() == before + 2


@pytest.mark.parametrize(("kind", "words"), [("application", "An application"), ("addon", "An add-on")])
def test_the_name_of_an_archived_one_is_taken(acme, alice, kind, words):
    made = resources.create(organization=acme, kind=kind, name="db", actor=alice)
    assert last_entry(acme) == (f"{kind}.added", "db", {})
    for name in ("db", " db "):
        with pytest.raises(ResourceError, match=f"{words} has this name already"):
            resources.create(organization=acme, kind=kind, name=name, actor=alice)
    resources.archive(made, actor=alice)
    with pytest.raises(ResourceError, match=f"{words} was archived under this name"):
        resources.create(organization=acme, kind=kind, name="db", actor=alice)
