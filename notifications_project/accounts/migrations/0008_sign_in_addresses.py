"""Store sign-in addresses in lower case, as sign-in looks them up: with capitals users could not sign in."""

from django.db import migrations
from django.db.models.functions import Lower

_BATCH = 500


def lower_case(apps, schema_editor):
    addresses = apps.get_model("account", "EmailAddress").objects.using(schema_editor.connection.alias)
    rows = addresses.exclude(email=Lower("email")).order_by("pk")
    after = 0
    while batch := list(rows.filter(pk__gt=after).values_list("pk", "email")[:_BATCH]):
        after = batch[-1][0]
        for pk, email in batch:
            if not addresses.filter(email=email.lower()).exists():
                addresses.filter(pk=pk).update(email=email.lower())


class Migration(migrations.Migration):
    atomic = False  # each address in a transaction of its own, none of which is long

    dependencies = [
        ("accounts", "0007_email_changes"),
        ("account", "0001_initial"),
    ]

    operations = [migrations.RunPython(lower_case, migrations.RunPython.noop, elidable=True)]
