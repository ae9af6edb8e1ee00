import django.utils.timezone
from django.db import migrations, models


def confirm_who_was_told(apps, schema_editor):
    """Addresses that were e-mailed before anybody was asked go on being e-mailed."""
    Endpoint = apps.get_model("hooks", "Endpoint")
    Delivery = apps.get_model("hooks", "Delivery")
    told = models.Exists(Delivery.objects.filter(lane=models.OuterRef("lane"), endpoint=models.OuterRef("pk")))
    mails = Endpoint.objects.using(schema_editor.connection.alias).filter(kind="email", confirmed_at__isnull=True)
    mails.filter(told).update(confirmed_at=django.utils.timezone.now())


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("hooks", "0005_channels_and_mailing"),
    ]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="ask_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="endpoint",
            index=models.Index(
                condition=models.Q(("ask_at__isnull", False)), fields=["ask_at"], name="endpoint_to_ask"
            ),
        ),
        migrations.RunPython(confirm_who_was_told, migrations.RunPython.noop, elidable=True),
    ]
