"""The URLs of webhooks and the tokens of devices are encrypted, and masked in what is recorded of attempts.

Done in small batches, each in a transaction of its own, on whatever of them is left: if it is interrupted, it goes on
where it was. Backwards, the addresses come back; what was masked in attempts stays masked.
"""

import uuid
from collections.abc import Iterator
from typing import Any

from django.apps.registry import Apps
from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Exists, OuterRef

from notifications_project import bulk
from notifications_project.encryption import Unreadable, hash_with_key
from notifications_project.masking import DOTS, find_secrets, mask, mask_to_host, replace_secrets

_BATCH = 500
_SECRET = ["webhook", "device"]
_TOPIC = "topic"  # of ntfy: it was an option that everybody could read


def encrypt_endpoints(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    Endpoint = apps.get_model("hooks", "Endpoint")
    left = Endpoint.objects.filter(kind__in=_SECRET, address_key="")
    for batch in _batches(left):
        with transaction.atomic():
            for endpoint in Endpoint.objects.select_for_update().filter(pk__in=batch, address_key=""):
                # What no key of ENCRYPTION_KEYS reads is not overwritten: the operator may put the key back. Such a
                # row is encrypted when its secret is rotated or its URL given anew.
                if not isinstance(endpoint.secrets, Unreadable):
                    _encrypt(Endpoint.objects, endpoint)


def _encrypt(endpoints: Any, endpoint: Any) -> None:
    whole = endpoint.address
    hidden = find_secrets(whole) if endpoint.kind == "webhook" else {}
    endpoint.secrets = {**endpoint.secrets, "address": whole}
    endpoint.last_answer = replace_secrets(endpoint.last_answer, hidden)[:200]
    endpoint.disabled_reason = replace_secrets(endpoint.disabled_reason, hidden)[:200]
    if endpoint.format == "ntfy" and _TOPIC in endpoint.options:
        topic = str(endpoint.options[_TOPIC])
        endpoint.secrets["options"] = {**endpoint.secrets.get("options", {}), _TOPIC: topic}
        endpoint.options = {**endpoint.options, _TOPIC: mask(topic)}
    key = hash_with_key(whole)
    twin = endpoints.filter(organization=endpoint.organization_id, kind="device", address_key=key)
    if endpoint.kind == "device" and twin.exists():
        # Two rows of one device cannot both be it: this one is over, and no token finds it.
        endpoint.secrets.pop("address")
        key = f"over {uuid.uuid4()}"
    endpoint.address, endpoint.address_key = mask_to_host(whole), key
    written = ["address", "address_key", "secrets", "options", "last_answer", "disabled_reason"]
    endpoint.save(update_fields=written)


def mask_attempts(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    Attempt = apps.get_model("hooks", "Attempt")
    Endpoint = apps.get_model("hooks", "Endpoint")
    of_url = Endpoint.objects.filter(pk=OuterRef("delivery__endpoint"), kind__in=_SECRET)
    for batch in _batches(Attempt.objects.filter(Exists(of_url))):
        attempts = Attempt.objects.filter(pk__in=batch).select_related("delivery__endpoint")
        changed = [attempt for attempt in attempts if _mask(attempt)]
        with transaction.atomic():
            bulk.update(Attempt, ["request", "response", "explanation"], changed)
            for attempt in changed:
                hidden = replace_secrets(attempt.delivery.outcome, attempt.hidden)[:200]
                if hidden != attempt.delivery.outcome:
                    type(attempt.delivery).objects.filter(pk=attempt.delivery_id).update(outcome=hidden)


def _mask(attempt: Any) -> bool:
    url = str(attempt.request.get("url", ""))
    if "://" not in url or DOTS in url:
        return False
    hidden = find_secrets(url)
    endpoint = attempt.delivery.endpoint
    if endpoint.format == "ntfy" and not isinstance(endpoint.secrets, Unreadable):
        topic = endpoint.secrets.get("options", {}).get(_TOPIC, "")
        hidden |= {topic: mask(topic)}
    attempt.hidden = hidden
    attempt.request = {**_without(attempt.request, hidden), "url": mask_to_host(url)}
    attempt.response = _without(attempt.response, hidden)
    attempt.explanation = replace_secrets(attempt.explanation, hidden)[:300]
    return True


def _without(value: Any, hidden: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {replace_secrets(name, hidden): _without(each, hidden) for name, each in value.items()}
    return replace_secrets(value, hidden) if isinstance(value, str) else value


def decrypt_endpoints(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    Endpoint = apps.get_model("hooks", "Endpoint")
    for batch in _batches(Endpoint.objects.exclude(address_key="")):
        with transaction.atomic():
            for endpoint in Endpoint.objects.select_for_update().filter(pk__in=batch):
                if isinstance(endpoint.secrets, Unreadable):
                    continue
                secrets = dict(endpoint.secrets)
                endpoint.address, endpoint.address_key = secrets.pop("address", endpoint.address), ""
                if endpoint.format == "ntfy" and _TOPIC in secrets.get("options", {}):
                    options = dict(secrets["options"])
                    endpoint.options = {**endpoint.options, _TOPIC: options.pop(_TOPIC)}
                    secrets["options"] = options
                endpoint.secrets = secrets
                endpoint.save(update_fields=["address", "address_key", "secrets", "options"])


def _batches(rows: Any) -> Iterator[list[Any]]:
    """The keys of rows, so many at a time, in their order."""
    rows, last = rows.order_by("pk"), None
    while batch := list((rows.filter(pk__gt=last) if last else rows).values_list("pk", flat=True)[:_BATCH]):
        yield batch
        last = batch[-1]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("hooks", "0014_address_key")]

    operations = [
        migrations.RunPython(encrypt_endpoints, decrypt_endpoints),
        migrations.RunPython(mask_attempts, migrations.RunPython.noop),
    ]
