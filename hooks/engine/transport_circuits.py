"""The circuits of whole transports (the mail relay, APNs): what a pump knows of them, and what answers do to them."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from hooks.locking import lock_circuit, lock_or_make_circuit
from hooks.messages import Answer, Transport
from hooks.models import Circuit
from hooks.queue import outcomes, wakeup
from hooks.remarks import shorten

logger = logging.getLogger(__name__)

_KNOWN_FOR = 1.0
_OF_OUR_OWN = {"error", "address"}  # codes of answers that no relay gave: they say nothing about it
_CALLED: dict[str, str] = {Transport.SMTP: "The mail server", Transport.APNS: "Apple's push service"}


class KnownTransports:
    """The transports that may be tried, as one pump knows them: read once a second, not at every look."""

    def __init__(self) -> None:
        self._free: list[str] = []
        self._to_probe: list[str] = []
        self._asked_at = -_KNOWN_FOR

    def list_free(self) -> list[str]:
        """Return the transports that may be tried freely."""
        self._ask()
        return self._free

    def list_to_probe(self) -> list[str]:
        """Return the transports that were away, when it is time for one attempt to look again."""
        self._ask()
        return self._to_probe

    def list_open(self) -> list[str]:
        """Return all that may be tried now: freely, or by one attempt that looks again."""
        return self.list_free() + self.list_to_probe()

    def forget(self) -> None:
        """Forget what is known: a transport was found away, and has to be looked up again."""
        self._asked_at = -_KNOWN_FOR

    def _ask(self) -> None:
        if time.monotonic() - self._asked_at > _KNOWN_FOR:
            self._free, self._to_probe = wakeup.list_transports()
            self._asked_at = time.monotonic()


def note_answer(transport: str, answer: Answer, now: datetime, *, is_probe: bool) -> None:
    """Open the circuit of the mail relay, or of APNs, if it is away; close it on any answer that it gives.

    Of many attempts that find it away at the same time the first counts; then only the probes do. The worker that
    opens or closes it says so in its log: once when the transport goes, once when it is back. `is_probe`: the attempt
    was the one that looked whether the transport is back. The caller is in a transaction.
    """
    if answer.code in _OF_OUR_OWN:
        return
    # Without a row to lock, the first two workers ever would both count the outage.
    circuit = lock_or_make_circuit(transport) if answer.transport_down else lock_circuit(transport)
    if circuit is None:
        return
    if answer.transport_down:
        if circuit.failures and not is_probe:
            return
        if not circuit.failures:
            _log("%s is away, and what is for it waits: %s", _CALLED[transport], answer.text)
        circuit.failures += 1
        circuit.not_before = now + timedelta(seconds=outcomes.get_relay_delay(circuit.failures))
        circuit.last_error = shorten(answer.text, 200)
        circuit.save()
    elif circuit.failures:
        _log("%s is back: what waited for it goes out", _CALLED[transport])
        Circuit.objects.filter(pk=transport).update(failures=0, not_before=None, last_error="")


def _log(text: str, *values: str) -> None:
    """Warn after the commit: a transaction that is rolled back is tried again, and would warn twice."""
    transaction.on_commit(partial(logger.warning, text, *values))
