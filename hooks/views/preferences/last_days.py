"""Page that shows what would have been sent in the last days, event by event."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from events import catalogue
from hooks.channels.cards import SYMBOLS
from hooks.models import Channel
from hooks.preferences import last_days
from hooks.preferences.scopes import get_scope_key
from hooks.views.preferences.cells import find_scope_or_404
from hooks.views.preferences.scopes import page_of, read_effective_settings
from notifications_project import ids


@require_safe
@login_required
def index(request: HttpRequest) -> HttpResponse:
    scope = find_scope_or_404(request, request.GET.get("scope") or "everything")
    before = request.GET.get("before")
    at = _parse_event_id(before) if before else None
    rows, following = last_days.page(read_effective_settings(request), scope, timezone.now(), at)
    context = {
        "rows": [
            {
                "event": each.event,
                "known": catalogue.EVENT_TYPES[each.event.type],
                "channels": [(SYMBOLS[Channel.Kind(kind)], Channel.Kind(kind).label) for kind in each.channels],
            }
            for each in rows
        ],
        "next": ids.encode("evt", following) if following else None,
        "before": before,
        "scope": scope,
        "scope_key": get_scope_key(scope),
        "back": page_of(scope),
        "days": last_days.DAYS,
    }
    return render(request, "hooks/preferences/last_days.html", context)


def _parse_event_id(text: str) -> ids.PublicId:
    try:
        return ids.decode(text, "evt")
    except ValueError:
        raise Http404("No such id.") from None
