from __future__ import annotations

import logging
import os

from django.apps import AppConfig
from django.conf import settings

from notifications_project.environment import describe_misspelt
from notifications_project.runtime.logs import MaskedRecord

_TOLD = "CONSOLE_TOLD"  # set in the environment, so that child processes do not warn again


class ProjectConfig(AppConfig):
    name = "notifications_project"
    label = "console"

    def ready(self) -> None:
        """Mask secrets in log records, and warn of misspelt variables: once, not in each process of `up`."""
        logging.setLogRecordFactory(MaskedRecord)
        if settings.MISSPELT and os.environ.get(_TOLD) != "true":
            os.environ[_TOLD] = "true"
            logging.getLogger(__name__).warning("The environment: %s", describe_misspelt(settings.MISSPELT))
