"""Outside, an id is a prefix and a UUID (`orga_5f0c…`); inside, it is the UUID. This is the one converter.

Owners, resources and hooks are UUID version 4, events, deliveries and attempts version 7 (they sort by
time): DESIGN section 8. Clever Cloud's tools accept only versions 1 to 5 for the former (facts/clever-api.md, 3).
"""

from __future__ import annotations

from uuid import UUID

import uuid6

PREFIXES = ("orga", "user", "app", "addon", "hook", "evt", "dlv", "att")


def uuid7() -> UUID:
    """A new version 7 UUID: later ones of this process compare greater."""
    return uuid6.uuid7()


def encode(prefix: str, value: UUID) -> str:
    return f"{prefix}_{value}"


def decode(text: str, *prefixes: str) -> UUID:
    """The UUID in `text`, which must carry one of `prefixes`.

    Raises ValueError for anything but the canonical form, so that one thing has one id.
    """
    prefix, _, rest = text.partition("_")
    if prefix not in prefixes:
        raise ValueError(f"expected an id that begins with {' or '.join(p + '_' for p in prefixes)}")
    value = UUID(rest)
    if str(value) != rest:
        raise ValueError("expected a lower-case UUID with dashes after the prefix")
    return value


class _Converter:
    """A path converter: `<owner:organization>` in a URL gives a UUID to the view."""

    prefixes: tuple[str, ...] = ()
    regex = ""

    def __init_subclass__(cls) -> None:
        cls.regex = f"(?:{'|'.join(cls.prefixes)})_[0-9a-f-]{{36}}"

    def to_python(self, value: str) -> UUID:
        return decode(value, *self.prefixes)

    def to_url(self, value: UUID | str) -> str:
        return value if isinstance(value, str) else encode(self.prefixes[0], value)


class OwnerId(UUID):
    """The id of an organization or personal space in an address; it keeps how it was written there."""

    __slots__ = ("public_id",)
    public_id: str

    def __init__(self, text: str) -> None:
        super().__init__(int=decode(text, *OwnerConverter.prefixes).int)
        object.__setattr__(self, "public_id", text)


class OwnerConverter(_Converter):
    """Organizations (`orga_`) and personal spaces (`user_`): which of them it is, only the database knows."""

    prefixes = ("orga", "user")

    def to_python(self, value: str) -> OwnerId:
        return OwnerId(value)


class ResourceConverter(_Converter):
    prefixes = ("app", "addon")


class UserConverter(_Converter):
    prefixes = ("user",)


class HookConverter(_Converter):
    prefixes = ("hook",)


class EventConverter(_Converter):
    prefixes = ("evt",)


class DeliveryConverter(_Converter):
    prefixes = ("dlv",)


CONVERTERS = {
    "owner": OwnerConverter,
    "resource": ResourceConverter,
    "user": UserConverter,
    "hook": HookConverter,
    "event": EventConverter,
    "delivery": DeliveryConverter,
}
