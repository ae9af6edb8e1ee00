"""Tells the operator that no key decrypts stored secrets: once a day and set of keys, by the first worker to see it."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction

from hooks import clock
from hooks.locking import lock_or_make_circuit
from notifications_project import encryption

logger = logging.getLogger(__name__)

_EVERY = timedelta(days=1)
_NAME = "secrets"  # a circuit that holds nothing up: it keeps when the last warning was, and of which keys


@transaction.atomic
def warn() -> None:
    """Warn that due deliveries cannot be sent; not at every find, as every lane finds it every few minutes."""
    known = lock_or_make_circuit(_NAME)
    now, keys = clock.now(), encryption.fingerprint_keys()
    if known.last_error == keys and known.not_before and known.not_before > now:
        return
    known.last_error, known.not_before = keys, now + _EVERY
    known.save()
    transaction.on_commit(_log)


def _log() -> None:
    logger.warning(
        "Deliveries wait: no key in ENCRYPTION_KEYS reads the secrets of some webhooks. Put the old key back behind "
        "the first; `manage.py encryption_keys` counts what cannot be read."
    )
