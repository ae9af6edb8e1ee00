"""event -> message; one file a format. The registry below is the only other place that names one."""

from hooks.formats.base import Format
from hooks.formats.mail import Mail
from hooks.formats.raw import Raw

FORMATS: dict[str, Format] = {kind.name: kind() for kind in (Raw, Mail)}


def webhook_formats() -> list[Format]:
    """The formats a webhook can have, in the order in which pages offer them."""
    return [known for known in FORMATS.values() if known.transport == "http"]


__all__ = ["FORMATS", "Format", "webhook_formats"]
