"""Store the names of applications and add-ons in the form NFC: in other forms two names can look the same.

Two resources whose names are equal in that form are not merged, as hooks and settings chose one of them or the other.
Events that name it go to the resource that had the form already; the other gets a different name, so that people see
that there are two.
"""

import unicodedata
import uuid
from datetime import UTC, datetime

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

_CHUNK = 500
_LONGEST = 100
_OTHER = " (other spelling)"


def give_names_one_spelling(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    alias = schema_editor.connection.alias
    resources = apps.get_model("events", "Resource").objects.using(alias)
    audit = apps.get_model("accounts", "AuditEntry").objects.using(alias)
    last = uuid.UUID(int=0)
    while rows := list(resources.filter(pk__gt=last).order_by("pk")[:_CHUNK]):
        last = rows[-1].pk
        for row in rows:
            name = unicodedata.normalize("NFC", row.name).strip()[:_LONGEST]
            if not name or name == row.name:
                continue
            alike = resources.filter(organization_id=row.organization_id, kind=row.kind)
            after, number = name, 1
            while alike.filter(name=after).exists():
                ending = _OTHER if number == 1 else f"{_OTHER} {number}"
                after, number = name[: _LONGEST - len(ending)] + ending, number + 1
            resources.filter(pk=row.pk).update(name=after)
            audit.create(
                id=_id(),
                organization_id=row.organization_id,
                actor_name="system",
                action=f"{row.kind}.renamed",
                target=row.name,
                detail={"after": after},
            )


def _id() -> uuid.UUID:
    """Return a version 7 UUID."""
    milliseconds = int(datetime.now(UTC).timestamp() * 1000)
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0x2 << 62 | uuid.uuid4().int & (1 << 62) - 1)


class Migration(migrations.Migration):
    atomic = False  # each name in a transaction of its own: a second run goes on after an interrupted one

    dependencies = [("accounts", "0001_initial"), ("events", "0002_fewer_indexes")]

    operations = [migrations.RunPython(give_names_one_spelling, migrations.RunPython.noop, elidable=True)]
