"""Name the table of heartbeats for what its rows are. It is renamed as it stands: the rows stay."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("hooks", "0021_remarks_by_code")]

    operations = [migrations.RenameModel("Pump", "PumpHeartbeat")]
