from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("hooks", "0013_names_in_one_spelling")]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="address_key",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
    ]
