"""A cache for the limits of the sign-in pages, in a table of its own that drops no count before its time is over.

Django's own cache table keeps 300 rows and drops arbitrary ones when there are more: an attacker who asks for many
unknown addresses could so delete the count of the account whose password he is guessing. Here a row is deleted only
after it has expired (`forget_expired`).
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import IntegrityError, transaction
from django.utils import timezone

from notifications_project.accounts.models import Counter

_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_AT_ONCE = 1000
_MOST_ROUNDS = 50


class CounterCache(BaseCache):
    """Django cache whose rows hold JSON, mostly lists of times."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        found = Counter.objects.filter(pk=self._build_key(key, version), expires_at__gt=timezone.now())
        value = found.values_list("value", flat=True).first()
        return default if value is None else json.loads(value)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        Counter.objects.bulk_create(
            [self._build_row(key, value, timeout, version)],
            update_conflicts=True,
            unique_fields=["key"],
            update_fields=["value", "expires_at"],
        )

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        row = self._build_row(key, value, timeout, version)
        over = Counter.objects.filter(pk=row.key, expires_at__lte=timezone.now())
        if over.update(value=row.value, expires_at=row.expires_at):
            return True
        if Counter.objects.filter(pk=row.key).exists():
            return False
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:  # another request has just stored the same key
            return False
        return True

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        there = Counter.objects.filter(pk=self._build_key(key, version), expires_at__gt=timezone.now())
        return bool(there.update(expires_at=self._compute_expiry(timeout)))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return bool(Counter.objects.filter(pk=self._build_key(key, version)).delete()[0])

    def clear(self) -> None:
        Counter.objects.all().delete()

    def _build_row(self, key: Any, value: Any, timeout: Any, version: int | None) -> Counter:
        return Counter(
            key=self._build_key(key, version), value=json.dumps(value), expires_at=self._compute_expiry(timeout)
        )

    def _build_key(self, key: Any, version: int | None) -> str:
        """Return a hash of the key: it has a fixed length, and the table shows nobody's address."""
        return hashlib.sha256(self.make_key(key, version).encode(errors="surrogatepass")).hexdigest()

    def _compute_expiry(self, timeout: Any) -> datetime:
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return _FOR_EVER if seconds is None else timezone.now() + timedelta(seconds=seconds)


def forget_expired() -> None:
    """Delete expired rows in short transactions, as a flood of requests leaves many."""
    for _ in range(_MOST_ROUNDS):
        old = Counter.objects.filter(expires_at__lte=timezone.now()).order_by("expires_at")
        keys = list(old.values_list("pk", flat=True)[:_AT_ONCE])
        Counter.objects.filter(pk__in=keys, expires_at__lte=timezone.now()).delete()
        if len(keys) < _AT_ONCE:
            return
