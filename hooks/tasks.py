"""Tasks for django-q2, and nothing else."""

from __future__ import annotations

from hooks.consent import confirming
from hooks.deliveries import digests
from hooks.engine import watchdog
from hooks.engine.pump import Pump
from hooks.engine.sweep import sweep as sweep_up
from hooks.queue.wakeup import Heartbeat, wake
from notifications_project.accounts import upkeep
from notifications_project.isolation import isolate


def pump() -> None:
    """Deliver what is due; if anything is left at the end, have the next pump go on."""
    Pump().run()
    # The heartbeat is off by now: whoever stored an event before sees no pump and wakes one, whoever stored it
    # earlier is seen here.
    if watchdog.is_work_due():
        wake()


def ask_addresses() -> None:
    """Send the mails that ask addresses whether they want to be told."""
    _wake_if_due()  # this task looked like a wake-up as long as it was in the queue
    confirming.send_due()


def sweep() -> None:
    """Once a minute: repair, then look for work that nobody announced."""
    for step in (_repair, digests.send_due, _wake_if_due, confirming.send_due, upkeep.run):
        with isolate(f"a step of the sweep failed: {step.__name__}"):
            step()


def _repair() -> None:
    with Heartbeat():  # seen once a minute at least: that shows it if the clock is set back
        sweep_up()


def _wake_if_due() -> None:
    if watchdog.is_work_due():
        wake()
