"""Pages of a user's own deliveries, of all organizations: the list of a channel, one delivery, sending again."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from hooks.channels import cards, channel_deliveries
from hooks.context import has_running_workers
from hooks.deliveries import digests, resending
from hooks.models import Channel, Delivery
from hooks.presentation import delivery_sentences
from hooks.views.channels.channels import find_channel
from hooks.views.deliveries.deliveries import describe_delivery
from hooks.views.deliveries.redelivering import redeliver_one, report_redelivered
from notifications_project.accounts.access import get_signed_in_user
from notifications_project.not_found import decode_or_404

_LISTED = 50


@require_safe
@login_required
def index(request: HttpRequest, kind: str) -> HttpResponse:
    """List the last deliveries of one channel."""
    channel = find_channel(get_signed_in_user(request), kind)
    endpoints = {kind: channel_deliveries.find_endpoints_by_kind(channel.user).get(kind, [])}
    found = channel_deliveries.find_recent(channel.user, endpoints, _LISTED)[kind]
    rows = cards.build_lines(found, timezone.now(), lambda: has_running_workers(request))
    context = {"channel": channel, "kind": kind, "rows": rows, "most": len(rows) >= _LISTED}
    return render(request, "hooks/deliveries/channel_deliveries.html", context)


@require_safe
@login_required
def show_own_delivery(request: HttpRequest, delivery: UUID) -> HttpResponse:
    """Show the organization's page of a delivery with everything on it: it is the user's own."""
    found = _find(request, delivery)
    context = describe_delivery(request, found, secret=True) | {
        "reasons": delivery_sentences.describe_reasons(found.reasons, own=True),
        "target": cards.describe_target(found),
        "organization": found.organization,
        "own": True,
        "why_page": reverse("hooks:explain", args=[found.organization.public_id, found.event.public_id]) + "?who=me",
        "digest": digests.find_digest_id(found),
        "redeliver_page": reverse("hooks:own-redeliver", args=[found.public_id]),
    }
    return render(request, "hooks/deliveries/delivery.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def redeliver(request: HttpRequest, delivery: UUID) -> HttpResponse:
    """Send the delivery again (POST). GET, to which signing in may return, leads to the delivery."""
    found = _find(request, delivery)
    if request.method == "POST":
        redeliver_one(request, found)
    return redirect("hooks:own-delivery", found.public_id)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def redeliver_selected(request: HttpRequest, kind: str) -> HttpResponse:
    """Send the ticked deliveries again; lead back to the list."""
    if kind not in Channel.Kind.values:
        raise Http404("There is no such channel.")
    if request.method == "POST":
        _redeliver(request)
    return redirect("hooks:channel-deliveries", kind)


def _redeliver(request: HttpRequest) -> None:
    wanted = [decode_or_404(text, "dlv") for text in request.POST.getlist("delivery")]
    mine = channel_deliveries.list_deliveries(get_signed_in_user(request)).filter(
        pk__in=wanted[: resending.MOST_AT_ONCE]
    )
    report_redelivered(request, *resending.redeliver_these(list(mine), get_signed_in_user(request)))


def _find(request: HttpRequest, pk: UUID) -> Delivery:
    """Return a delivery of the user. Raises Http404."""
    return get_object_or_404(
        channel_deliveries.load_related(channel_deliveries.list_deliveries(get_signed_in_user(request))), pk=pk
    )
