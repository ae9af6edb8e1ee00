"""Consequences of deleting a hook.

Recipients who stop getting e-mails, and those who keep getting them all the same.
"""

from __future__ import annotations

from typing import NamedTuple

from events import catalogue
from hooks.audience.choices import Choices
from hooks.audience.recipients import OptOuts, find_named_addresses, list_members
from hooks.models import Channel, Hook


class DeletionImpact(NamedTuple):
    """People, each counted once: `stop` getting what the hook asks for, `keep` getting all of it without the hook."""

    stop: int
    keep: int


def find_deletion_impact(hook: Hook) -> DeletionImpact:
    """Return the consequences of deleting an e-mail hook for the people it tells now; for no resource in particular."""
    if hook.kind != Hook.Kind.EMAIL:
        return DeletionImpact(0, 0)
    organization, members = hook.organization, list_members(hook.organization)
    told = {
        address.lower()
        for address in OptOuts.read(organization, [hook], members).find_told(hook, find_named_addresses(hook, members))
    }
    types = catalogue.expand(hook.events)
    choices = Choices.read(organization, types, members)
    keep = unwanted = 0
    for member in members:
        if member.email.lower() not in told:
            continue
        decisions = [choices.decide(member, name, Channel.Kind.EMAIL, None) for name in types]
        keep += all(decision.on for decision in decisions)
        unwanted += all(decision.chosen and not decision.on for decision in decisions)
    return DeletionImpact(len(told) - keep - unwanted, keep)
