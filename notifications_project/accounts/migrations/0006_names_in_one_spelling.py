"""Store the names of organizations and users in the form NFC, in which they are compared and searched."""

import unicodedata

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def give_names_one_spelling(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for model in ("Organization", "User"):
        rows = apps.get_model("accounts", model).objects.using(schema_editor.connection.alias)
        # All rows are read first, two short texts each, so that no cursor is open while rows are written.
        for pk, name in list(rows.values_list("pk", "name")):
            if (spelled := unicodedata.normalize("NFC", name)) != name:
                rows.filter(pk=pk, name=name).update(name=spelled[:100])


class Migration(migrations.Migration):
    atomic = False  # each name in a transaction of its own

    dependencies = [("accounts", "0005_addresses_in_one_spelling")]

    operations = [migrations.RunPython(give_names_one_spelling, migrations.RunPython.noop, elidable=True)]
