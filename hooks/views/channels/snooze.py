"""*Snooze*: the page that silences channels, for a while or at certain hours of each day."""

from __future__ import annotations

from collections.abc import Callable
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
def show_snooze(request: HttpRequest) -> HttpResponse:
    """Serve one address with three forms: `do` says which was sent."""
    sent = request.POST.get("do", "") if request.method == "POST" else ""
    serve = _FORMS.get(sent, _show)
    return serve(request)


def _snooze(request: HttpRequest) -> HttpResponse:
    user = get_signed_in_user(request)
    form = _build_form(user, request.POST)
    if not form.is_valid():
        return _show(request, form)
    kinds, until = form.cleaned_data["channels"], form.end()
    try:
        services.snooze(user, kinds, until)
    except InvalidRule as problem:
        for name, message in problem.errors.items():
            form.add_error(name if name in form.fields else None, message)
        return _show(request, form)
    words = ngettext("%(channels)s is snoozed until %(time)s.", "%(channels)s are snoozed until %(time)s.", len(kinds))
    time = channels_cards.describe_time(until, user.time_zone, form.now)
    messages.success(request, words % {"channels": _join_labels(kinds), "time": time})
    return redirect("hooks:snooze")


def _end_snooze(request: HttpRequest) -> HttpResponse:
    """End the snooze of the chosen channel, or of all."""
    user = get_signed_in_user(request)
    snoozed = [channel.kind for channel in _list_channels(user) if channel.snoozed_until]
    kinds = [kind for kind in snoozed if request.POST.get("channel") in (kind, None)]
    if kinds:
        services.snooze(user, kinds, None)
        words = gettext("%(channels)s: the snooze is over. What waited arrives as one digest.")
        messages.success(request, words % {"channels": _join_labels(kinds)})
    return redirect("hooks:snooze")


def _set_hours(request: HttpRequest) -> HttpResponse:
    user = get_signed_in_user(request)
    forms = [HoursForm(request.POST, channel) for channel in _list_channels(user)]
    if not all(form.is_valid() for form in forms):
        return _show(request, hours=forms)
    changed = [form for form in forms if form.has_changed()]
    for form in changed:
        services.set_quiet_hours(user, form.channel.kind, form.get_hours())
    messages.success(request, gettext("Quiet hours are saved.") if changed else gettext("Nothing was changed."))
    return redirect("hooks:snooze")


def _show(request: HttpRequest, form: SnoozeForm | None = None, hours: list[HoursForm] | None = None) -> HttpResponse:
    """Show the page; `form` or `hours` is given if something in it is wrong."""
    user, now = get_signed_in_user(request), timezone.now()
    channels = _list_channels(user)
    cards = [channels_cards.build_card(channel, now) for channel in channels]
    context: dict[str, Any] = {
        "form": form or _build_form(user, None),
        "rows": list(zip(cards, hours or [HoursForm(None, channel) for channel in channels], strict=True)),
        "asleep": [card for card in cards if card.quiet],
        "zone": user.time_zone,
        "wrong_hours": bool(hours),
        "now": now,
    }
    return render(request, "hooks/channels/snooze.html", context, status=422 if form or hours else 200)


def _build_form(user: User, data: Any) -> SnoozeForm:
    kinds = [(channel.kind, channel.get_kind_display()) for channel in _list_channels(user)]
    return SnoozeForm(data, kinds=kinds, now=timezone.now(), zone=user.time_zone)


def _list_channels(user: User) -> list[Channel]:
    """Return the channels that can be silenced: e-mail, and those that are set up."""
    there = services.list_channels(user)
    email = there.pop(Channel.Kind.EMAIL, None) or Channel(user=user, kind=Channel.Kind.EMAIL)
    found = [email, *(there[kind] for kind in Channel.Kind.values if kind in there)]
    for channel in found:
        channel.user = user
    return found


def _join_labels(kinds: list[str]) -> str:
    return join_names([str(Channel.Kind(kind).label) for kind in kinds])


_FORMS: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "snooze": _snooze,
    "hours": _set_hours,
    "wake": _end_snooze,
}
