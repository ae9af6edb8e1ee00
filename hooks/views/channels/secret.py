"""The page that shows the secret of the user's own webhook, once, when it was just made. No other page shows it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from hooks.channels import cards
from hooks.views.channels.channels import find_channel
from hooks.views.channels.testing import read_result
from hooks.views.manage.editing import SNIPPET
from hooks.views.preferences.cells import parse_cell
from notifications_project import one_time_secrets
from notifications_project.accounts.access import get_signed_in_user


@require_GET
@login_required
def show_stashed_secret(request: HttpRequest, kind: str) -> HttpResponse:
    """Show a secret once.

    With `delivery`: the result of the test that was sent as it was saved. Nothing may keep this page.
    """
    channel = find_channel(get_signed_in_user(request), kind)
    card = cards.build_card(channel, timezone.now())
    if not card.signed:
        raise Http404("What it sends is not signed.")
    left: dict[str, Any] = one_time_secrets.pop(request, channel.public_id) or {}
    context = {
        "card": card,
        "snippet": SNIPPET,
        "cell": parse_cell(request, kind),
        **left,
        **read_result(request, channel),
    }
    response = render(request, "hooks/channels/secret.html", context)
    response["Cache-Control"] = "no-store"
    return response
