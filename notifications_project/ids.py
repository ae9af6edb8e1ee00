"""Ids are UUIDs inside the console and get a prefix outside of it, such as `orga_5f0c…`; this module converts them.

Owners, resources and hooks have UUIDs of version 4; events, deliveries and attempts have version 7, which sorts by
time (docs/architecture.md). Clever Cloud's tools accept only versions 1 to 5 for the former.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
import time
from datetime import datetime
from uuid import UUID

import uuid6

_RANDOM = 62  # the last bits, behind milliseconds, version, a counter of twelve bits, and variant
_COUNTER = 0xFFF << 64
_last = 0
_counting = threading.Lock()


def uuid7() -> UUID:
    """Return a new version 7 UUID, which compares greater than every earlier one of this process.

    UUIDs of the same millisecond have a counter in front of their random bits (RFC 9562, section 6.2). The library
    moves each of them a millisecond ahead instead: a thousand events would carry times in the future, and later
    events of other processes would sort before them. `derive_uuid7` keeps the order, because it keeps the counter.
    """
    global _last
    with _counting:
        if time.time_ns() // 1_000_000 > _last >> 80:
            _last = uuid6.uuid7().int & ~(1 << 75)  # clear the counter's highest bit, so that it has room to count
        elif _last & _COUNTER == _COUNTER:  # the clock was set back: it goes on in the millisecond that follows
            _last = ((_last >> 80) + 1 << 80) | 0x7 << 76 | 0x2 << _RANDOM
        else:
            _last += 1 << 64
        return UUID(int=_last >> _RANDOM << _RANDOM | secrets.randbits(_RANDOM))


def derive_uuid7(first: UUID, *names: UUID | str) -> UUID:
    """Return a version 7 UUID that depends on the arguments alone; two of them sort as their `first` do."""
    named = "/".join(map(str, (first, *names)))
    rest = int.from_bytes(hashlib.sha256(named.encode()).digest()) & (1 << _RANDOM) - 1
    return UUID(int=first.int >> _RANDOM << _RANDOM | rest)


def make_smallest_uuid7(when: datetime) -> UUID:
    """Return the smallest version 7 UUID of that time."""
    return UUID(int=int(when.timestamp() * 1000) << 80 | 0x7 << 76 | 0x2 << _RANDOM)


def _forget_the_last() -> None:
    global _last
    _last = 0


os.register_at_fork(after_in_child=_forget_the_last)  # else parent and child would count on from the same UUID


def encode(prefix: str, value: UUID) -> str:
    return f"{prefix}_{value}"


class PublicId(UUID):
    """An id that came from outside; `public_id` is the id as it was written there, with its prefix.

    Owners and resources have two prefixes each, and only the row says which of them is right: compare `public_id`
    with the row's own, or have the query compare them (`Resource.objects.for_ids`).
    """

    __slots__ = ("public_id",)
    public_id: str

    def __init__(self, prefix: str, rest: str) -> None:
        super().__init__(rest)
        object.__setattr__(self, "public_id", f"{prefix}_{rest}")

    @property
    def prefix(self) -> str:
        return self.public_id.partition("_")[0]


def decode(text: str, *prefixes: str) -> PublicId:
    """Return the UUID in `text`, which must carry one of `prefixes`.

    Raises ValueError for anything but the canonical form, so that every row has exactly one id.
    """
    prefix, _, rest = text.partition("_")
    if prefix not in prefixes:
        raise ValueError(f"expected an id that begins with {' or '.join(p + '_' for p in prefixes)}")
    value = PublicId(prefix, rest)
    if str(value) != rest:
        raise ValueError("expected a lower-case UUID with dashes after the prefix")
    return value


class _Converter:
    """A path converter for ids: `<owner:organization>` in a URL gives a UUID to the view."""

    prefixes: tuple[str, ...] = ()
    regex = ""

    def __init_subclass__(cls) -> None:
        cls.regex = f"(?:{'|'.join(cls.prefixes)})_[0-9a-f-]{{36}}"

    def to_python(self, value: str) -> PublicId:
        return decode(value, *self.prefixes)

    def to_url(self, value: UUID | str) -> str:
        return value if isinstance(value, str) else encode(self.prefixes[0], value)


class OwnerConverter(_Converter):
    """Path converter for organizations, `orga_`, and personal spaces, `user_`."""

    prefixes = ("orga", "user")


class ResourceConverter(_Converter):
    """Path converter for applications, `app_`, and add-ons, `addon_`."""

    prefixes = ("app", "addon")


class UserConverter(_Converter):
    prefixes = ("user",)


class HookConverter(_Converter):
    prefixes = ("hook",)


class EventConverter(_Converter):
    prefixes = ("evt",)


class DeliveryConverter(_Converter):
    prefixes = ("dlv",)


class DeviceConverter(_Converter):
    prefixes = ("dev",)


class InvitationConverter(_Converter):
    prefixes = ("inv",)


CONVERTERS = {
    "owner": OwnerConverter,
    "resource": ResourceConverter,
    "user": UserConverter,
    "hook": HookConverter,
    "event": EventConverter,
    "delivery": DeliveryConverter,
    "device": DeviceConverter,
    "invitation": InvitationConverter,
}
