"""Let deliveries that were told in a digest name it by key, not in their words alone.

The digests of deliveries that are there are read from what their outcome says, for the last time. In small batches,
each in a transaction of its own: if it is interrupted, it goes on where it was. Backwards, the words still say it.
"""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.apps.registry import Apps
from django.db import migrations, models, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from notifications_project import ids

_BATCH = 500
_TOLD = "Told in one digest: "


def name_digests(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    deliveries = apps.get_model("hooks", "Delivery").objects
    told = deliveries.filter(state="cancelled", outcome__startswith=_TOLD, digest=None).order_by("pk")
    last: UUID | None = None
    while batch := list((told.filter(pk__gt=last) if last else told).values_list("pk", "outcome")[:_BATCH]):
        last = batch[-1][0]
        with transaction.atomic():
            _name(deliveries, batch)


def _name(deliveries: Any, batch: list[tuple[UUID, str]]) -> None:
    of: dict[UUID, list[UUID]] = defaultdict(list)
    for pk, outcome in batch:
        try:
            of[ids.decode(outcome.removeprefix(_TOLD), "dlv")].append(pk)
        except ValueError:
            continue  # written by hand: its words stay
    # In the order in which everybody locks deliveries: two who lock the same ones do not wait for each other.
    locked = deliveries.filter(pk__in=[pk for pks in of.values() for pk in pks], state="cancelled")
    list(locked.select_for_update().order_by("pk").values_list("pk"))
    for digest, pks in of.items():
        deliveries.filter(pk__in=pks, state="cancelled").update(digest=digest)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("hooks", "0018_lanes_of_limited_hosts")]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="digest",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=models.DO_NOTHING,
                related_name="+",
                to="hooks.delivery",
            ),
        ),
        migrations.RunPython(name_digests, migrations.RunPython.noop),
    ]
