"""The Inbox receives webhooks over real HTTP, and shows them and the e-mails."""

from __future__ import annotations

import hashlib
from time import sleep
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from hooks.models import Delivery
from notifications_project import ids
from notifications_project.accounts.context import find_current_membership
from notifications_project.accounts.roles import Permission, allows
from notifications_project.fragments import is_fragment
from notifications_project.inbox import reading, receiving
from notifications_project.inbox.models import Box, Message

FIRST_BOX = "demo"
LARGEST_BODY = 1024 * 1024
SLOWNESS = 20.0
RETRY_AFTER = 30
SHOWN = 50
TABS = {"": _("All"), Message.Kind.WEBHOOK: _("Webhooks"), Message.Kind.EMAIL: _("E-mails")}


@csrf_exempt
def serve_box(request: HttpRequest, name: str) -> HttpResponse:
    """Serve a box's address: POST and PUT are received, GET shows the box to signed-in users."""
    if request.method in {"POST", "PUT"}:
        return _forbid_scripts(_receive(request, name))
    if request.method in {"GET", "HEAD"}:
        return show_messages(request, name)
    return HttpResponseNotAllowed(["GET", "HEAD", "POST", "PUT"])


def _forbid_scripts(answer: HttpResponse) -> HttpResponse:
    """Return an answer to a webhook without the headers that protect pages.

    A failure that the user asked for is not logged as an error.
    """
    vars(answer).update(xframe_options_exempt=True, _csp_exempt=True, _has_been_logged=True)
    return answer


def _receive(request: HttpRequest, name: str) -> HttpResponse:
    body = request.read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        return JsonResponse({"error": "The Inbox takes up to 1 MiB."}, status=413)
    box, _created = Box.objects.get_or_create(name=name)
    addresses = {
        f"{base}{path}"
        for base in (settings.PUBLIC_URL, f"{request.scheme}://{request.get_host()}")
        for path in (box.path, box.path.rstrip("/"))
    }
    message = receiving.store_webhook(box, request.method or "", body, dict(request.headers), addresses)
    if box.answer == Box.Answer.SLOW:
        sleep(SLOWNESS)  # only this request waits, as each has a thread of its own
    if message.status == 200:
        return JsonResponse({"received": True})
    answer = JsonResponse({"error": "The Inbox was told to."}, status=message.status)
    if box.answer == Box.Answer.BUSY:
        answer["Retry-After"] = str(RETRY_AFTER)
    return answer


@require_safe
@login_required
def show_messages(request: HttpRequest, name: str = "") -> HttpResponse:
    """List the messages, newest first, of all boxes or of one. htmx asks for the list again and again."""
    box, _created = Box.objects.get_or_create(name=name or FIRST_BOX)
    tab = request.GET.get("show", "")
    found = Message.objects.select_related("box").defer("body").order_by("-pk")
    if name:
        found = found.filter(box=box)
    elif tab in Message.Kind.values:
        found = found.filter(kind=tab)
    context: dict[str, Any] = {
        "box": box,
        "only_box": bool(name),
        "boxes": Box.objects.order_by("name"),
        "answers": Box.Answer.choices,
        "tabs": TABS,
        "tab": tab if tab in TABS and not name else "",
        "found": found[:SHOWN],
        "add_webhook": _add_webhook(request, box),
    }
    context["listing"] = render_to_string("inbox/_listing.html", context, request)
    context["state"] = _compute_fingerprint(context["listing"])
    if not is_fragment(request):
        return render(request, "inbox/messages.html", context)
    if request.GET.get("seen") == context["state"]:
        return HttpResponse(status=204)  # htmx leaves the page as it is after a 204
    return render(request, "inbox/_live.html", context)


def _compute_fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _add_webhook(request: HttpRequest, box: Box) -> str:
    """Return the address of the webhook form, filled with this box's URL; empty if the user may not add a webhook."""
    membership = find_current_membership(request)
    if membership is None or not allows(membership.role, Permission.MANAGE_HOOKS):
        return ""
    form = reverse("hooks:add-webhook", args=[membership.organization.public_id])
    return f"{form}?{urlencode({'name': f'Inbox {box.name}', 'url': box.url})}"


@require_safe
@login_required
def show_message(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Show a webhook with its headers, body and signature, or an e-mail with its parts and its source."""
    shown = get_object_or_404(Message.objects.select_related("box"), pk=message_id)
    context: dict[str, Any] = {"message": shown}
    raw = bytes(shown.body)
    if shown.kind == Message.Kind.EMAIL:
        context |= {"mail": reading.read_mail(raw), "source": raw.decode(errors="replace")}
    else:
        context["body_kind"], context["body"] = reading.read_body(raw)
        context["delivery"] = _find_delivery(shown)
    return render(request, "inbox/message.html", context)


def _find_delivery(message: Message) -> str:
    """Return the page of the delivery that this webhook is an attempt of; its `webhook-id` is the delivery's id."""
    sent = {name.lower(): value for name, value in message.headers}.get("webhook-id", "")
    try:
        delivery = Delivery.objects.select_related("organization").get(pk=ids.decode(sent, "dlv"))
    except (ValueError, Delivery.DoesNotExist):
        return ""
    return reverse("hooks:delivery", args=[delivery.organization.public_id, delivery.public_id])


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def change_answer(request: HttpRequest, name: str) -> HttpResponse:
    """Change the answer of a box on POST; redirect a GET, which may come from signing in, to the box."""
    shown = get_object_or_404(Box, name=name)
    if (answer := request.POST.get("answer", "")) in Box.Answer.values:
        shown.answer = answer
        shown.save(update_fields=["answer"])
    return redirect("inbox:box", name)
