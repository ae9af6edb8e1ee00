"""Give lanes a column for what the last bit of their token said before: that they were reset during their lease.

A lease of the old kind whose token has that bit is nobody's, and runs out within the minute.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("hooks", "0022_pump_heartbeat")]

    operations = [
        migrations.AddField("lane", "was_reset", models.BooleanField(default=False, db_default=False)),
    ]
