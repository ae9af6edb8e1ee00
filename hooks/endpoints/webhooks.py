"""Endpoints with a URL, of hooks and of people's own channels: made, changed, and their secrets rotated.

What may stand in them is checked by who calls (`hooks.manage.validation`), as is who may do it.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext

from hooks.endpoints.options import mask_options, select_secret_options
from hooks.endpoints.validation import check
from hooks.formats import FORMATS, get_transport
from hooks.models import Endpoint, Lane
from hooks.queue import lanes, pending
from hooks.queue.wakeup import wake
from notifications_project.accounts.models import Organization
from notifications_project.encryption import Unreadable

ROTATION = timedelta(hours=24)  # how long the secret before is still signed with


def create_endpoint(
    organization: Organization, url: str, format: str, options: Mapping[str, Any], **pace: Any
) -> tuple[Endpoint, str]:
    """A new endpoint with a lane of its own, and its signing secret. `pace`: fields of the lane."""
    secret, known = make_secret(), FORMATS[format]
    if known.pace and pace.get("rate") is None:
        pace["rate"], pace["burst"] = known.pace
    endpoint = Endpoint(
        organization=organization,
        kind=Endpoint.Kind.WEBHOOK,
        format=format,
        options=mask_options(format, options),
        secrets={"signing": [{"key": secret, "until": None}], "options": select_secret_options(format, options)},
        lane=Lane.objects.create(organization=organization, transport=get_transport(url), **pace),
    )
    endpoint.set_address(url)
    endpoint.save()
    return endpoint, secret


def update_endpoint(endpoint: Endpoint, changes: Mapping[str, Any]) -> None:
    """Give it another `url`, `format` or `options` (all of them); what waits goes there. Raises InvalidRule.

    The endpoint is locked by the caller's transaction. If its secrets could not be read, a new URL takes their place.
    """
    lost = isinstance(endpoint.secrets, Unreadable)
    moved = "url" in changes and changes["url"] != endpoint.whole_address
    endpoint.format = changes.get("format", endpoint.format)
    if "url" in changes:
        endpoint.set_address(changes["url"])
    if "options" in changes:
        hidden = select_secret_options(endpoint.format, changes["options"])
        if isinstance(endpoint.secrets, Unreadable):
            check(
                {"url": gettext("The stored URL and secrets cannot be read any more: give the URL as well.")}
                if hidden
                else {}
            )
        else:
            endpoint.secrets = {**endpoint.secrets, "options": hidden}
        endpoint.options = mask_options(endpoint.format, changes["options"])
    if lost and moved and not FORMATS[endpoint.format].signed:  # nobody has to be told of this one
        endpoint.secrets = {**endpoint.secrets, "signing": [{"key": make_secret(), "until": None}]}
    endpoint.save(update_fields=["address", "address_key", "format", "options", "secrets"])
    if "format" in changes and (pace := FORMATS[endpoint.format].pace):
        Lane.objects.filter(pk=endpoint.lane_id, rate=None).update(rate=pace[0], burst=pace[1])
    if "url" in changes:
        transport = get_transport(changes["url"])
        Lane.objects.filter(pk=endpoint.lane_id).exclude(transport=transport).update(transport=transport)
    if moved:
        pending.forget_answers(endpoint)
        pending.reactivate(endpoint)


def rotate_secret(endpoint: Endpoint) -> tuple[str, bool]:
    """A new signing secret, and whether the one before was lost: no key of ENCRYPTION_KEYS reads it.

    The one before is signed with as well for 24 hours; if it was lost, what waited because of that goes out.
    """
    secret, lost = make_secret(), has_lost_secret(endpoint)
    until = int((timezone.now() + ROTATION).timestamp())
    if not endpoint.address_key:
        endpoint.set_address(endpoint.address)
    kept = {} if isinstance(endpoint.secrets, Unreadable) else endpoint.secrets
    before = [{"key": entry["key"], "until": until} for entry in kept.get("signing", [])[:1]]
    endpoint.secrets = {**kept, "signing": [{"key": secret, "until": None}, *before]}
    if lost:  # and with it the URL and the secret options: they are to be given anew
        gone = select_secret_options(endpoint.format, endpoint.options)
        endpoint.options = {name: value for name, value in endpoint.options.items() if name not in gone}
    endpoint.save(update_fields=["address", "address_key", "secrets", "options"])
    if lost:
        lanes.reset(endpoint.lane_id)
        wake()
    return secret, lost


def has_lost_secret(endpoint: Endpoint | None) -> bool:
    """Return True if no key of ENCRYPTION_KEYS reads the secret: nothing can be signed until there is a new one."""
    return endpoint is not None and (isinstance(endpoint.secrets, Unreadable) or not endpoint.secrets.get("signing"))


def has_lost_url(endpoint: Endpoint | None) -> bool:
    """Return True if no key of ENCRYPTION_KEYS reads the URL: nothing can be sent until there is a new one."""
    return endpoint is not None and not endpoint.whole_address


def make_secret() -> str:
    """A Standard Webhooks secret: `whsec_` and 32 random bytes in base64."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def adopt(format: str, url: str) -> tuple[str, dict[str, str]]:
    """A URL as it was pasted: the URL that it stands for, and the options that it holds."""
    return FORMATS[format].adopt(url) if format in FORMATS else (url, {})


def get_default_url(format: str) -> str:
    """Return the URL of a format that is used if none is given; empty if the format needs one."""
    return FORMATS[format].default_url if format in FORMATS else ""
