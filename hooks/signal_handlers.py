"""Receivers of signals: an event was stored, an organization was made, the database was migrated."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models.signals import post_migrate, post_save
from django.dispatch import receiver
from django_q.models import Schedule

from events.signals import events_recorded
from hooks.endpoints import readdressing
from hooks.manage import rules
from hooks.models import Hook
from hooks.queue import pending
from hooks.queue.wakeup import wake
from notifications_project.accounts.models import Organization, User
from notifications_project.accounts.signals import (
    account_mail_queued,
    email_changed,
    member_removed,
    organization_created,
)


@receiver([events_recorded, account_mail_queued])
def wake_the_engine(sender: object, **kwargs: Any) -> None:
    wake()


@receiver(organization_created)
def add_the_default_hook(sender: object, organization: Organization, **kwargs: Any) -> None:
    rules.create_default_hook(organization)


@receiver(member_removed)
def cancel_for_former_member(sender: object, organization: Organization, user: User, **kwargs: Any) -> None:
    """Stop telling members who left: hooks no longer name them, and their waiting deliveries are cancelled."""
    for hook in Hook.objects.existing().filter(organization=organization, notify_users=user):
        hook.notify_users.remove(user)
    pending.forget_member(organization, user)


@receiver(email_changed)
def send_to_the_new_address(sender: object, user: User, before: str, **kwargs: Any) -> None:
    readdressing.readdress(user, before)


@receiver(post_save, sender=User)
def cancel_for_deactivated_user(
    sender: object, instance: User, created: bool, update_fields: frozenset[str] | None = None, **kwargs: Any
) -> None:
    """However it was done: nothing is matched to them any more, and what waits ends here."""
    if instance.is_active or created or (update_fields is not None and "is_active" not in update_fields):
        return
    with transaction.atomic():
        pending.forget_user(instance)


@receiver(post_migrate, sender=apps.get_app_config("hooks"))
def keep_the_schedule(sender: object, using: str, **kwargs: Any) -> None:
    """The minute's sweep, as a django-q2 schedule; made by migrating, so that every installation has it once."""
    Schedule.objects.using(using).update_or_create(
        name="sweep",
        defaults={"func": "hooks.tasks.sweep", "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1},
    )
