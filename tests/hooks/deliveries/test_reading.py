"""Lists of deliveries use an index that fits their filters: the cost of a page does not grow with history."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from events.models import Event
from hooks.models import Delivery, Hook
from hooks.presentation import delivery_lists
from hooks.routing import router
from notifications_project import ids
from notifications_project.accounts.models import Organization, User

pytestmark = pytest.mark.django_db
NAMES = ["state", "hook", "event", "before"]
CHOICES = [chosen for count in range(len(NAMES) + 1) for chosen in itertools.combinations(NAMES, count)]


@pytest.mark.sqlite_only  # PostgreSQL reads small tables without any index
@pytest.mark.parametrize("chosen", CHOICES, ids="+".join)
def test_a_list_reads_no_more_than_it_shows(
    chosen: tuple[str, ...], acme: Organization, webhook: Callable[..., Hook], record: Callable[..., Event]
) -> None:
    values: dict[str, Any] = {"state": "failed", "hook": webhook().pk, "event": record("git.push").pk}
    found = delivery_lists.list_deliveries(acme, **{name: values[name] for name in chosen if name != "before"})
    if "before" in chosen:
        found = found.filter(pk__lt=ids.uuid7())
    plan = found.order_by("-pk")[:51].explain()
    assert "SCAN" not in plan
    if "hook" in chosen or "event" not in chosen:  # an event has few
        assert "TEMP B-TREE" not in plan, "it comes in the order of the list"
        for name, column in (("state", "state=?"), ("hook", "hook_id=?")):
            assert name not in chosen or column in plan
    else:
        assert "event_id=?" in plan


def test_what_another_organization_has_is_not_found_by_its_hook_or_event(
    acme: Organization, olga: User, webhook: Callable[..., Hook], record: Callable[..., Event]
) -> None:
    hook, event = webhook(events=["git.push"]), record("git.push")
    router.route()
    other = Organization.objects.get(name="Other")
    choices: list[dict[str, Any]] = [{"hook": hook.pk}, {"event": event.pk}, {"hook": hook.pk, "event": event.pk}]
    for filters in choices:
        assert list(delivery_lists.list_deliveries(acme, **filters)) == [Delivery.objects.get(hook=hook)]
        assert not delivery_lists.list_deliveries(other, **filters).exists()
    assert not delivery_lists.list_deliveries(acme, hook=uuid4(), event=event.pk).exists()
    assert not delivery_lists.list_deliveries(acme, hook=hook.pk, event=uuid4()).exists()
