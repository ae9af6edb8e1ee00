"""Telling the operator that something is away: when that begins and when it is over, however often it is tried."""

from __future__ import annotations

import ctypes
import logging
from multiprocessing.sharedctypes import RawValue

logger = logging.getLogger(__name__)

_LONGEST = 300  # characters of an error


class Absence:
    """One thing that may be away; made at import, so that the processes of a cluster, which are forked, share it.

    Without a lock: a process that is killed would take it along. At worst two processes tell the same at once.
    """

    def __init__(self, name: str, meanwhile: str) -> None:
        """`meanwhile`: what is done until it is back."""
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
