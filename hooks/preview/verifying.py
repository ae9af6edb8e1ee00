"""Asking a service whether a token is valid, without posting anything there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from hooks.endpoints.validation import find_destination_problem, read_url
from hooks.formats import FORMATS
from hooks.formats.base import get_authorities
from hooks.models import Channel, Hook
from hooks.preview.preview import Draft
from hooks.transports import http
from notifications_project.accounts import audit
from notifications_project.accounts.models import User
from notifications_project.accounts.organizations import ensure_personal_space
from notifications_project.masking import find_secrets, mask_options, mask_to_host, replace_secrets
from notifications_project.runtime.waiting import Seats, release_database

_seats = Seats(each=3, total=20)


def can_be_verified(hook: Hook) -> bool:
    """Return True if the hook's service can be asked."""
    return hook.endpoint is not None and can_verify(hook.endpoint.format)


def can_verify(format: str) -> bool:
    """Return True if the service of a format can be asked."""
    known = FORMATS.get(format)
    return known is not None and known.can_verify()


def verify(format: str, address: str, options: Mapping[str, Any], owner: str = "") -> tuple[bool, str]:
    """Ask the service about a token. Return True if it accepts it, and its answer in words without any secret.

    Takes as long as the service does, `DELIVERY_TIMEOUT` at the most: call it in no transaction. Stores nothing.
    `owner`: the organization that asks.
    """
    known = FORMATS.get(format)
    if known is None or not known.can_verify():
        return False, gettext("This format has no token that could be verified.")
    address = address or known.default_url
    address, problem = read_url(address)
    problem = problem or find_destination_problem(address, format, options)
    problems = [*known.check_options(options).values(), *problem.values()]
    if problems:
        return False, " ".join(problems)
    message = known.build_verification(options, address)
    if message is None:
        return False, gettext("There is no token yet.")
    hidden = find_secrets(address) | mask_options(known.select_secret_options(options))
    with release_database():
        answer = http.ask(message, hidden, owner, get_authorities(options))
    verified, words = known.judge_verification(answer)
    return verified, replace_secrets(words, hidden)


def verify_draft(draft: Draft, actor: User, owner: str) -> tuple[bool, str]:
    """Call `verify` for a person who may have so many running at once. Raises Busy."""
    with _seats.take(actor.pk):
        return verify(draft.format, draft.address, draft.options, owner)


def verify_channel(channel: Channel, draft: Draft) -> tuple[bool, str]:
    """Verify the token of a user's channel, as it is saved or as it stands in its form."""
    verified, words = verify_draft(draft, channel.user, str(channel.user.pk))
    space = ensure_personal_space(channel.user)
    told = {"url": mask_to_host(draft.address), "accepted": verified}
    audit.record(space, channel.user, "channel.token_verified", channel.english_name, **told)
    return verified, words


def verify_hook(hook: Hook, actor: User, draft: Draft) -> tuple[bool, str]:
    """Verify the token of a hook as it is saved or as it stands in its form. The audit log says who asked where."""
    verified, words = verify_draft(draft, actor, hook.organization.public_id)
    told = {"url": mask_to_host(draft.address), "accepted": verified}
    audit.record(hook.organization, actor, "hook.token_verified", hook.name, **told)
    return verified, words
