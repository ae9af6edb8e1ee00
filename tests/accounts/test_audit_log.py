"""The audit log page: newest first, in words, in pages."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.html import strip_tags

from notifications_project import paging
from notifications_project.accounts import audit, organizations
from notifications_project.accounts.audit_words import has_sentence, write_particulars, write_sentence
from notifications_project.accounts.models import AuditEntry
from tests import pages

BASE_DIR = settings.BASE_DIR
pytestmark = pytest.mark.django_db


CONSTANT = re.compile(r"""audit\.record\(.{0,120}?"([a-z_]+\.[a-z_]+)\"""", re.DOTALL)
COMPOSED = (
    *(f"{kind}.{done}" for kind in ("addon", "application") for done in ("added", "archived", "renamed", "restored")),
    *(f"channel.{done}" for done in ("awake", "quiet_hours_ended", "quiet_hours_set", "snoozed", "tested")),
    *(f"invitation.{done}" for done in ("accepted", "declined", "revoked")),
    "device.tested",
    "member.left",
    "member.email_changed",
    "user.email_changed",
)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("hook.created", "Ada created the hook Ops"),
        ("hook.secret_rotated", "Ada made a new secret for the hook Ops"),
        ("member.role_changed", "Ada changed the role of Ops"),
        ("addon.archived", "Ada archived the add-on Ops"),
        ("token.revoked", "Ada revoked the API token Ops"),
        ("gadget.put_away", "Ada changed Ops (gadget.put_away)"),
    ],
)
def test_entries_read_as_sentences(action, words):
    entry = AuditEntry(actor_name="Ada", action=action, target="Ops")
    assert strip_tags(write_sentence(entry)) == words


def test_settings_for_everything_are_named_in_the_language_of_the_page():
    entry = AuditEntry(actor_name="Ada", action="notification_settings.changed", target="everything")
    assert strip_tags(write_sentence(entry)) == "Ada changed the notification settings for everything"
    with translation.override("fr"):
        assert strip_tags(write_sentence(entry)).endswith("tout")


def test_every_action_has_a_sentence():
    sources = [
        path for name in ("hooks", "events", "notifications_project") for path in (BASE_DIR / name).rglob("*.py")
    ]
    recorded = {action for path in sources for action in CONSTANT.findall(path.read_text())}
    assert {"hook.created", "token.revoked", "device.renamed"} <= recorded
    assert [action for action in sorted(recorded | set(COMPOSED)) if not has_sentence(action)] == []


def test_sentences_are_in_the_language_of_the_page():
    changed = AuditEntry(actor_name="Ada", action="member.role_changed", target="Grace")
    changed.detail = {"before": "developer", "after": "admin"}
    disabled = AuditEntry(actor_name="system", action="hook.disabled", target="Ops")
    with translation.override("fr"):
        assert strip_tags(write_sentence(changed)) == "Ada a modifié le rôle de Grace"
        assert write_particulars(changed) == "de Développeur à Administrateur"
        assert strip_tags(write_sentence(disabled)) == "Système a désactivé le hook Ops"


def test_details_read_as_words():
    def words(**detail):
        return write_particulars(AuditEntry(detail=detail))

    assert words() == ""
    assert words(before="developer", after="admin") == "from Developer to Administrator"
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
    assert paging.get_page(AuditEntry.objects.filter(organization=acme), size=50).next == first.context["next"]


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
