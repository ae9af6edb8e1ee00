"""`manage.py qcluster_watched` runs a django-q2 cluster whose leader watches it; `worker` and `up` start it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from notifications_project.runtime import cluster


class Command(BaseCommand):
    help = "Run a django-q2 cluster that ends when it stands still; worker and up start it, and start it again."

    def handle(self, *args: Any, **options: Any) -> None:
        cluster.lead()
