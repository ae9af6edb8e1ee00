"""Webhooks that were there before keep to the limits of Discord and PagerDuty as well.

Lanes that lead to Discord get a transport of their own; PagerDuty's get its pace where nobody chose another. In small
batches, each in a transaction of its own: if it is interrupted, it goes on where it was. Backwards, the transport is
HTTP again; a pace stays, as it may have been chosen since.
"""

from collections.abc import Iterator
from typing import Any

from django.apps.registry import Apps
from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from notifications_project.network.web_address import get_host

_BATCH = 500
_DISCORD = ("discord.com", "discordapp.com")
_PACE = {"rate": 2.0, "burst": 10}


def give_discord_its_transport(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give lanes their transport by the host alone, whatever the format: only the host is in the clear in an address."""
    rows = apps.get_model("hooks", "Endpoint").objects.filter(kind="webhook", lane__transport="http")
    for batch in _batches(rows.filter(address__icontains="discord"), "address", "lane_id"):
        _update(apps, [lane for _, address, lane in batch if _is_discord(address)], transport="discord")


def take_discord_its_transport(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for batch in _batches(apps.get_model("hooks", "Lane").objects.filter(transport="discord")):
        _update(apps, [lane for (lane,) in batch], transport="http")


def pace_pagerduty(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    rows = apps.get_model("hooks", "Endpoint").objects.filter(format="pagerduty", lane__rate=None)
    for batch in _batches(rows, "lane_id"):
        _update(apps, [lane for _, lane in batch], **_PACE)


def _is_discord(address: str) -> bool:
    host = get_host(address)
    return any(host == each or host.endswith(f".{each}") for each in _DISCORD)


def _update(apps: Apps, lanes: list[int], **values: Any) -> None:
    with transaction.atomic():
        found = apps.get_model("hooks", "Lane").objects.filter(pk__in=lanes)
        if "rate" in values:
            found = found.filter(rate=None)
        # In the order in which everybody locks lanes: two who lock the same ones do not wait for each other.
        locked = list(found.select_for_update().order_by("pk").values_list("pk", flat=True))
        found.filter(pk__in=locked).update(**values)


def _batches(rows: Any, *columns: str) -> Iterator[list[tuple[Any, ...]]]:
    """Rows, so many at a time, in the order of their keys: the key and these columns."""
    rows, last = rows.order_by("pk"), None
    while batch := list((rows.filter(pk__gt=last) if last else rows).values_list("pk", *columns)[:_BATCH]):
        yield batch
        last = batch[-1][0]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("hooks", "0017_limits_of_hosts")]

    operations = [
        migrations.RunPython(give_discord_its_transport, take_discord_its_transport),
        migrations.RunPython(pace_pagerduty, migrations.RunPython.noop),
    ]
