from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("hooks", "0016_address_key_indexes")]

    operations = [
        migrations.AddField("circuit", "allowance", models.FloatField(db_default=0, default=0)),
        migrations.AddField("circuit", "allowance_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("circuit", "refusals", models.PositiveIntegerField(db_default=0, default=0)),
        migrations.AddField("circuit", "refusals_since", models.DateTimeField(blank=True, null=True)),
    ]
