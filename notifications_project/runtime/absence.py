"""The log says once that a service is away and once that it is back, however often it is tried meanwhile."""

from __future__ import annotations

import ctypes
import logging
from multiprocessing.sharedctypes import RawValue

logger = logging.getLogger(__name__)

_LONGEST = 300  # characters of an error


class Absence:
    """The absence of a service. Make it at import, so that the forked processes of a cluster share it.

    There is no lock, as a killed process would keep it for ever. At worst two processes log the same line at once.
    """

    def __init__(self, name: str, meanwhile: str) -> None:
        """Take the service's name, and words that say what is done `meanwhile`, until it is back."""
        self._name, self._meanwhile = name, meanwhile
        self._told = RawValue(ctypes.c_bool, False)

    def begin(self, error: BaseException) -> None:
        if not self._told.value:
            self._told.value = True
            said = " ".join(str(error).split())[:_LONGEST]
            logger.warning("%s does not answer (%s); %s", self._name, said, self._meanwhile)

    def end(self) -> None:
        if self._told.value:
            self._told.value = False
            logger.warning("%s answers again", self._name)


DATABASE = Absence("the database", "what is under way is kept, and it is tried again until it does")
