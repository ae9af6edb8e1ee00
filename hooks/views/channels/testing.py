"""The page that tests a channel: it sends a real test event through the real workers and shows the result."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from events import catalogue
from hooks.channels import cards, channel_deliveries
from hooks.deliveries import test_sends
from hooks.endpoints import devices, lookup
from hooks.models import Channel, Delivery, Device, Endpoint
from hooks.presentation import hook_sentences
from hooks.preview.preview import choose_first_type
from hooks.views.channels.channels import find_channel
from hooks.views.manage.testing import describe_result
from hooks.views.preferences.cells import parse_cell
from notifications_project import ids
from notifications_project.accounts.access import get_signed_in_user
from notifications_project.accounts.models import User
from notifications_project.accounts.organizations import ensure_personal_space
from notifications_project.fragments import is_fragment


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def test(request: HttpRequest, kind: str) -> HttpResponse:
    """Offer the test and, with `?delivery=`, show its result (GET; to htmx only the result), or send one (POST)."""
    user = get_signed_in_user(request)
    channel = find_channel(user, kind)
    cell, problem = parse_cell(request, kind), ""
    chosen = request.POST.get("event_type") or (cell.event_type if cell else choose_first_type([]))
    if request.method == "POST":
        try:
            delivery = test_sends.send_endpoint_test(
                _choose_endpoint(user, channel, request.POST.get("device", "")), chosen, user
            )
        except test_sends.CannotTest as refused:
            problem = str(refused)
        else:
            query = f"{cell.query}&" if cell else "?"
            return HttpResponseRedirect(f"{request.path}{query}delivery={delivery.public_id}")
    context = {
        "card": cards.build_card(channel, timezone.now()),
        "kind": kind,
        "types": catalogue.group_by_category(),
        "chosen": chosen,
        "problem": problem,
        "cell": cell,
        "explanation": devices.explain_no_push() if kind == Channel.Kind.IOS else "",
    } | read_result(request, channel)
    fragment = is_fragment(request) and "result" in context
    return render(request, "hooks/manage/_test_result.html" if fragment else "hooks/channels/test.html", context)


def read_result(request: HttpRequest, channel: Channel) -> dict[str, Any]:
    """Return the result of the test of a channel that the address names with `delivery`. Raises Http404."""
    wanted = request.GET.get("delivery")
    if not wanted:
        return {}
    try:
        mine = channel_deliveries.list_deliveries(channel.user).filter(
            pk=ids.decode(wanted, "dlv"), event__is_test=True, hook=None
        )
    except ValueError:
        raise Http404("No such delivery.") from None
    delivery = channel_deliveries.load_related(mine).first()
    if delivery is None or not _is_of(delivery, channel):
        raise Http404("This delivery is no test of this channel.")
    endpoint = delivery.endpoint if channel.endpoint_id else None
    return describe_result(
        request,
        delivery,
        enables=hook_sentences.describe_enabling_of(str(channel.get_kind_display()), endpoint, delivery),
        delivery_page=reverse("hooks:own-delivery", args=[delivery.public_id]),
        result_page=f"{reverse('hooks:channel-test', args=[channel.kind])}?delivery={delivery.public_id}",
    )


def _is_of(delivery: Delivery, channel: Channel) -> bool:
    if channel.endpoint_id:
        return delivery.endpoint_id == channel.endpoint_id
    kind = Endpoint.Kind.EMAIL if channel.kind == Channel.Kind.EMAIL else Endpoint.Kind.DEVICE
    return delivery.endpoint.kind == kind


def _choose_endpoint(user: User, channel: Channel, device: str) -> Endpoint:
    """Return where the test goes: of several devices to the chosen one. Raises CannotTest."""
    if channel.endpoint:
        return channel.endpoint
    if channel.kind == Channel.Kind.EMAIL:
        return lookup.get_or_create_mail_endpoint(ensure_personal_space(user), user.email)
    mine = Device.objects.filter(user=user).select_related("endpoint__organization").order_by("name", "pk")
    found = next((each for each in mine if not device or each.public_id == device), None)
    if found is None:
        raise test_sends.CannotTest(
            gettext("Choose one of your devices.") if device else gettext("There is no device yet.")
        )
    return found.endpoint
