"""Store the words of the console by their code: these columns become texts without a limit of their own.

PostgreSQL writes no row anew for this. What is there is text already, and stays: it is shown as it is.
"""

from django.db import migrations

import hooks.models.remark_field


class Migration(migrations.Migration):
    dependencies = [
        ("hooks", "0020_refusals_by_minute"),
    ]

    operations = [
        migrations.AlterField(
            model_name="attempt",
            name="explanation",
            field=hooks.models.remark_field.RemarkField(),
        ),
        migrations.AlterField(
            model_name="circuit",
            name="last_error",
            field=hooks.models.remark_field.RemarkField(blank=True),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="outcome",
            field=hooks.models.remark_field.RemarkField(blank=True),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="disabled_reason",
            field=hooks.models.remark_field.RemarkField(blank=True),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="last_answer",
            field=hooks.models.remark_field.RemarkField(blank=True),
        ),
    ]
