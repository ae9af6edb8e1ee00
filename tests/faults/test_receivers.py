"""Receivers in trouble beside a healthy one, which gets everything at once; they lose nothing."""

from __future__ import annotations

import time

import pytest

from hooks.deliveries import resending
from hooks.models import Delivery
from tests.faults import receiver
from tests.faults.console import Console
from tests.faults.sizes import DELIVERY_TIMEOUT, size
from tests.project.processes import until, within

pytestmark = pytest.mark.django_db(transaction=True)

TROUBLES = {
    "reset": receiver.reset,
    "hang": receiver.hang,
    "drip": receiver.drip,
    "redirect": receiver.redirect,
    "10-mb": receiver.flood,
    "no-http": receiver.babble,
}


def test_bad_receivers_lose_nothing_and_hold_up_nobody(console: Console) -> None:
    """receivers that reset, hang, drip, redirect, send 10 MB or no HTTP, beside a healthy one"""
    console.add_hooks("healthy", *TROUBLES)
    console.receiver.behaviours.update(TROUBLES)
    worker = console.worker()
    until(lambda: len(worker.workers()) == 2, 30, "the start of two workers")
    console.record(size(8))
    healthy = {(hook, event) for hook, event in console.owed if hook == "healthy"}
    until(lambda: healthy <= console.arrived(), 30, "the delivery of everything to the healthy receiver")
    until(lambda: {each.hook for each in console.receiver.arrivals} == set(console.hooks), 30, "a try at each of them")
    until(lambda: not _untried(), 60, "the record of a try at each of them")
    waiting = Delivery.objects.exclude(hook__name="healthy")
    assert set(waiting.values_list("state", flat=True)) == {"pending"}, "a receiver in trouble loses nothing"
    assert not any(arrival.hook == "elsewhere" for arrival in console.receiver.arrivals), "a redirect was followed"
    console.receiver.behaviours.clear()
    for name in TROUBLES:  # one success closes the circuit, and the others are sent when due
        resending.redeliver(waiting.filter(hook__name=name).order_by("pk")[0], console.admin)
    console.all_arrive()


def _untried() -> set[str]:
    tried = set(Delivery.objects.filter(tries__gt=0).values_list("hook__name", flat=True))
    return set(TROUBLES) - {str(name) for name in tried}


def test_an_answer_that_drips_in_takes_no_longer_than_the_time_out(console: Console) -> None:
    """a receiver that drips one byte a second, with the sender's patience measured"""
    console.add_hooks("drip")
    console.receiver.behaviours["drip"] = receiver.drip
    console.record(1)
    console.worker()
    until(lambda: console.receiver.arrivals, 60, "the attempt")
    began = time.monotonic()
    until(lambda: Delivery.objects.filter(tries=1).exists(), 60, "its end")
    assert time.monotonic() - began < within(DELIVERY_TIMEOUT + 2)
    console.receiver.behaviours.clear()
    console.all_arrive()
