"""How events are told: of several wordings the first is taken whose values are all known, so the last one names none.

A sentence has no full stop: details in brackets and a reason may follow it.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Wordings = tuple[Promise, ...]


@dataclass(frozen=True)
class Words:
    """`what` follows the application's name: "front: deployment failed". It never begins with a value."""

    what: Wordings
    title: Wordings
    line: Wordings
    details: tuple[Wordings, ...] = ()


# What stands in brackets after a sentence, as far as it is known.
SOURCE = (
    _("commit %(commit)s of branch %(branch)s"),
    _("commit %(commit)s"),
    _("branch %(branch)s"),
)
DURATION = (_("in %(duration)s"),)
UNTIL_THEN = (_("after %(duration)s"),)
