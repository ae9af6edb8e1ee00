"""The Test button: a real test event through the real workers, and what came of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from events import catalogue
from hooks.context import has_running_workers
from hooks.deliveries import test_sends
from hooks.endpoints.webhooks import has_lost_url
from hooks.formats import FORMATS
from hooks.manage import rules
from hooks.messages import Verdict
from hooks.models import Attempt, Delivery, Hook
from hooks.presentation import delivery_sentences, hook_rows, hook_sentences
from hooks.preview.preview import choose_first_type
from hooks.preview.verifying import can_be_verified
from hooks.views.deliveries.attempts import Shown, describe_attempt
from hooks.views.manage.finding import find_delivery, find_hook
from notifications_project import ids
from notifications_project.accounts.access import OrganizationRequest, organization_page
from notifications_project.accounts.roles import Permission
from notifications_project.fragments import is_fragment


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.TEST_HOOKS)
@never_cache
def test(request: OrganizationRequest, hook: UUID) -> HttpResponse:
    """GET offers the test and, with `?delivery=`, shows its result (only the result to htmx).

    POST sends one of the chosen type, or of the usual one if none was chosen: then one button does it.
    """
    found = find_hook(request.organization, hook)
    problem = ""
    if request.method == "POST":
        chosen = request.POST.get("event_type") or choose_first_type(found.events)
        try:
            delivery = test_sends.send_hook_test(found, chosen, request.user)
        except test_sends.CannotTest as refused:
            problem = str(refused)
        else:
            here = reverse("hooks:test", args=[request.organization.public_id, found.public_id])
            return redirect(f"{here}?delivery={delivery.public_id}")
    context = {
        "organization": request.organization,
        "hook": found,
        "row": hook_rows.build_row(found, timezone.now()),
        "secret_lost": rules.has_lost_secret(found),
        "url_lost": has_lost_url(found.endpoint),
        "types": catalogue.group_by_category(),
        "chosen": request.POST.get("event_type") or choose_first_type(found.events),
        "problem": problem,
        "verifiable": FORMATS[found.endpoint.format].label if found.endpoint and can_be_verified(found) else "",
    } | _read_result(request, found)
    fragment = is_fragment(request) and "result" in context
    return render(request, "hooks/manage/_test_result.html" if fragment else "hooks/manage/test.html", context)


def _read_result(request: OrganizationRequest, hook: Hook) -> dict[str, Any]:
    asked = request.GET.get("delivery")
    if not asked:
        return {}
    try:
        delivery = find_delivery(request.organization, ids.decode(asked, "dlv"))
    except ValueError:
        raise Http404("No such delivery.") from None
    if delivery.hook_id != hook.pk or not delivery.event.is_test:
        raise Http404("This delivery is no test of this hook.")
    return describe_result(
        request,
        delivery,
        enables=hook_sentences.describe_enabling(delivery, hook),
        delivery_page=reverse("hooks:delivery", args=[request.organization.public_id, delivery.public_id]),
        result_page=request.get_full_path(),
    )


def describe_result(
    request: HttpRequest, delivery: Delivery, *, enables: str, delivery_page: str, result_page: str
) -> dict[str, Any]:
    """Return the result of a test, for `_test_result.html`.

    `enables`: what it means for an endpoint that was disabled.
    """
    attempt: Attempt | None = delivery.attempts.order_by("-pk").first()
    result: Shown | None = describe_attempt(delivery, attempt) if attempt else None
    waiting = attempt is None and delivery.state == Delivery.State.PENDING
    no_mail, no_push = (
        delivery_sentences.is_without_mail_server(delivery),
        delivery_sentences.is_without_push_key(delivery),
    )
    return {
        "result": True,
        "delivery": delivery,
        "attempt": result,
        "waiting": waiting,
        "enables": enables,
        "enables_tone": "good" if delivery.state == Delivery.State.DELIVERED else "info" if waiting else "",
        "no_worker": waiting and not no_mail and not no_push and not has_running_workers(request),
        "no_mail": waiting and no_mail,
        "no_push": waiting and no_push,
        "advice": delivery_sentences.give_advice(attempt.code, delivery.endpoint.kind)
        if attempt and attempt.verdict != Verdict.DELIVERED
        else "",
        "delivery_page": delivery_page,
        "result_page": result_page,
    }
