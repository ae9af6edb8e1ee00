"""Store users' addresses in their normalized form, in small batches; a second run changes nothing."""

import logging

from django.db import migrations, transaction
from django.db.models.functions import Lower

from notifications_project.mail.addresses import normalize_if_valid

_BATCH = 500
logger = logging.getLogger(__name__)


def respell_users(apps, schema_editor):
    users = apps.get_model("accounts", "User").objects.using(schema_editor.connection.alias)
    addresses = apps.get_model("account", "EmailAddress").objects.using(schema_editor.connection.alias)
    after = None
    while True:
        rows = users.order_by("pk") if after is None else users.filter(pk__gt=after).order_by("pk")
        batch = list(rows.values_list("pk", "email")[:_BATCH])
        if not batch:
            return
        after = batch[-1][0]
        for pk, email in batch:
            if not email.isascii():
                _respell(users, addresses, pk, email)


def _respell(users, addresses, pk, email):
    stored = normalize_if_valid(email)
    if stored == email:  # the address is not valid: no mail can be sent there in any form
        return
    others = users.annotate(lower=Lower("email")).filter(lower=stored.lower()).exclude(pk=pk)
    if others.exists():
        # A program cannot merge two accounts, as their rights differ.
        logger.warning("user %s has another spelling of the address of user %s", pk, others.first().pk)
        return
    with transaction.atomic(using=users.db):
        users.filter(pk=pk).update(email=stored)
        if not addresses.filter(user=pk, email=stored.lower()).exists():
            addresses.filter(user=pk, email=email.lower()).update(email=stored.lower())


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0004_counters"),
        ("account", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(respell_users, migrations.RunPython.noop, elidable=True),
    ]
