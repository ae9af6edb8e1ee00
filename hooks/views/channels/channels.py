"""*Channels*: every way to reach who is signed in, how each is doing, and what one button does to it.

Signing in may return to one of the buttons by GET: that leads to the tab and does nothing.
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from events import catalogue
from hooks.channels import cards, services
from hooks.context import workers_running
from hooks.endpoints import devices
from hooks.endpoints.validation import InvalidRule
from hooks.models import Channel, NotificationSetting
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import EVERYTHING
from hooks.views.preferences import scopes
from hooks.views.preferences.cells import Cell
from notifications_project import one_time_secrets
from notifications_project.accounts.access import signed_in
from notifications_project.accounts.models import User


@require_safe
@login_required
def index(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    found = cards.cards(signed_in(request), now, lambda: workers_running(request))
    context = {
        "cards": found,
        "in_trouble": [card for card in found if card.trouble],
        "tabs": scopes.tabs(scopes.standing_of(request), EVERYTHING),
    }
    return render(request, "hooks/channels/channels.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def rotate_secret(request: HttpRequest, kind: str) -> HttpResponse:
    """Leads to the page that shows the new secret, this once."""
    channel = find_channel(signed_in(request), kind)
    if request.method != "POST":
        return redirect("hooks:channels")
    try:
        secret = services.rotate_secret(channel)
    except InvalidRule as problem:
        messages.error(request, " ".join(problem.errors.values()))
        return redirect("hooks:channels")
    leave_secret(request, channel, secret, created=False)
    return redirect("hooks:channel-secret", kind)


def leave_secret(request: HttpRequest, channel: Channel, secret: str, *, created: bool) -> None:
    """For the page that shows it: that one can be loaded again without doing anything again."""
    one_time_secrets.stash(request, channel.public_id, {"secret": secret, "created": created})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def enable(request: HttpRequest, kind: str) -> HttpResponse:
    """Put it to work again; of e-mail: have the user's address tried again where the mail server refused it."""
    user = signed_in(request)
    if request.method == "POST":
        channel = find_channel(user, kind)
        services.enable(channel)
        messages.success(request, f"{channel.get_kind_display()} is tried again, first with what has waited.")
    return redirect("hooks:channels")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def remove(request: HttpRequest, kind: str) -> HttpResponse:
    """GET says which settings go quiet, POST removes."""
    channel = find_channel(signed_in(request), kind)
    if kind not in services.WITH_ENDPOINT:
        raise Http404("It cannot be removed.")
    if request.method == "POST":
        try:
            services.remove(channel)
        except InvalidRule as problem:
            messages.error(request, " ".join(problem.errors.values()))
        else:
            messages.success(request, f"{channel.get_kind_display()} was removed.")
        return redirect("hooks:channels")
    going = services.removal_impact(channel)
    context = {
        "card": cards.card(channel, timezone.now()),
        "going": going,
        "quiet": [_in_words(setting) for setting in going.chosen],
    }
    return render(request, "hooks/channels/remove.html", context)


def _in_words(setting: NotificationSetting) -> str:
    """Return text such as "Process is down", for everything, or "Git push for shop"."""
    scope = setting.resource or setting.organization
    label = catalogue.get_label(setting.event_type)
    return f"{label} for {scope.name}" if scope else label


def find_channel(user: User, kind: str) -> Channel:
    """The user's own; e-mail is there without having been set up. Raises Http404."""
    if kind not in Channel.Kind.values:
        raise Http404("There is no such channel.")
    found = services.channels_of(user).get(kind)
    if found is None and kind != Channel.Kind.EMAIL:
        raise Http404("This channel is not set up.")
    channel = found or Channel(user=user, kind=kind)
    channel.user = user
    return channel


def turned_on(request: HttpRequest, cell: Cell) -> bool:
    """Turn on the cell that was clicked, and say so; or say why not."""
    if cell.kind == Channel.Kind.IOS and (explanation := devices.explanation()):
        messages.error(request, f"{cell.name} was not turned on. {explanation}")
        return False
    try:
        cell.turn_on(signed_in(request))
    except notification_settings.InvalidSetting as problem:
        messages.error(request, " ".join(problem.errors.values()))
        return False
    messages.success(request, f"{cell.name} is on.")
    return True
