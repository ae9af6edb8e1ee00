"""Quotas limit how often something may be done in a day. A table counts, as memory and caches lose counters.

Quotas keep users from making this console send many mails to people who did not ask for them. A mail over a quota is
refused with the time from which it is possible again, or postponed until then.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from notifications_project.accounts.models import QuotaUse

DAY = timedelta(days=1)
TO_ADDRESS = "unrequested mails to"  # every kind of mail that its receiver did not ask for counts here
_EXPIRED_AT_ONCE = 1000


def take(name: str, subject: object, most: int, within: timedelta = DAY) -> datetime | None:
    """Count one more use by `subject`. If `most` are used up, count nothing and return when the next is possible."""
    key, now = _build_key(name, subject), timezone.now()
    counted = QuotaUse.objects.filter(pk=key, ends_at__gt=now, used__lt=most)
    if counted.update(used=F("used") + 1):
        return None
    full = QuotaUse.objects.filter(pk=key, ends_at__gt=now).first()
    if full is not None:
        return full.ends_at
    if QuotaUse.objects.filter(pk=key, ends_at__lte=now).update(used=1, ends_at=now + within):
        return None
    try:
        with transaction.atomic():
            QuotaUse.objects.create(pk=key, used=1, ends_at=now + within)
    except IntegrityError:  # another request has just inserted the row
        return None if counted.update(used=F("used") + 1) else now + within
    return None


def give_back(name: str, subject: object) -> None:
    """Take one use back, because the counted action did not happen."""
    QuotaUse.objects.filter(pk=_build_key(name, subject), used__gt=0).update(used=F("used") - 1)


def find_free_time(name: str, subject: object, most: int) -> datetime | None:
    """Return the time at which the next use is possible; None if one is possible now."""
    full = QuotaUse.objects.filter(pk=_build_key(name, subject), ends_at__gt=timezone.now(), used__gte=most).first()
    return full.ends_at if full else None


def forget_expired() -> None:
    """Delete expired counts, a bounded number at once."""
    old = QuotaUse.objects.filter(ends_at__lte=timezone.now()).order_by("ends_at").values_list("pk", flat=True)
    QuotaUse.objects.filter(pk__in=list(old[:_EXPIRED_AT_ONCE]), ends_at__lte=timezone.now()).delete()


def _build_key(name: str, subject: object) -> str:
    """Return a hash of name and subject: of fixed length, and no address is in the table."""
    return hashlib.sha256(f"{name} {subject}".encode()).hexdigest()
