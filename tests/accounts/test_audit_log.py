"""The audit log page: newest first, in words, in pages."""

from __future__ import annotations

import pytest
from django.urls import reverse

from notifications_project import paging
from notifications_project.accounts import audit, organizations
from notifications_project.accounts.audit import particulars, phrase
from notifications_project.accounts.models import AuditEntry
from tests import pages

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("hook.created", "created the hook"),
        ("hook.secret_rotated", "made a new secret for the hook"),
        ("member.role_changed", "changed the role of"),
        ("addon.archived", "archived the add-on"),
        ("token.revoked", "revoked the API token"),
        ("gadget.put_away", "put away the gadget"),
    ],
)
def test_actions_read_as_words(action, words):
    assert phrase(action) == words


def test_details_read_as_words():
    def words(**detail):
        return particulars(AuditEntry(detail=detail))

    assert words() == ""
    assert words(before="developer", after="admin") == "from Developer to Admin"
    assert words(role="manager") == "as Manager"
    assert words(after="Apex") == "to Apex"
    assert words(kept=["a", "b"], sent=True, nothing=None) == "(kept: a, b, sent: yes)"


def test_the_page_says_who_did_what_newest_first(acme, alice, dave, client_of):
    organizations.change_role(organization=acme, user=dave, role="manager", actor=alice)
    audit.record(acme, None, "hook.disabled", "Ops room")
    html = pages.get(client_of(dave), reverse("accounts:audit", args=[acme.public_id]))
    changed = html.index("changed the role of <b>dave@people.example</b>")
    assert "from Developer to Manager" in html
    assert html.index("<b>system</b> disabled the hook <b>Ops room</b>") < changed
    assert changed < html.index("created the organization <b>Acme</b>")


def test_names_are_never_markup(acme, alice, client_of):
    audit.record(acme, alice, "hook.created", "<script>alert(1)</script>", note="<img onerror=x>")
    html = pages.get(client_of(alice), reverse("accounts:audit", args=[acme.public_id]))
    assert "&lt;script&gt;alert(1)" in html


def test_older_entries_are_a_page_away(acme, alice, client_of):
    for number in range(60):
        audit.record(acme, alice, "hook.created", f"hook {number}")
    client, path = client_of(alice), reverse("accounts:audit", args=[acme.public_id])
    first = client.get(path)
    second = client.get(path, {"before": str(first.context["next"])})
    shown = [row[0].pk for page in (first, second) for row in page.context["rows"]]
    assert len(shown) == AuditEntry.objects.filter(organization=acme).count() > 60
    assert shown == sorted(shown, reverse=True)
    assert second.context["next"] is None
    assert paging.newest_first(AuditEntry.objects.filter(organization=acme), size=50).next == first.context["next"]


def test_a_page_that_is_none_is_not_found(acme, alice, client_of):
    pages.get(client_of(alice), reverse("accounts:audit", args=[acme.public_id]) + "?before=x", status=404)


def test_an_entry_outlives_its_actor(acme, alice, mary, client_of):
    audit.record(acme, mary, "hook.created", "x")
    mary.delete()
    assert "<b>Mary</b> created the hook" in pages.get(
        client_of(alice), reverse("accounts:audit", args=[acme.public_id])
    )


def test_an_empty_log_says_what_comes(alice, client_of):
    space = alice.organizations.get(kind="personal")
    AuditEntry.objects.filter(organization=space).delete()
    html = pages.get(client_of(alice), reverse("accounts:audit", args=[space.public_id]))
    assert "Nothing has been changed yet" in html
