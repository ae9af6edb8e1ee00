"""The iPhones and iPads of users: registering, renaming and removing them.

An app tells its device token at each start, so registering again is the rule: it says that the token is valid now. A
token belongs to whoever registered it last. All of it happens in the user's personal space.
"""

from __future__ import annotations

import re
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext

from hooks import clock
from hooks.endpoints import lookup
from hooks.locking import lock_endpoint, lock_endpoints, lock_organizations_of
from hooks.messages import Transport
from hooks.models import Channel, Delivery, Device, Endpoint
from hooks.remarks import Remark, RemarkCode, shorten
from notifications_project.accounts import audit
from notifications_project.accounts.models import Organization, User
from notifications_project.accounts.organizations import ensure_personal_space
from notifications_project.encryption import hash_with_each_key, hash_with_key
from notifications_project.field_errors import FieldErrors
from notifications_project.spelling import is_visible, normalize_text

MOST = 20  # devices of a user
_TOKEN = re.compile(r"[0-9a-f]{64,200}")  # Apple says that its length may change


class InvalidDevice(FieldErrors):
    """A device was sent with an invalid token or name."""


def explain_no_push() -> str:
    """Return why nothing can be pushed to any device; empty if pushing works."""
    if settings.PUSH_CONFIGURED:
        return ""
    return gettext("iOS push is not configured here: the operator has to set APNS_KEY and its related settings.")


@transaction.atomic
def register(user: User, token: str, name: str) -> tuple[Device, bool]:
    """Register a device token; return the user's device and whether it is new. Raises InvalidDevice.

    Registering a known device again sets `registered_at` to now. A token is taken from the user who had it before. The
    first device makes the user's iOS channel.
    """
    token = token.strip().lower()
    _check(_find_token_problem(token) | _find_name_problem(name))
    _wait_for_others(token)
    space = ensure_personal_space(user)
    having = Device.objects.filter(
        endpoint__kind=Endpoint.Kind.DEVICE, endpoint__address_key__in=hash_with_each_key(token)
    )
    others = list(having.exclude(user=user).order_by("pk"))
    # Routing may have read the other device already; without the locks it would add a delivery to a removed device.
    lock_organizations_of([other.user_id for other in others], space.pk)
    now = clock.now()
    for other in others:
        _end(other, None, Remark(RemarkCode.DEVICE_OF_ANOTHER))
    device = having.filter(user=user).first()
    if device and lock_endpoint(device.endpoint_id).deleted_at is None:
        _refresh(device, user, normalize_text(name), now)
        return device, False
    _replace_unreadable(user, normalize_text(name))
    if Device.objects.filter(user=user).count() >= MOST:
        raise InvalidDevice(
            {"token": gettext("You already have %(number)s devices: remove one first.") % {"number": MOST}}
        )
    Channel.objects.get_or_create(user=user, kind=Channel.Kind.IOS)
    endpoint = _get_or_create_endpoint(space, token, now)
    device = Device.objects.create(user=user, name=normalize_text(name), endpoint=endpoint, registered_at=now)
    audit.record(space, user, "device.registered", device.name)
    return device, True


@transaction.atomic
def rename(device: Device, name: str) -> None:
    """Rename a device. Raises InvalidDevice."""
    _check(_find_name_problem(name))
    before, device.name = device.name, normalize_text(name)
    if before != device.name and Device.objects.filter(pk=device.pk).update(name=device.name):
        audit.record(_get_space(device), device.user, "device.renamed", before, after=device.name)


@transaction.atomic
def remove(device: Device) -> None:
    """Remove a device for its user: deliveries that wait for it are cancelled. The channel stays."""
    lock_organizations_of([device.user_id])
    _end(device, device.user, Remark(RemarkCode.DEVICE_REMOVED))


def forget(endpoint: Endpoint, why: str) -> None:
    """Remove a device to which, as Apple says, nothing can arrive any more. The caller has locked `endpoint`."""
    device = Device.objects.filter(endpoint=endpoint).select_related("user", "endpoint").first()
    if device:
        _end(device, None, why)


def _end(device: Device, actor: User | None, why: str) -> None:
    """Delete the row of a device; its endpoint is kept for the history."""
    endpoint = lock_endpoint(device.endpoint_id)
    if not Device.objects.filter(pk=device.pk).delete()[0]:
        return  # it was removed meanwhile
    endpoint.deleted_at = clock.now()
    endpoint.save(update_fields=["deleted_at"])
    Delivery.objects.pending_for(endpoint).cancel(shorten(why, 200), endpoint.deleted_at)
    reason = {} if actor else {"reason": why}
    audit.record(_get_space(device), actor, "device.removed", device.name, **reason)


def _refresh(device: Device, user: User, name: str, now: datetime) -> None:
    rename(device, name)
    device.registered_at = now
    device.save(update_fields=["registered_at"])
    Endpoint.objects.filter(pk=device.endpoint_id).update(
        options=_build_options(now), failing_since=None, failed=0, failed_since=None
    )


def _get_or_create_endpoint(space: Organization, token: str, now: datetime) -> Endpoint:
    """Return the endpoint of a device token in this space: the one it had before, or a new one."""
    known = Endpoint.objects.filter(
        organization=space, kind=Endpoint.Kind.DEVICE, address_key__in=hash_with_each_key(token)
    )
    endpoint = next(iter(lock_endpoints(known.without_secrets())), None)
    if endpoint is None:
        endpoint = Endpoint(
            organization=space,
            kind=Endpoint.Kind.DEVICE,
            format="apns",
            options=_build_options(now),
            lane=lookup.get_or_create_lane(space, Transport.APNS),
        )
        endpoint.set_address(token)
        endpoint.save()
        return endpoint
    endpoint.deleted_at = endpoint.failing_since = endpoint.failed_since = None
    endpoint.failed = 0
    endpoint.options = _build_options(now)
    endpoint.save(update_fields=["deleted_at", "failing_since", "failed", "failed_since", "options"])
    return endpoint


def _replace_unreadable(user: User, name: str) -> None:
    """Remove the device of this name if no key reads its token: it cannot be compared with the new token."""
    for device in Device.objects.filter(user=user, name=name).select_related("endpoint"):
        if not device.endpoint.whole_address:
            _end(device, None, Remark(RemarkCode.DEVICE_UNREADABLE))


def _build_options(registered_at: datetime) -> dict[str, int]:
    """Return what the transport has to know of a device: Apple says in milliseconds since when a token is dead."""
    return {"registered_at": int(registered_at.timestamp() * 1000)}


def _wait_for_others(token: str) -> None:
    """Lock a token, so that two users who register it at the same time do not both have it.

    SQLite needs no lock: it has one writer.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"device {hash_with_key(token)}"])


def _get_space(device: Device) -> Organization:
    return Organization.objects.get(pk=device.user_id)


def _check(errors: dict[str, str]) -> None:
    if errors:
        raise InvalidDevice(errors)


def _find_token_problem(token: str) -> dict[str, str]:
    return (
        {}
        if _TOKEN.fullmatch(token)
        else {"token": gettext("Must be the device token in hexadecimal, 64 to 200 digits.")}
    )


def _find_name_problem(name: str) -> dict[str, str]:
    if not name.strip():
        return {"name": gettext("Enter a name for the device.")}
    if len(name) > 100 or not is_visible(name):
        return {"name": gettext("A name has at most 100 characters, all of them visible.")}
    return {}
