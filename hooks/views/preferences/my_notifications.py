"""*My notifications*: the user's choices, event type by channel. A click changes at once and can be undone.

What a click changes is swapped by htmx; without JavaScript the page comes back to where it was. Signing in may return
to one of the buttons by GET: that leads to the page and does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRedirect

from events import catalogue
from hooks.models import Urgent
from hooks.preferences import last_days, notification_settings
from hooks.preferences.effective import EffectiveSettings, get_scope_id
from hooks.preferences.notification_settings import EVERYTHING, Choice, InvalidSetting, NotSetUp, Scope
from hooks.preferences.scopes import get_scope_key
from hooks.views.preferences import grid, scopes, words
from hooks.views.preferences.cells import Cell, find_scope_or_404
from hooks.views.preferences.scopes import page_of, read_effective_settings
from notifications_project.accounts.access import get_signed_in_user
from notifications_project.fragments import is_fragment

_UNDO_FOR = 24 * 3600  # seconds
_SALT = "hooks.my-notifications.undo"
_SAID = "said_of_my_notifications"

View = Callable[[HttpRequest], HttpResponse]


@require_safe
@login_required
def index(request: HttpRequest) -> HttpResponse:
    scope = _find_scope(request, request.GET)
    standing = read_effective_settings(request)
    now = timezone.now()
    context = _build_summary(standing, scope) | {
        "categories": grid.list_categories(standing, scope, _read_urgent(request)),
        "columns": grid.list_columns(standing),
        "quiet": words.describe_quiet_channels(standing, now),
        "disabled": words.list_disabled_channels(standing),
        "said": request.session.pop(_SAID, None),
    }
    return render(request, "hooks/preferences/my_notifications.html", context)


def _serve_button(view: View) -> View:
    """Wrap the view of a button. htmx is sent to the page for signing in, instead of swapping it in."""

    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def inner(request: HttpRequest) -> HttpResponse:
        page = reverse("hooks:my-notifications")
        if not request.user.is_authenticated:
            return _redirect_to(request, redirect_to_login(page).url)
        if request.method != "POST":
            return redirect(page)
        try:
            return view(request)
        except Http404:  # of a scope that was left meanwhile
            request.session[_SAID] = {"problem": gettext("You are not a member there any more. Nothing was changed.")}
            return _redirect_to(request, page)

    return inner


@_serve_button
def change(request: HttpRequest) -> HttpResponse:
    """Set one cell, a row, a column or all of them: on, off or back to the default."""
    scope, wish = _find_scope(request, request.POST), request.POST.get("set", "")
    standing = read_effective_settings(request)
    wanted = grid.read(wish, standing)
    if not wanted:
        return _answer(request, scope, [], {"problem": gettext("Nothing was changed: choose on, off or default.")})
    first = wanted[0]
    if len(wanted) == 1 and first.enabled and first.channel in standing.missing:
        return _redirect_to_set_up(request, first, scope)
    try:
        before = notification_settings.choose(get_signed_in_user(request), wanted, scope)
    except NotSetUp:  # the channel was removed meanwhile
        return _redirect_to_set_up(request, first, scope)
    except InvalidSetting as problem:
        return _answer(request, scope, [], {"problem": problem.describe()})
    done = grid.describe(wish, scope, standing)
    nothing = {"text": gettext("Nothing to change: %(done)s.") % {"done": done}}
    said = _describe_change(request, scope, before, done) if before else nothing
    return _answer(request, scope, wanted, said)


@_serve_button
def undo(request: HttpRequest) -> HttpResponse:
    """Restore the settings before a change; that is a change as well, and can be undone."""
    user = get_signed_in_user(request)
    try:
        kept = signing.loads(request.POST.get("undo", ""), salt=_SALT, max_age=_UNDO_FOR)
    except signing.BadSignature:
        kept = {"user": ""}
    if kept["user"] != user.public_id:
        problem = gettext("This cannot be undone any more. Nothing was changed.")
        return _answer(request, _find_scope(request, request.POST), [], {"problem": problem})
    scope, wanted = _find_scope(request, kept), [Choice(*each) for each in kept["before"]]
    try:
        before = notification_settings.choose(user, wanted, scope)
    except InvalidSetting as problem:
        return _answer(
            request,
            scope,
            [],
            {"problem": gettext("It was not undone. %(reason)s") % {"reason": problem.describe()}},
        )
    return _answer(
        request, scope, wanted, _describe_change(request, scope, before, kept["done"], undone=not kept["undone"])
    )


@_serve_button
def mark(request: HttpRequest) -> HttpResponse:
    """Set that bad news of a type passes snooze and quiet hours, or does not."""
    event_type, _, state = request.POST.get("always", "").partition(" ")
    try:
        notification_settings.mark_urgent(get_signed_in_user(request), event_type, state == "on")
    except InvalidSetting as problem:
        return _answer(request, EVERYTHING, [], {"problem": problem.describe()})
    if state == "on":
        wording = gettext("%(event)s: you are told even while a channel is snoozed or quiet.")
    else:
        wording = gettext("%(event)s: waits while a channel is snoozed or quiet.")
    text = wording % {"event": catalogue.get_label(event_type)}
    return _answer(request, EVERYTHING, [], {"text": text}, marked=event_type)


# --- What is answered ----------------------------------------------------------------------------------------


def _answer(
    request: HttpRequest, scope: Scope, touched: Sequence[Choice], said: dict[str, Any], marked: str = ""
) -> HttpResponse:
    """Answer htmx with the parts that changed, `touched` and what follows from them, and others with the page."""
    types = {each.event_type for each in touched} | ({marked} if marked else set())
    kinds = {each.channel for each in touched}
    if not is_fragment(request):
        request.session[_SAID] = said
        cell = f"-{next(iter(kinds))}" if len(kinds) == 1 else ""
        return redirect(page_of(scope) + (f"#{next(iter(types))}{cell}" if len(types) == 1 else ""))
    standing, urgent = read_effective_settings(request), _read_urgent(request)
    rows = [
        grid.build_row(standing, scope, each, each.name in urgent) for each in catalogue.TYPES if each.name in types
    ]
    context = _build_summary(standing, scope) | {"rows": rows, "touched": kinds, "said": said}
    return render(request, "hooks/preferences/_changed.html", context)


def _build_summary(standing: EffectiveSettings, scope: Scope) -> dict[str, Any]:
    """Return the summary beside the grid, which follows each change."""
    return {
        "scope": scope,
        "scope_key": get_scope_key(scope),
        "everything": scope == EVERYTHING,
        "set_page": reverse("hooks:my-notifications-set"),
        "always_page": reverse("hooks:my-notifications-always"),
        "back_words": gettext("Back to the default") if scope == EVERYTHING else gettext("As the general setting"),
        "changed": standing.count_choices()[get_scope_id(scope)],
        "tabs": scopes.list_tabs(standing, scope),
        "would": words.describe_would_have(last_days.count(standing, scope, timezone.now())),
    }


def _describe_change(
    request: HttpRequest, scope: Scope, before: Sequence[Choice], done: str, *, undone: bool = False
) -> dict[str, Any]:
    """Return what was done, with the former settings signed: they come back from the page to be restored."""
    kept = {
        "user": get_signed_in_user(request).public_id,
        "scope": get_scope_key(scope),
        "before": [(each.event_type, each.channel, each.enabled) for each in before],
        "done": done,
        "undone": undone,
    }
    undo = signing.dumps(kept, salt=_SALT, compress=True) if before else ""
    text = gettext("Taken back: “%(done)s”.") % {"done": done} if undone else f"{done}."
    return {"text": text, "undo": undo, "undone": undone}


def _redirect_to_set_up(request: HttpRequest, choice: Choice, scope: Scope) -> HttpResponse:
    """Lead to the form of a channel, which turns the cell on when it is saved."""
    cell = Cell(choice.event_type, choice.channel, scope)
    return _redirect_to(request, f"{reverse('hooks:channel-set-up', args=[cell.kind])}{cell.query}")


def _redirect_to(request: HttpRequest, address: str) -> HttpResponse:
    return HttpResponseClientRedirect(address) if is_fragment(request) else redirect(address)


def _find_scope(request: HttpRequest, given: Mapping[str, Any]) -> Scope:
    """Return the given scope. Raises Http404 for what is not the user's."""
    return find_scope_or_404(request, str(given.get("scope") or get_scope_key(EVERYTHING)))


def _read_urgent(request: HttpRequest) -> set[str]:
    return set(Urgent.objects.filter(user=get_signed_in_user(request)).values_list("event_type", flat=True))
