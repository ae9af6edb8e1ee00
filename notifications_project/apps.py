from __future__ import annotations

import logging
import os

from django.apps import AppConfig
from django.conf import settings

from notifications_project.environment import describe_misspelt
from notifications_project.supervisor import STOP_FD


class ProjectConfig(AppConfig):
    name = "notifications_project"
    label = "console"

    def ready(self) -> None:
        """Warn of variables that are probably misspelt; once, not again in each process that `up` starts."""
        if settings.MISSPELT and STOP_FD not in os.environ:
            logging.getLogger(__name__).warning("The environment: %s", describe_misspelt(settings.MISSPELT))
