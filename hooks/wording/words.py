"""The type of an entry in the tables of words. The first wording whose values are all known is used.

The last wording needs no values, so that there always is one.
A sentence has no full stop, as details in brackets and a reason may follow it.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Wordings = tuple[Promise, ...]


@dataclass(frozen=True)
class Words:
    """The wordings of an event type. `what` follows the application's name ("front: …"), so it begins with no value."""

    what: Wordings
    title: Wordings
    line: Wordings
    details: tuple[Wordings, ...] = ()


# Details that follow a sentence in brackets if they are known.
SOURCE = (
    _("commit %(commit)s of branch %(branch)s"),
    _("commit %(commit)s"),
    _("branch %(branch)s"),
)
DURATION = (_("in %(duration)s"),)
UNTIL_THEN = (_("after %(duration)s"),)
