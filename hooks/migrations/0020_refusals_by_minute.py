"""Answers that count against this server are counted by minute; those of the last ten minutes are forgotten once."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("hooks", "0019_digests_by_key")]

    operations = [
        migrations.RemoveField("circuit", "refusals"),
        migrations.RemoveField("circuit", "refusals_since"),
        migrations.AddField(
            "circuit",
            "refusals_by_minute",
            models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
    ]
