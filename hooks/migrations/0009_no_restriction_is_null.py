"""A hook for every event has no list of events: an empty list meant everything here, and nothing for resources."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

_NOTHING = ["nothing"]  # no event type: the code before this knew only such a name as a choice of nothing


def have_no_list_for_every_event(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    hooks = apps.get_model("hooks", "Hook").objects.using(schema_editor.connection.alias)
    hooks.filter(events=[]).update(events=None)


def have_an_empty_list_for_every_event(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    hooks = apps.get_model("hooks", "Hook").objects.using(schema_editor.connection.alias)
    hooks.filter(events=[]).update(events=_NOTHING)
    hooks.filter(events__isnull=True).update(events=[])


class Migration(migrations.Migration):
    # The table is changed before the rows are, each at once: PostgreSQL alters no table that has changes to check.
    atomic = False

    dependencies = [("hooks", "0008_failing_for_good")]

    operations = [
        migrations.AlterField("hook", "events", models.JSONField(blank=True, null=True)),
        migrations.RunPython(have_no_list_for_every_event, have_an_empty_list_for_every_event),
    ]
