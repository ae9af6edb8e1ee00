"""What happens here when others tell: an event was stored, an organization was made, the database was migrated."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models.signals import post_migrate
from django.dispatch import receiver
from django_q.models import Schedule

from events.signals import events_recorded
from hooks import rules
from hooks.engine import wake
from notifications_project.accounts.models import Organization
from notifications_project.accounts.signals import organization_created


@receiver(events_recorded)
def wake_the_engine(sender: object, **kwargs: Any) -> None:
    wake()


@receiver(organization_created)
def add_the_default_hook(sender: object, organization: Organization, **kwargs: Any) -> None:
    rules.create_default_hook(organization)


@receiver(post_migrate, sender=apps.get_app_config("hooks"))
def keep_the_schedule(sender: object, using: str, **kwargs: Any) -> None:
    """The minute's sweep, as a django-q2 schedule; made by migrating, so that every installation has it once."""
    Schedule.objects.using(using).update_or_create(
        name="sweep",
        defaults={"func": "hooks.tasks.sweep", "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1},
    )
