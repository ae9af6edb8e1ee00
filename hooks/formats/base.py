"""What a format is: how an event is written for a receiver."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from hooks.messages import Message, Notification


class Format(ABC):
    """One way to write an event. A subclass and one line in the registry are all that a new one takes."""

    name: ClassVar[str]
    label: ClassVar[str]
    help: ClassVar[str]
    transport: ClassVar[str] = "http"
    signed: ClassVar[bool] = True  # gets a secret and Standard Webhooks headers

    @abstractmethod
    def write(self, notification: Notification) -> Message:
        """The message for one notification. Called in worker threads: no database, no failure on any data."""

    def check_options(self, options: dict[str, Any]) -> dict[str, str]:
        """Problems with a hook's options, by option name. A format without options refuses any."""
        return dict.fromkeys(options, f"The {self.name} format has no such option.")
