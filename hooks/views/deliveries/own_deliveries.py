"""Pages of a user's own deliveries, of all organizations: the list of a channel, one delivery, sending again."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from hooks.channels import cards, channel_deliveries
from hooks.context import workers_running
from hooks.deliveries import digests, resending
from hooks.models import Channel, Delivery
from hooks.presentation import delivery_sentences
from hooks.views.channels.channels import find_channel
from hooks.views.deliveries.deliveries import described, send_again
from notifications_project import ids
from notifications_project.accounts.access import signed_in
from notifications_project.words import number

_LISTED = 50


@require_safe
@login_required
def index(request: HttpRequest, kind: str) -> HttpResponse:
    """List the last deliveries of one channel."""
    channel = find_channel(signed_in(request), kind)
    endpoints = {kind: channel_deliveries.endpoints_by_kind(channel.user).get(kind, [])}
    found = channel_deliveries.recent(channel.user, endpoints, _LISTED)[kind]
    rows = cards.lines(found, timezone.now(), lambda: workers_running(request))
    context = {"channel": channel, "kind": kind, "rows": rows, "most": len(rows) >= _LISTED}
    return render(request, "hooks/deliveries/channel_deliveries.html", context)


@require_safe
@login_required
def detail(request: HttpRequest, delivery: UUID) -> HttpResponse:
    """Show the organization's page of a delivery with everything on it: it is the user's own."""
    found = _find(request, delivery)
    context = described(request, found, secret=True) | {
        "reasons": delivery_sentences.describe_reasons(found.reasons, own=True),
        "target": cards.describe_target(found),
        "organization": found.organization,
        "own": True,
        "why_page": reverse("hooks:explain", args=[found.organization.public_id, found.event.public_id]) + "?who=me",
        "digest": digests.told_in(found),
        "redeliver_page": reverse("hooks:own-redeliver", args=[found.public_id]),
    }
    return render(request, "hooks/deliveries/delivery.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def redeliver(request: HttpRequest, delivery: UUID) -> HttpResponse:
    """Send the delivery again (POST). GET, to which signing in may return, leads to the delivery."""
    found = _find(request, delivery)
    if request.method == "POST":
        send_again(request, found)
    return redirect("hooks:own-delivery", found.public_id)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def redeliver_selected(request: HttpRequest, kind: str) -> HttpResponse:
    """Send the ticked deliveries again; lead back to the list."""
    if kind not in Channel.Kind.values:
        raise Http404("There is no such channel.")
    if request.method == "POST":
        _send_again(request)
    return redirect("hooks:channel-deliveries", kind)


def _send_again(request: HttpRequest) -> None:
    user = signed_in(request)
    wanted = [_id(text) for text in request.POST.getlist("delivery")]
    if not wanted:
        messages.info(request, gettext("Nothing was selected. Tick the deliveries to send again."))
        return
    mine = list(channel_deliveries.deliveries(user).filter(pk__in=wanted[: resending.MOST_AT_ONCE]))
    sent, refused = resending.redeliver_these(mine, user)
    if sent:
        words = ngettext("%(number)s delivery is on the way.", "%(number)s deliveries are on the way.", len(sent))
        messages.success(request, words % {"number": number(len(sent))})
    for why, count in Counter(refused.values()).items():
        words = ngettext(
            "%(number)s delivery was not sent again. %(reason)s",
            "%(number)s deliveries were not sent again. %(reason)s",
            count,
        )
        messages.error(request, words % {"number": number(count), "reason": why})


def _find(request: HttpRequest, pk: UUID) -> Delivery:
    """Return a delivery of the user. Raises Http404."""
    return get_object_or_404(channel_deliveries.loaded(channel_deliveries.deliveries(signed_in(request))), pk=pk)


def _id(text: str) -> UUID:
    try:
        return ids.decode(text, "dlv")
    except ValueError:
        raise Http404("No such id.") from None
