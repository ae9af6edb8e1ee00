from __future__ import annotations

import logging
import os

from django.apps import AppConfig
from django.conf import settings

from notifications_project.environment import describe_misspelt
from notifications_project.runtime.logs import MaskedRecord

_TOLD = "CONSOLE_TOLD"  # in the environment, which the processes that this one starts or becomes inherit


class ProjectConfig(AppConfig):
    name = "notifications_project"
    label = "console"

    def ready(self) -> None:
        """Mask what is logged. Warn of variables that are probably misspelt; once, not in each process of `up`."""
        logging.setLogRecordFactory(MaskedRecord)
        if settings.MISSPELT and os.environ.get(_TOLD) != "true":
            os.environ[_TOLD] = "true"
            logging.getLogger(__name__).warning("The environment: %s", describe_misspelt(settings.MISSPELT))
