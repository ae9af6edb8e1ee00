"""*Channels*: the page with every way to reach the signed-in user, its state, and its buttons.

Signing in may return to one of the buttons by GET: that leads to the tab and does nothing.
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from events import catalogue
from hooks.channels import cards, services
from hooks.context import has_running_workers
from hooks.endpoints import devices
from hooks.endpoints.validation import InvalidRule
from hooks.models import Channel, NotificationSetting
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import EVERYTHING
from hooks.views.preferences import scopes
from hooks.views.preferences.cells import Cell
from notifications_project import one_time_secrets
from notifications_project.accounts.access import get_signed_in_user
from notifications_project.accounts.models import User
from notifications_project.refusals import report_refusal


@require_safe
@login_required
def index(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    found = cards.list_cards(get_signed_in_user(request), now, lambda: has_running_workers(request))
    context = {
        "cards": found,
        "in_trouble": [card for card in found if card.trouble],
        "tabs": scopes.list_tabs(scopes.read_effective_settings(request), EVERYTHING),
    }
    return render(request, "hooks/channels/channels.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def rotate_secret(request: HttpRequest, kind: str) -> HttpResponse:
    """Make a new secret and lead to the page that shows it, this once."""
    channel = find_channel(get_signed_in_user(request), kind)
    if request.method != "POST":
        return redirect("hooks:channels")
    try:
        secret = services.rotate_secret(channel)
    except InvalidRule as problem:
        messages.error(request, problem.describe())
        return redirect("hooks:channels")
    leave_secret(request, channel, secret, created=False)
    return redirect("hooks:channel-secret", kind)


def leave_secret(request: HttpRequest, channel: Channel, secret: str, *, created: bool) -> None:
    """Keep a secret for the page that shows it once; loading that page again does nothing again."""
    one_time_secrets.stash(request, channel.public_id, {"secret": secret, "created": created})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def enable(request: HttpRequest, kind: str) -> HttpResponse:
    """Enable a channel again; for e-mail, try the user's address again where the mail server refused it."""
    user = get_signed_in_user(request)
    if request.method == "POST":
        channel = find_channel(user, kind)
        services.enable(channel)
        messages.success(
            request,
            gettext("%(channel)s is tried again. What waited is sent first.") % {"channel": channel.get_kind_display()},
        )
    return redirect("hooks:channels")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def remove(request: HttpRequest, kind: str) -> HttpResponse:
    """Show which settings stop having an effect (GET), or remove the channel (POST)."""
    channel = find_channel(get_signed_in_user(request), kind)
    if kind not in services.WITH_ENDPOINT:
        raise Http404("It cannot be removed.")
    if request.method == "POST":
        with report_refusal(request, InvalidRule):
            services.remove(channel)
            messages.success(request, gettext("%(channel)s was removed.") % {"channel": channel.get_kind_display()})
        return redirect("hooks:channels")
    going = services.find_removal_impact(channel)
    context = {
        "card": cards.build_card(channel, timezone.now()),
        "going": going,
        "quiet": [_describe_choice(setting) for setting in going.chosen],
    }
    return render(request, "hooks/channels/remove.html", context)


def _describe_choice(setting: NotificationSetting) -> str:
    """Return text such as "Process is down", for everything, or "Git push for shop"."""
    scope = setting.resource or setting.organization
    label = catalogue.get_label(setting.event_type)
    return gettext("%(event)s for %(scope)s") % {"event": label, "scope": scope.name} if scope else label


def find_channel(user: User, kind: str) -> Channel:
    """Return the user's channel of a kind; e-mail exists without being set up. Raises Http404."""
    if kind not in Channel.Kind.values:
        raise Http404("There is no such channel.")
    found = services.list_channels(user).get(kind)
    if found is None and kind != Channel.Kind.EMAIL:
        raise Http404("This channel is not set up.")
    channel = found or Channel(user=user, kind=kind)
    channel.user = user
    return channel


def turn_on_cell(request: HttpRequest, cell: Cell) -> bool:
    """Turn on the cell that was clicked, and say so; or say why not."""
    if cell.kind == Channel.Kind.IOS and (explanation := devices.explain_no_push()):
        messages.error(
            request,
            gettext("%(setting)s was not turned on. %(reason)s") % {"setting": cell.name, "reason": explanation},
        )
        return False
    try:
        cell.turn_on(get_signed_in_user(request))
    except notification_settings.InvalidSetting as problem:
        messages.error(request, problem.describe())
        return False
    messages.success(request, gettext("%(setting)s is on.") % {"setting": cell.name})
    return True
