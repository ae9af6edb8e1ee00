"""Facts that the list of hooks shows beside each hook, in a number of queries that does not grow with the list."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet

from hooks.audience import recipients
from hooks.audience.recipients import SkippedAddress
from hooks.formats import FORMATS, LIMITED_HOSTS
from hooks.models import Circuit, Delivery, Hook
from hooks.presentation import conditions, hook_sentences, phrases
from notifications_project import ids
from notifications_project.accounts.models import Organization

MOST_HOOKS = 200
MOST_CHARTED = 4000  # newest deliveries that the charts of a page are drawn from
_HOURS = 24
_WIDTH, _HEIGHT, _STEP = 3.7, 32.0, 128 / _HOURS


@dataclass(frozen=True)
class Bar:
    """A rectangle of a chart: `tone` is g (delivered), b (failed) or w (waiting)."""

    x: float
    y: float
    height: float
    tone: str
    width: float = _WIDTH


@dataclass(frozen=True)
class Row:
    """A hook with everything that its line in the list says."""

    hook: Hook
    state: conditions.Badge
    sentence: str
    pace: str  # what was chosen of order and rate, in words
    where: str
    waiting: int
    next_try: datetime | None
    next_words: str
    bars: list[Bar]
    told: str  # the chart in words
    delivered: int  # in the chart
    attention: bool
    trouble: str
    secret_lost: bool  # nothing can be sent, no test either, until there is a new one
    signed: bool  # whether what it sends is signed with a secret of its own
    silent: list[SkippedAddress]  # whom an e-mail hook names and does not tell
    quiet: str  # how many, in words


def list_rows(organization: Organization, kind: str, search: str, now: datetime) -> tuple[list[Row], bool]:
    """The organization's hooks of one kind, in trouble first, then by name; and whether there are more.

    A search finds names and hosts: nothing else of a URL is stored so that it could be searched.
    """
    found = Hook.objects.existing().filter(organization=organization, kind=kind)
    if search:
        found = found.filter(Q(name__icontains=search) | Q(endpoint__address__icontains=search))
    in_trouble = Q(enabled=True) & (Q(endpoint__disabled_at__isnull=False) | Q(endpoint__failing_since__isnull=False))
    listed = found.select_related("endpoint__lane")  # with their secrets: whether a key reads them is part of the state
    ordered = listed.prefetch_related("resources", "notify_users")
    first = Exists(Hook.objects.filter(in_trouble, pk=OuterRef("pk")))
    hooks = list(ordered.order_by(first.desc(), "name", "pk")[: MOST_HOOKS + 1])
    return _build_rows(organization, hooks[:MOST_HOOKS], now), len(hooks) > MOST_HOOKS


def build_row(hook: Hook, now: datetime) -> Row:
    return _build_rows(hook.organization, [hook], now)[0]


def find_failing(organization: Organization) -> QuerySet[Hook]:
    """Hooks that should be told and cannot be reached."""
    existing = Hook.objects.existing().filter(organization=organization, enabled=True)
    return existing.filter(
        Q(endpoint__disabled_at__isnull=False) | Q(endpoint__failing_since__isnull=False, paused=False)
    )


def _build_rows(organization: Organization, hooks: Sequence[Hook], now: datetime) -> list[Row]:
    pks = [hook.pk for hook in hooks]
    waiting = _count_waiting(organization, pks)
    charts = _count_by_hour(organization, pks, now)
    silent = recipients.find_skipped_addresses(organization, hooks)
    holds = _holds(hooks)
    return [
        _build_row(hook, waiting.get(hook.pk, (0, None)), holds, charts.get(hook.pk, {}), silent.get(hook.pk, []), now)
        for hook in hooks
    ]


def _holds(hooks: Sequence[Hook]) -> dict[str, datetime]:
    """Until when services are held that limit all requests of this server; asked only if a hook goes to one."""
    limited = {hook.endpoint.lane.transport for hook in hooks if hook.endpoint}.intersection(LIMITED_HOSTS)
    held = Circuit.objects.filter(pk__in=limited, not_before__isnull=False) if limited else Circuit.objects.none()
    return {name: until for name, until in held.values_list("pk", "not_before") if until}


def _build_row(
    hook: Hook,
    waiting: tuple[int, datetime | None],
    holds: Mapping[str, datetime],
    hours: dict[int, Counter[str]],
    silent: list[SkippedAddress],
    now: datetime,
) -> Row:
    count, due_at = waiting
    lane = hook.endpoint.lane if hook.endpoint else None
    held = [lane.not_before, holds.get(lane.transport)] if lane else []
    next_try = due_at and max(filter(None, [due_at, *held]))
    lost = hook.endpoint is not None and conditions.has_lost_secret(hook.endpoint)
    if lost or (not hook.endpoint and not settings.MAIL_CONFIGURED):
        next_try = None  # pages say that it waits for a secret, or that e-mails wait for a mail server
    totals: Counter[str] = sum(hours.values(), Counter())
    attention = conditions.needs_attention(hook)
    return Row(
        hook=hook,
        state=conditions.find_hook_condition(hook),
        sentence=hook_sentences.describe_hook(hook),
        pace=hook_sentences.describe_pace(hook),
        where=phrases.show_address(hook.endpoint) if hook.endpoint else hook_sentences.describe_recipients(hook),
        waiting=count,
        next_try=next_try,
        next_words=phrases.write_until(next_try, now) if next_try else "",
        bars=_build_bars(hours),
        told=f"Last 24 hours: {totals['g']} delivered, {totals['b']} failed, {totals['w']} waiting",
        delivered=totals["g"],
        attention=attention,
        trouble=hook_sentences.describe_trouble(hook, count, next_try, now) if attention else "",
        secret_lost=lost,
        signed=is_signed(hook),
        silent=silent,
        quiet=hook_sentences.describe_silent(silent),
    )


def is_signed(hook: Hook) -> bool:
    known = FORMATS.get(hook.endpoint.format) if hook.endpoint else None
    return known is not None and known.signed


def _count_waiting(organization: Organization, hooks: Sequence[UUID]) -> dict[UUID, tuple[int, datetime | None]]:
    pending = Delivery.objects.pending().filter(organization=organization, hook__in=hooks)
    grouped = pending.order_by().values("hook").annotate(count=Count("pk"), due=Min("due_at"))
    return {found["hook"]: (found["count"], found["due"]) for found in grouped}


def _count_by_hour(
    organization: Organization, hooks: Sequence[UUID], now: datetime
) -> dict[UUID, dict[int, Counter[str]]]:
    """Deliveries by hook and hour (23: the current one). Ids carry their time, so no date is read."""
    since = now - timedelta(hours=_HOURS)
    recent = Delivery.objects.filter(organization=organization, hook__in=hooks, pk__gte=ids.make_smallest_uuid7(since))
    tones = {"delivered": "g", "failed": "b", "cancelled": "", "pending": "w"}
    charts: dict[UUID, dict[int, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    begin = since.timestamp()
    for pk, hook, state, tries in recent.order_by("-pk").values_list("pk", "hook", "state", "tries")[:MOST_CHARTED]:
        hour = min(_HOURS - 1, int(((pk.int >> 80) / 1000 - begin) // 3600))
        tone = "b" if state == Delivery.State.PENDING and tries else tones[state]
        if tone and hook is not None:
            charts[hook][hour][tone] += 1
    return charts


def _build_bars(hours: dict[int, Counter[str]]) -> list[Bar]:
    most = max((sum(counts.values()) for counts in hours.values()), default=0)
    bars = []
    for hour, counts in sorted(hours.items()):
        top = _HEIGHT
        for tone in "gwb":
            if counts[tone]:
                height = max(2.0, round(counts[tone] / most * (_HEIGHT - 4), 1))
                top -= height
                bars.append(Bar(round(hour * _STEP, 1), round(top, 1), height, tone))
                top -= 1
    return bars
