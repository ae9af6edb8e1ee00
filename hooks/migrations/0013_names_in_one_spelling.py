"""Names of hooks and devices take the spelling in which they are searched for from now on."""

import unicodedata

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def give_names_one_spelling(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for model in ("Hook", "Device"):
        rows = apps.get_model("hooks", model).objects.using(schema_editor.connection.alias)
        # Read as a whole before anything is written: two short texts of each row.
        for pk, name in list(rows.values_list("pk", "name")):
            if (spelled := unicodedata.normalize("NFC", name)) != name:
                rows.filter(pk=pk, name=name).update(name=spelled[:100])


class Migration(migrations.Migration):
    atomic = False  # each name by itself

    dependencies = [("hooks", "0012_extra_tries")]

    operations = [migrations.RunPython(give_names_one_spelling, migrations.RunPython.noop, elidable=True)]
