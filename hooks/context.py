"""Facts about deliveries for every page: how many hooks fail, and what holds up all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext

from hooks import clock, engine
from hooks.formats import FORMATS, LIMITED_HOSTS
from hooks.messages import Transport
from hooks.models import Circuit
from hooks.presentation import hook_rows
from notifications_project.accounts.context import find_current_membership

_DOWN = 3  # failures in a row after which pages speak of the mail server, or of APNs


@dataclass(frozen=True)
class Notice:
    """A sentence on every page until it no longer holds. `tone`: warn or bad."""

    text: str
    tone: str = "warn"


def list_notices(request: HttpRequest) -> dict[str, Any]:
    """Give a signed-in user's pages `notices` and `failing_hooks`, which are looked up only where they are shown."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {
        "notices": SimpleLazyObject(
            lambda: [*_list_worker_notices(request), *_list_mail_notices(), *_push_notices(), *_list_host_notices()]
        ),
        "failing_hooks": SimpleLazyObject(lambda: _count_failing_hooks(request)),
    }


def has_running_workers(request: HttpRequest) -> bool:
    """Tell whether workers run. Asked once per request, as a page may say it in several places."""
    if not hasattr(request, "_workers_running"):
        request._workers_running = engine.has_running_workers()  # type: ignore[attr-defined]
    return bool(request._workers_running)  # type: ignore[attr-defined]


def _list_worker_notices(request: HttpRequest) -> list[Notice]:
    if has_running_workers(request):
        return []
    return [Notice(gettext("No worker is running: what is due waits. Start one with manage.py worker."), "bad")]


def _list_mail_notices() -> list[Notice]:
    if not settings.MAIL_CONFIGURED:
        return [Notice(gettext("No mail server is configured (EMAIL_URL): e-mails wait until there is one."))]
    if Circuit.objects.filter(transport=Transport.SMTP, failures__gte=_DOWN).exists():
        return [Notice(gettext("The mail server cannot be reached: e-mails wait and go out when it answers again."))]
    return []


def _push_notices() -> list[Notice]:
    if not settings.PUSH_CONFIGURED:
        return []
    away = (
        Circuit.objects.filter(transport=Transport.APNS, failures__gte=_DOWN)
        .values_list("last_error", flat=True)
        .first()
    )
    text = gettext("%(trouble)s. Pushes to iPhones and iPads wait meanwhile.") % {"trouble": away}
    return [Notice(text)] if away else []


def _list_host_notices() -> list[Notice]:
    """Name services that take nothing from this server for now, for any webhook."""
    held = Circuit.objects.filter(pk__in=LIMITED_HOSTS, failures__gt=0, not_before__gt=clock.get_now_expression())
    return [
        Notice(
            gettext("%(trouble)s. What is for %(service)s waits until %(time)s UTC.")
            % {
                "trouble": circuit.last_error,
                "service": FORMATS[circuit.pk].label,
                "time": f"{circuit.not_before:%H:%M}",
            }
        )
        for circuit in held
    ]


def _count_failing_hooks(request: HttpRequest) -> int:
    membership = find_current_membership(request)
    return hook_rows.find_failing(membership.organization).count() if membership else 0
