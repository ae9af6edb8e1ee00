"""Deliveries as lists show them, and the phases of an attempt."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F, OuterRef, QuerySet, Subquery

from events.models import Event
from hooks.models import Attempt, Circuit, Delivery, Hook
from notifications_project.accounts.models import Organization


def list_deliveries(
    organization: Organization, *, state: str = "", hook: UUID | None = None, event: UUID | None = None
) -> QuerySet[Delivery]:
    """Deliveries of an organization, with what is given as filters.

    Those of its hook or event are its own. They are not asked for the organization as well: the database might
    then walk through all that the organization has in that state.
    """
    found = Delivery.objects.filter(state=state) if state else Delivery.objects.all()
    if hook is None and event is None:
        return found.filter(organization=organization)
    if hook is not None:
        mine = Hook.objects.filter(organization=organization, pk=hook).exists()
        found = found.filter(hook=hook) if mine else found.none()
    if event is not None:
        mine = Event.objects.filter(organization=organization, pk=event).exists()
        found = found.filter(event=event) if mine else found.none()
    return found


def load_back_off(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Load with the deliveries what `sentences.next_try` reads.

    These are the lane, the circuit of the transport, and whether a key reads.
    """
    circuit = Circuit.objects.filter(pk=OuterRef("lane__transport"))
    held, why = Subquery(circuit.values("not_before")[:1]), Subquery(circuit.values("last_error")[:1])
    return deliveries.select_related("lane").annotate(
        transport_held=held, transport_trouble=why, secrets_stored=F("endpoint__secrets")
    )


def measure_phases(attempt: Attempt) -> list[tuple[str, tuple[int, float, float]]]:
    """Return the phases of an attempt for its bar: name, and milliseconds, begin and width (of 100)."""
    phases = [(name, int(ms)) for name, ms in attempt.timings.items() if ms]
    total = sum(ms for _, ms in phases)
    begun, parts = 0, []
    for name, ms in phases:
        parts.append((name, (ms, round(begun / total * 100, 2), round(ms / total * 100, 2))))
        begun += ms
    return parts
