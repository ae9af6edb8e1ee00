"""The options of a webhook's format, as they are kept: the secret ones encrypted, and shown by their beginning at most.

`Endpoint.options` is what everybody may read, with the secret ones masked; `Endpoint.secrets["options"]` has these as
they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hooks.formats import FORMATS
from hooks.models import Endpoint
from notifications_project.encryption import Unreadable
from notifications_project.masking import mask


def select_secret_options(format: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are kept encrypted."""
    return FORMATS[format].select_secret_options(options) if format in FORMATS else {}


def mask_options(format: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """All of them, the secret ones masked."""
    return {**options, **{name: mask(str(value)) for name, value in select_secret_options(format, options).items()}}


def read_options(endpoint: Endpoint) -> dict[str, Any]:
    """All of them as they are; what no key of ENCRYPTION_KEYS reads is not among them."""
    lost = isinstance(endpoint.secrets, Unreadable)
    hidden = select_secret_options(endpoint.format, endpoint.options)
    kept = {name: value for name, value in endpoint.options.items() if name not in hidden}
    return kept | ({} if lost else endpoint.secrets.get("options", {}))


def merge_options(endpoint: Endpoint, format: str, sent: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options that a change leads to. A secret one that is not sent, or sent as it was shown, stays; None ends it.

    Another format begins with what is sent.
    """
    stands = read_options(endpoint) if format == endpoint.format else {}
    if sent is None:
        return stands
    shown, read = mask_options(format, stands), endpoint.options  # a row may have been masked by former rules
    # (Not a set: what programs send may be of any kind.)
    kept = {
        name: stands[name]
        for name in select_secret_options(format, stands)
        if sent.get(name, "") in (shown[name], read.get(name), "")
    }
    return {name: value for name, value in {**sent, **kept}.items() if value is not None}


def mask_endpoint_url(endpoint: Endpoint) -> str:
    """Return the endpoint's URL, masked, for readers who may change it."""
    return mask(endpoint.whole_address) or endpoint.address


def is_shown_url(endpoint: Endpoint, sent: str) -> bool:
    """Return True if a URL comes back from a form as it was shown: then the stored one stays."""
    return sent in (mask_endpoint_url(endpoint), endpoint.address)


def merge_url(endpoint: Endpoint, sent: str) -> str:
    """The URL that a change leads to."""
    return endpoint.whole_address if is_shown_url(endpoint, sent) else sent
