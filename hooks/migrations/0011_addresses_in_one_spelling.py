"""Mail addresses in the one stored form (`mail_addresses`), in small batches. Run again, it changes nothing.

Two spellings of one address in an organization become one endpoint: it gets what waits and who unsubscribed. The other
one is kept, deleted, for its history and for the links in old mails.
"""

from django.db import migrations, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Lower
from django.utils import timezone

from notifications_project.mail.addresses import normalize_if_valid

_BATCH = 500


def respell(apps, schema_editor):
    db = schema_editor.connection.alias
    _respell_hooks(apps.get_model("hooks", "Hook").objects.using(db))
    endpoints = apps.get_model("hooks", "Endpoint").objects.using(db).defer("secrets")
    for endpoint in _each(endpoints.filter(kind="email", deleted_at__isnull=True)):
        if not endpoint.address.isascii():
            with transaction.atomic(using=db):
                _respell_endpoint(apps, db, endpoint)


def _each(rows):
    after = None
    while True:
        batch = list((rows if after is None else rows.filter(pk__gt=after)).order_by("pk")[:_BATCH])
        if not batch:
            return
        after = batch[-1].pk
        yield from batch


def _respell_hooks(hooks):
    for hook in _each(hooks.filter(kind="email").exclude(notify_addresses=[]).only("notify_addresses")):
        if all(address.isascii() for address in hook.notify_addresses):
            continue
        spelt = [normalize_if_valid(address) for address in hook.notify_addresses]
        hooks.filter(pk=hook.pk).update(notify_addresses=list({each.lower(): each for each in spelt}.values()))


def _respell_endpoint(apps, db, endpoint):
    stored = normalize_if_valid(endpoint.address)
    if stored == endpoint.address:  # no mail can be sent there: it is stopped at the first
        return
    endpoints = apps.get_model("hooks", "Endpoint").objects.using(db)
    if _was_mailed_elsewhere(endpoint.address, stored):
        # What is known of it (that it confirmed, that it was refused) is of somebody else's mailbox.
        endpoint.confirmed_at = endpoint.asked_at = endpoint.ask_at = None
        endpoint.disabled_at, endpoint.disabled_reason = None, ""
    others = endpoints.defer("secrets").filter(organization=endpoint.organization_id, kind="email")
    kept = others.annotate(lower=Lower("address")).filter(lower=stored.lower()).exclude(pk=endpoint.pk).first()
    if kept is None:
        endpoint.address = stored
        endpoint.save(update_fields=["address", "confirmed_at", "asked_at", "ask_at", "disabled_at", "disabled_reason"])
        return
    _move_unsubscriptions(apps, db, endpoint, kept)
    _move_waiting(apps, db, endpoint, kept)
    kept.confirmed_at = kept.confirmed_at or endpoint.confirmed_at
    kept.asked_at = kept.asked_at or endpoint.asked_at
    if kept.confirmed_at or kept.asked_at:
        kept.ask_at = None
    if endpoint.disabled_at and not kept.disabled_at:
        kept.disabled_at, kept.disabled_reason = endpoint.disabled_at, endpoint.disabled_reason
    kept.save(update_fields=["confirmed_at", "asked_at", "ask_at", "disabled_at", "disabled_reason"])
    endpoints.filter(pk=endpoint.pk).update(
        deleted_at=timezone.now(), ask_at=None, disabled_at=None, disabled_reason="", failing_since=None
    )


def _was_mailed_elsewhere(address, stored):
    """Return True if mail to this spelling went to another domain by the rules of 2003 (`faß` was `fass`)."""
    try:
        domain = address.rpartition("@")[2].encode("idna").decode()
    except UnicodeError:
        return True  # it went nowhere
    return domain.lower() != stored.rpartition("@")[2]


def _move_unsubscriptions(apps, db, endpoint, kept):
    unsubscriptions = apps.get_model("hooks", "Unsubscription").objects.using(db)
    there = unsubscriptions.filter(endpoint=kept.pk).values_list("hook", flat=True)
    unsubscriptions.filter(endpoint=endpoint.pk).exclude(hook__in=list(there)).update(endpoint=kept.pk)


def _move_waiting(apps, db, endpoint, kept):
    """Move waiting deliveries to the endpoint that is kept, except those that are owed there anyway."""
    deliveries = apps.get_model("hooks", "Delivery").objects.using(db)
    waiting = deliveries.filter(lane=endpoint.lane_id, endpoint=endpoint.pk, state="pending")
    twice = waiting.filter(Exists(deliveries.filter(endpoint=kept.pk, event=OuterRef("event"))))
    why = "Another spelling of this address is told"
    pks = list(twice.values_list("pk", flat=True))
    for start in range(0, len(pks), _BATCH):
        deliveries.filter(pk__in=pks[start : start + _BATCH]).update(
            state="cancelled", outcome=why, settled_at=timezone.now(), due_at=None, quiet_until=None
        )
    held = {"due_at": None} if kept.disabled_at or endpoint.disabled_at else {}
    pks = list(waiting.values_list("pk", flat=True))
    for start in range(0, len(pks), _BATCH):
        deliveries.filter(pk__in=pks[start : start + _BATCH]).update(endpoint=kept.pk, **held)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0005_addresses_in_one_spelling"),
        ("hooks", "0010_delivery_ids_follow"),
    ]

    operations = [
        migrations.RunPython(respell, migrations.RunPython.noop, elidable=True),
    ]
