from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("hooks", "0012_extra_tries")]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="address_key",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
    ]
