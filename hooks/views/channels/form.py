"""Pages that set up and change a channel, and what their form offers beside saving."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from events import catalogue
from hooks.channels import cards, services
from hooks.deliveries import test_sends
from hooks.endpoints import devices
from hooks.endpoints.options import merge_options, merge_url, read_options
from hooks.endpoints.validation import InvalidRule
from hooks.formats import FORMATS
from hooks.forms.channels import HipChatForm, WebhookChannelForm, build_form
from hooks.forms.format_fields import Advice
from hooks.models import Channel, Device
from hooks.preview.preview import Draft, choose_first_type, preview
from hooks.preview.verifying import can_verify, verify_channel, verify_draft
from hooks.views.channels.channels import leave_secret, turn_on_cell
from hooks.views.preferences.cells import Cell, parse_cell
from notifications_project.accounts.access import get_signed_in_user
from notifications_project.accounts.organizations import ensure_personal_space
from notifications_project.fragments import is_fragment
from notifications_project.runtime.waiting import Busy

Form = HipChatForm | WebhookChannelForm


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def set_up(request: HttpRequest, kind: str) -> HttpResponse:
    """Serve the form of a channel. With `type` (and `scope`) in the address, saving turns that cell of the grid on."""
    if kind == Channel.Kind.EMAIL:
        return redirect("hooks:channels")
    cell = parse_cell(request, kind)
    if kind == Channel.Kind.IOS:
        return _show_ios(request, cell)
    channel = _find_own(request, kind)
    form = build_form(kind, request.POST if request.method == "POST" else None, channel.endpoint if channel else None)
    if form.is_valid() and not form.propose_format():
        try:
            saved, secret = services.set_up(get_signed_in_user(request), kind, **form.get_values())
        except InvalidRule as problem:
            form.refuse(problem)
        else:
            return _answer_saved(request, saved, secret, cell, new=channel is None)
    return render_form_page(request, kind, form, channel, cell)


def render_form_page(
    request: HttpRequest, kind: str, form: Form, channel: Channel | None, cell: Cell | None
) -> HttpResponse:
    context = {
        "form": form,
        "kind": kind,
        "label": Channel.Kind(kind).label,
        "card": cards.build_card(channel, timezone.now()) if channel else None,
        "cell": cell,
        "query": cell.query if cell else "",
        "back": cell.page if cell else reverse("hooks:channels"),
        "types": catalogue.group_by_category(),
        "verify_page": reverse("hooks:channel-verify", args=[kind]),
    }
    return render(request, "hooks/channels/form.html", context, status=422 if form.errors else 200)


def _answer_saved(request: HttpRequest, channel: Channel, secret: str, cell: Cell | None, *, new: bool) -> HttpResponse:
    """Lead to the new secret, which is shown this once, to the result of a test, or back to the former page."""
    words = gettext("%(channel)s is set up.") if new else gettext("%(channel)s was saved.")
    messages.success(request, words % {"channel": channel.get_kind_display()})
    on = turn_on_cell(request, cell) if cell else False
    if secret:
        leave_secret(request, channel, secret, created=True)
    query = cell.query if cell else ""
    if "test" in request.POST and channel.endpoint:
        chosen = cell.event_type if cell else choose_first_type([])
        delivery = test_sends.send_endpoint_test(channel.endpoint, chosen, get_signed_in_user(request))
        query = f"{query}&delivery={delivery.public_id}" if query else f"?delivery={delivery.public_id}"
        page = reverse("hooks:channel-secret" if secret else "hooks:channel-test", args=[channel.kind])
        return HttpResponseRedirect(f"{page}{query}")
    if secret:
        return HttpResponseRedirect(reverse("hooks:channel-secret", args=[channel.kind]) + query)
    return HttpResponseRedirect(cell.page if cell and on else reverse("hooks:channels"))


def _show_ios(request: HttpRequest, cell: Cell | None) -> HttpResponse:
    """Show how to register a device; once there is one, a button turns the cell on from which the user came."""
    mine = Device.objects.filter(user=get_signed_in_user(request)).select_related("endpoint").order_by("name", "pk")
    if request.method == "POST" and cell and turn_on_cell(request, cell):
        return HttpResponseRedirect(cell.page)
    context = {
        "devices": mine,
        "cell": cell,
        "query": cell.query if cell else "",
        "explanation": devices.explain_no_push(),
        "curl": _build_curl(),
    }
    return render(request, "hooks/channels/ios.html", context)


def _build_curl() -> str:
    """Return the command that does what the app does at each start."""
    return (
        f"curl {settings.PUBLIC_URL}{reverse('api-devices')} \\\n"
        "  -H 'Authorization: Bearer YOUR_API_TOKEN' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        """  -d '{"token": "THE_DEVICE_TOKEN", "name": "My iPhone"}'"""
    )


# --- Beside saving -------------------------------------------------------------------------------------------


@require_POST
@login_required
def show_advice(request: HttpRequest) -> HttpResponse:
    """Return to htmx what the form says under a URL while it is typed, for the chosen format."""
    typed = Advice(request.POST.get("url", "").strip(), request.POST.get("format", ""))
    return render(request, "hooks/manage/_advice.html", {"advice": typed})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def verify_token(request: HttpRequest, kind: str) -> HttpResponse:
    """Verify the token in the sent form, or without its fields the saved token, from the tab."""
    channel = _find_own(request, kind)
    if request.method != "POST":
        return redirect("hooks:channels")
    if "form" in request.POST:
        return _verify_form(request, kind, channel)
    if channel is None or channel.endpoint is None or not can_verify(channel.endpoint.format):
        raise Http404("This channel has no token that could be verified.")
    endpoint = channel.endpoint
    draft = Draft(kind, endpoint.format, endpoint.whole_address, read_options(endpoint))
    verified, words = verify_channel(channel, draft)
    messages.add_message(request, messages.SUCCESS if verified else messages.WARNING, words)
    return redirect("hooks:channels")


def _verify_new(request: HttpRequest, draft: Draft) -> tuple[bool, str]:
    user = get_signed_in_user(request)
    return verify_draft(draft, user, str(user.pk))


def _verify_form(request: HttpRequest, kind: str, channel: Channel | None) -> HttpResponse:
    """Return the form with the answer in it; to htmx the answer alone."""
    form, draft = _read_draft(request, kind, channel)
    try:
        verdict = verify_channel(channel, draft) if channel else _verify_new(request, draft)
    except Busy as busy:
        verdict = (False, str(busy))
    if is_fragment(request):
        return render(request, "hooks/preview/_verdict.html", {"verdict": verdict})
    if can_verify(draft.format):
        form.verdict = verdict
    else:  # the button of a format that is not the chosen one
        form.add_error("format", verdict[1])
    return render_form_page(request, kind, form, channel, parse_cell(request, kind))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def preview_form(request: HttpRequest, kind: str) -> HttpResponse:
    """Show what would be sent with the form as it stands.

    Nothing is saved, and nothing is sent. GET leads to the form.
    """
    channel = _find_own(request, kind)
    if request.method != "POST":
        return redirect("hooks:channel-set-up", kind)
    _, draft = _read_draft(request, kind, channel)
    if draft.format not in FORMATS:
        raise Http404("Its format is not known here.")
    asked_for = request.POST.get("event_type", "")
    chosen = asked_for if asked_for in catalogue.EVENT_TYPES else choose_first_type([])
    user = get_signed_in_user(request)
    shown = preview(ensure_personal_space(user), draft, chosen, user.language)
    context: dict[str, Any] = {"preview": shown, "label": catalogue.get_label(chosen), "kind": kind, "draft": True}
    context |= {"channel": Channel.Kind(kind).label, "set_up": channel is not None}
    fragment = is_fragment(request)
    return render(request, "hooks/preview/_result.html" if fragment else "hooks/channels/preview.html", context)


def _read_draft(request: HttpRequest, kind: str, channel: Channel | None) -> tuple[Form, Draft]:
    """Return the values of the form, whatever is wrong in it.

    Secrets that were left alone are those that are stored.
    """
    endpoint = channel.endpoint if channel else None
    form = build_form(kind, request.POST, endpoint)
    form.is_valid()
    values = form.get_values()
    format, options = values["format"], values["options"]
    url = values["url"]
    if endpoint:
        options, url = merge_options(endpoint, format, options), merge_url(endpoint, url)
    address = url or (FORMATS[format].default_url if format in FORMATS else "")
    return form, Draft(str(Channel.Kind(kind).label), format, address, options, endpoint=endpoint)


def _find_own(request: HttpRequest, kind: str) -> Channel | None:
    """Return the signed-in user's channel, if it is set up. Raises Http404 for kinds that have no form."""
    if kind not in services.WITH_ENDPOINT:
        raise Http404("There is no such channel.")
    return services.list_channels(get_signed_in_user(request)).get(kind)
