"""Sentences that say why the rules, as they are now, do not tell somebody, or why a hook does not match."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext

from events import catalogue
from hooks.audience.choices import is_decided_by_hooks, list_kinds
from hooks.audience.recipients import Member, SkipReason
from hooks.explanations.facts import Facts, Kind, Person
from hooks.explanations.verdicts import name_channel, name_resources, name_scope
from hooks.models import Hook
from hooks.presentation.phrases import join_names
from hooks.routing import subjects


def explain_test() -> str:
    return gettext("A test goes only to what is tested.")


def explain_person(facts: Facts, person: Person, kind: str) -> str:
    """Return why the person is not told by this channel."""
    event = facts.event
    if event.is_test:
        return explain_test()
    if event.type not in catalogue.EVENT_TYPES:
        return _explain_unknown_type(event.type)
    member = person.member
    if member is None:
        return _explain_email(facts, person)
    if not person.is_active:
        return gettext("The account is deactivated.")
    if kind == Kind.EMAIL and subjects.find_subject_address(event) == person.address.lower():
        return gettext("The event is about this address, which the mail server refuses.")
    decision = facts.rules.choices.decide(member, event.type, kind, event.resource_id)
    if decision.chosen and not decision.on:
        return gettext("The member turned it off for %(scope)s.") % {"scope": name_scope(event, decision.by)}
    if kind == Kind.EMAIL:
        return _explain_email(facts, person)
    return _explain_channel(facts, member, kind, is_on=decision.on)


def explain_hook(facts: Facts, hook: Hook) -> str:
    """Return why the hook does not ask for the event."""
    event = facts.event
    if event.is_test:
        return explain_test()
    if not hook.enabled:
        return gettext("It is disabled, and matches nothing until it is enabled.")
    if event.type not in catalogue.EVENT_TYPES:
        return _explain_unknown_type(event.type)
    if hook.events is not None and event.type not in catalogue.expand(hook.events):
        if not hook.events:
            return gettext("It asks for no event at all.")
        names = join_names([catalogue.get_label(name) for name in hook.events])
        return gettext("It asks for other events: %(names)s.") % {"names": names}
    if not facts.rules.is_covered(hook, event):
        return _explain_restriction(facts, hook)
    if subjects.find_subject_hook(event) == hook.public_id:
        return gettext("An event about a hook is never sent to that hook.")
    return gettext("It does not ask for this.")


def _explain_unknown_type(name: str) -> str:
    return gettext("%(type)s is not in the catalogue, and nothing asks for an unknown type.") % {"type": name}


def _explain_restriction(facts: Facts, hook: Hook) -> str:
    names, resource = name_resources(hook), facts.event.resource
    if not names:
        return gettext("It matches nothing: it is restricted to applications and add-ons, and none of them is left.")
    if resource is None:
        return gettext("It is restricted to %(names)s, and this is about no application or add-on.") % {"names": names}
    about = {"names": names, "resource": resource.name}
    return gettext("It is restricted to %(names)s, and this is about %(resource)s.") % about


def _explain_channel(facts: Facts, member: Member, kind: str, *, is_on: bool) -> str:
    if kind not in list_kinds() and not settings.PUSH_CONFIGURED:
        return gettext("Pushes to iPhones and iPads are not configured here.")
    name = {"channel": name_channel(kind)}
    if (member.user_id, kind) not in facts.channels:
        if is_on:
            return gettext("%(channel)s is turned on, but not set up.") % name
        return gettext("%(channel)s is not set up.") % name
    return gettext("No device is registered any more.") if is_on else gettext("Not turned on for this.")


def _explain_email(facts: Facts, person: Person) -> str:
    """Return why no e-mail hook that names an address tells it; the default says nothing either."""
    naming = [hook for hook in facts.list_mailing() if facts.is_named(person, hook)]
    for hook in naming:
        if hook.pk in facts.asking and (silent := _explain_silence(facts, hook, person)):
            return silent
    for hook in naming:
        if not facts.rules.is_covered(hook, facts.event):
            about = {"hook": hook.name, "names": name_resources(hook)}
            if not about["names"]:
                return (
                    gettext("The hook “%(hook)s” is restricted to applications and add-ons, and none of them is left.")
                    % about
                )
            return gettext("The hook “%(hook)s” is restricted to %(names)s.") % about
    if person.membership is None:
        return gettext("No hook that asks for this names the address any more.")
    if is_decided_by_hooks(facts.event.type, Kind.EMAIL):
        return gettext("Such e-mails follow the e-mail hooks, and none that names this member asks for it.")
    if catalogue.EVENT_TYPES[facts.event.type].subject == catalogue.Subject.HOOK:
        return gettext("By default only administrators and managers are told about hooks.")
    return gettext("Such e-mails are off by default, and no hook that names this member asks for it.")


def _explain_silence(facts: Facts, hook: Hook, person: Person) -> str:
    match facts.rules.silence.find_reason(hook, person.address):
        case SkipReason.UNSUBSCRIBED:
            return gettext("The address unsubscribed from the hook “%(hook)s”.") % {"hook": hook.name}
        case SkipReason.UNCONFIRMED:
            return gettext("The address has not confirmed yet that it wants to be told.")
        case SkipReason.DEACTIVATED:
            return gettext("The address belongs to a user who was deactivated.")
    return ""
