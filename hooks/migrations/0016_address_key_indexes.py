from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("hooks", "0015_encrypt_addresses")]

    operations = [
        migrations.AddIndex(
            model_name="endpoint",
            index=models.Index(fields=["address_key"], condition=~Q(address_key=""), name="endpoint_by_address_key"),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.UniqueConstraint(
                fields=["organization", "address_key"],
                condition=Q(kind="device") & ~Q(address_key=""),
                name="endpoint_device_unique",
            ),
        ),
    ]
