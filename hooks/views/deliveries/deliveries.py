"""Every delivery of an organization: the list, and one with all its attempts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from events import catalogue
from events.models import Event
from events.presentation import write_event_title
from hooks.context import has_running_workers
from hooks.deliveries import privacy, resending
from hooks.messages import Verdict
from hooks.models import Attempt, Delivery, Endpoint, Hook
from hooks.presentation import delivery_lists, delivery_sentences, phrases
from hooks.views.deliveries.attempts import build_curl, describe_attempt, indent_body
from hooks.views.deliveries.redelivering import redeliver_one, report_redelivered
from hooks.views.manage.finding import find_delivery, has_permission
from hooks.views.manage.lists import counts_by_kind
from notifications_project import ids
from notifications_project.accounts.access import OrganizationRequest, organization_page
from notifications_project.accounts.models import Organization, User
from notifications_project.accounts.roles import Permission
from notifications_project.not_found import decode_or_404
from notifications_project.paging import get_page
from notifications_project.refusals import report_refusal

_MOST_ATTEMPTS = 50
_MOST_HOOKS = 500  # offered in the filter


@require_safe
@organization_page()
def index(request: OrganizationRequest) -> HttpResponse:
    state, hook, event = (request.GET.get(name, "") for name in ("state", "hook", "event"))
    unknown = bool(state) and state not in Delivery.State.values
    about = _find_event(request.organization, event) if event else None
    found = delivery_lists.list_deliveries(
        request.organization,
        state=state,
        hook=decode_or_404(hook, "hook") if hook else None,
        event=about.pk if about else None,
    )
    if unknown:
        found = found.none()
    before = request.GET.get("before")
    loaded = (
        delivery_lists.load_back_off(found)
        .select_related("event__resource", "endpoint", "hook")
        .defer("endpoint__secrets")
    )
    page = get_page(loaded, decode_or_404(before, "dlv") if before else None)
    now, private = timezone.now(), privacy.find_owners(page.items)
    context = {
        "organization": request.organization,
        "rows": [
            _line(
                delivery,
                now,
                request.user,
                lambda: has_running_workers(request),
                private.get(delivery.pk, ""),
            )
            for delivery in page.items
        ],
        "again": _get_redelivering_page(request) if has_permission(request, Permission.TEST_HOOKS) else "",
        "next": ids.encode("dlv", page.next) if page.next else None,
        "before": before,
        "state": state,
        "unknown_state": unknown,
        "states": [(each.value, delivery_sentences.make_delivery_badge(each).word) for each in Delivery.State],
        "counts": counts_by_kind(request.organization),
        "hook": hook,
        "event": about,
        "event_title": write_event_title(about) if about else "",
        "hooks": Hook.objects.existing().filter(organization=request.organization).order_by("name")[:_MOST_HOOKS],
    }
    return render(request, "hooks/deliveries/deliveries.html", context)


def _get_redelivering_page(request: OrganizationRequest) -> str:
    """Return where the selected deliveries are sent again; its query leads back to the same list."""
    page = reverse("hooks:redeliver-selected", args=[request.organization.public_id])
    return f"{page}?{request.GET.urlencode()}" if request.GET else page


@require_safe
@organization_page()
def show_delivery(request: OrganizationRequest, delivery: UUID) -> HttpResponse:
    found = find_delivery(request.organization, delivery)
    if privacy.is_private(found):
        return _show_private(request, found)
    page = reverse("hooks:explain", args=[request.organization.public_id, found.event.public_id])
    is_mail = found.endpoint.kind == Endpoint.Kind.EMAIL
    context = describe_delivery(request, found, secret=has_permission(request, Permission.MANAGE_HOOKS)) | {
        "organization": request.organization,
        "why_page": f"{page}?{urlencode({'q': found.endpoint.address})}" if is_mail else page,
        "redeliver_page": reverse("hooks:redeliver", args=[request.organization.public_id, found.public_id])
        if has_permission(request, Permission.TEST_HOOKS)
        else "",
    }
    return render(request, "hooks/deliveries/delivery.html", context)


def _show_private(request: OrganizationRequest, delivery: Delivery) -> HttpResponse:
    """A delivery to a member's own channel, as others may see it."""
    context = {
        "organization": request.organization,
        "delivery": delivery,
        "badge": delivery_sentences.make_delivery_badge(delivery.state),
        "state": privacy.describe_state(delivery),
        "label": catalogue.get_label(delivery.event.type),
        "target": privacy.find_owners([delivery])[delivery.pk],
        "reasons": delivery_sentences.describe_reasons(delivery.reasons),
        "mine": privacy.is_owner(delivery, request.user),
    }
    return render(request, "hooks/deliveries/delivery_private.html", context)


def describe_delivery(request: HttpRequest, found: Delivery, *, secret: bool) -> dict[str, Any]:
    """Everything about a delivery, for its page. `secret`: whether who looks may read whole addresses."""
    attempts = list(found.attempts.order_by("-pk")[:_MOST_ATTEMPTS])
    last: Attempt | None = attempts[0] if attempts else None
    now = timezone.now()
    return {
        "delivery": found,
        "badge": delivery_sentences.make_delivery_badge(found.state),
        "state": delivery_sentences.describe_state(found, now, lambda: has_running_workers(request)),
        "next_try": next_try if (next_try := delivery_sentences.find_next_try(found, now)) and next_try > now else None,
        "label": catalogue.get_label(found.event.type),
        "target": target(found),
        "reasons": delivery_sentences.describe_reasons(found.reasons),
        "attempts": [describe_attempt(found, attempt) for attempt in attempts],
        "last": describe_attempt(found, last) if last else None,
        "advice": delivery_sentences.give_advice(last.code, found.endpoint.kind)
        if last and last.verdict != Verdict.DELIVERED
        else "",
        # What a format has not written yet cannot be shown; a raw body is the event's own.
        "sent": found.endpoint.format == "raw" or bool(last and "body" in last.request),
        "body": indent_body(
            last.request.get("body", found.event.representation) if last else found.event.representation
        ),
        "curl": build_curl(found, last) if last and secret and found.endpoint.kind == Endpoint.Kind.WEBHOOK else "",
        "address": phrases.show_address(found.endpoint, secret=secret),
        "again": _name_retry(found),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.TEST_HOOKS)
def redeliver(request: OrganizationRequest, delivery: UUID) -> HttpResponse:
    """POST sends again; GET, to which signing in may return, leads to the delivery."""
    found = find_delivery(request.organization, delivery)
    if request.method != "POST":
        return redirect("hooks:delivery", request.organization.public_id, found.public_id)
    redeliver_one(request, found)
    return redirect("hooks:delivery", request.organization.public_id, found.public_id)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.TEST_HOOKS)
def redeliver_selected(request: OrganizationRequest) -> HttpResponse:
    """Send the ticked deliveries again; lead back to the list as it was filtered."""
    query = request.GET.urlencode()
    back = redirect(reverse("hooks:deliveries", args=[request.organization.public_id]) + (f"?{query}" if query else ""))
    if request.method != "POST":
        return back
    wanted = [decode_or_404(text, "dlv") for text in request.POST.getlist("delivery")]
    with report_refusal(request, resending.CannotRedeliver):
        sent, refused = resending.redeliver_many(request.organization, wanted, request.user)
        report_redelivered(request, sent, refused)
    return back


def target(delivery: Delivery) -> str:
    """To whom, in the title of a delivery: the hook's name for a webhook, the address for an e-mail."""
    if delivery.endpoint.kind == Endpoint.Kind.EMAIL or delivery.hook is None:
        return phrases.show_address(delivery.endpoint)
    return delivery.hook.name


def _name_retry(delivery: Delivery) -> str:
    """Return the label of the button for another try; empty if there can be none."""
    if delivery.endpoint.deleted_at:
        return ""
    return gettext("Retry now") if delivery.state == Delivery.State.PENDING else gettext("Redeliver")


def _line(
    delivery: Delivery, now: datetime, user: User, workers: Callable[[], bool], private: str
) -> dict[str, object]:
    """`private`: whose own channel it goes to, if it does."""
    return {
        "delivery": delivery,
        "badge": delivery_sentences.make_delivery_badge(delivery.state),
        "state": privacy.describe_state(delivery)
        if private
        else delivery_sentences.describe_state(delivery, now, workers),
        "label": catalogue.get_label(delivery.event.type),
        "target": private or target(delivery),
        "locked": bool(private) and not privacy.is_owner(delivery, user),
    }


def _find_event(organization: Organization, text: str) -> Event:
    return get_object_or_404(
        Event.objects.select_related("resource"), organization=organization, pk=decode_or_404(text, "evt")
    )
