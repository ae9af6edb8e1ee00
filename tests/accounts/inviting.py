"""Helpers of the tests of invitations: sending one, and its mail and link."""

from __future__ import annotations

import re
from datetime import timedelta

from django.db.models import F

from notifications_project.accounts import invitations
from notifications_project.accounts.models import (
    AccountMail,
    AuditEntry,
    Invitation,
    Membership,
)

NEW = "nina@people.example"


def mails():
    """Return the mails that wait to be sent, oldest first."""
    return [mail.content for mail in AccountMail.objects.order_by("pk")]


def link(number: int = -1) -> str:
    found = re.search(r"http://localhost:8000(/invitations/[\w-]+/)", mails()[number]["text"])
    assert found
    assert found[1] in mails()[number]["html"]
    return found[1]


def invite(organization, email=NEW, role="developer", actor=None):
    actor = actor or organization.members.order_by("memberships__pk")[0]
    return invitations.invite(organization=organization, email=email, role=role, actor=actor)


def is_member(email, organization):
    return Membership.objects.filter(user__email=email, organization=organization).exists()


def last_entry(organization):
    entry = AuditEntry.objects.filter(organization=organization).latest("pk")
    return entry.action, entry.actor_name, entry.target


def earlier(**by):
    """Move the times of all mails into the past by a timedelta."""
    Invitation.objects.update(sent_at=F("sent_at") - timedelta(**by))
