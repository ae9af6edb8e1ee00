"""*Snooze*: the page that silences channels, for a while or at certain hours of each day."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods

from hooks.channels import cards as channels_cards
from hooks.channels import services
from hooks.endpoints.validation import InvalidRule
from hooks.forms.channels import HoursForm, SnoozeForm
from hooks.models import Channel
from hooks.presentation.phrases import join_names
from notifications_project.accounts.access import get_signed_in_user
from notifications_project.accounts.models import User


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def snooze(request: HttpRequest) -> HttpResponse:
    """Serve one address with three forms: `do` says which was sent (snooze, wake, hours)."""
    user, now = get_signed_in_user(request), timezone.now()
    mine = _silenceable(user)
    sent = request.POST.get("do") if request.method == "POST" else None
    kinds = [(channel.kind, channel.get_kind_display()) for channel in mine]
    form = SnoozeForm(request.POST if sent == "snooze" else None, kinds=kinds, now=now, zone=user.time_zone)
    hours = [HoursForm(request.POST if sent == "hours" else None, channel) for channel in mine]
    if (
        (sent == "snooze" and form.is_valid() and _snoozed(request, user, form))
        or (sent == "hours" and all(each.is_valid() for each in hours) and _hours_set(request, user, hours))
        or (sent == "wake" and _woken(request, user, mine))
    ):
        return redirect("hooks:snooze")
    cards = [channels_cards.build_card(channel, now) for channel in mine]
    wrong = bool(form.errors or any(each.errors for each in hours))
    context: dict[str, Any] = {
        "form": form,
        "rows": list(zip(cards, hours, strict=True)),
        "asleep": [card for card in cards if card.quiet],
        "zone": user.time_zone,
        "wrong_hours": sent == "hours" and wrong,
        "now": now,
    }
    return render(request, "hooks/channels/snooze.html", context, status=422 if wrong else 200)


def _silenceable(user: User) -> list[Channel]:
    """Return the channels that can be silenced: e-mail, and those that are set up."""
    there = services.list_channels(user)
    email = there.pop(Channel.Kind.EMAIL, None) or Channel(user=user, kind=Channel.Kind.EMAIL)
    found = [email, *(there[kind] for kind in Channel.Kind.values if kind in there)]
    for channel in found:
        channel.user = user
    return found


def _snoozed(request: HttpRequest, user: User, form: SnoozeForm) -> bool:
    kinds, until = form.cleaned_data["channels"], form.end()
    try:
        services.silence(user, kinds, snooze=(until,))
    except InvalidRule as problem:
        for name, message in problem.errors.items():
            form.add_error(name if name in form.fields else None, message)
        return False
    words = ngettext("%(channels)s is snoozed until %(time)s.", "%(channels)s are snoozed until %(time)s.", len(kinds))
    time = channels_cards.describe_time(until, user.time_zone, form.now)
    messages.success(request, words % {"channels": _named(kinds), "time": time})
    return True


def _woken(request: HttpRequest, user: User, mine: list[Channel]) -> bool:
    """End the snooze of the chosen channel, or of all."""
    there = [channel.kind for channel in mine if channel.snoozed_until]
    kinds = [kind for kind in there if request.POST.get("channel") in (kind, None)]
    if kinds:
        services.silence(user, kinds, snooze=(None,))
        words = gettext("%(channels)s: the snooze is over. What waited arrives as one digest.")
        messages.success(request, words % {"channels": _named(kinds)})
    return True


def _hours_set(request: HttpRequest, user: User, forms: list[HoursForm]) -> bool:
    changed = [form for form in forms if form.has_changed()]
    for form in changed:
        services.silence(user, [form.channel.kind], hours=(form.get_hours(),))
    messages.success(request, gettext("Quiet hours are saved.") if changed else gettext("Nothing was changed."))
    return True


def _named(kinds: list[str]) -> str:
    return join_names([str(Channel.Kind(kind).label) for kind in kinds])
