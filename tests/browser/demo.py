"""A console is started as a newcomer starts it: `manage.py up` in a process, with a new demo directory."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from notifications_project.runtime.start import find_free_port
from tests import environment

BASE = Path(__file__).resolve().parent.parent.parent
READY_WITHIN = 60


@dataclass
class Demo:
    """A running `up`, with its printed address, sign-in and `curl` command."""

    directory: Path
    output: list[str] = field(default_factory=list)

    def start(self) -> Demo:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(find_free_port())],
            cwd=BASE,
            env=_clean_environment(self.directory),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        ready = threading.Event()
        threading.Thread(target=self._listen, args=[self.process.stdout, ready], daemon=True).start()
        ready.wait(READY_WITHIN)
        if not self.curl:
            self.stop()
            raise AssertionError(f"`up` printed no curl within {READY_WITHIN} s:\n{self.text}")
        return self

    def _listen(self, stream: IO[str], ready: threading.Event) -> None:
        """Keep reading to the end, so that the process never waits for us."""
        for line in stream:
            self.output.append(line)
            if self.curl:
                ready.set()
        ready.set()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    @property
    def text(self) -> str:
        return "".join(self.output)

    @property
    def url(self) -> str:
        return self._printed(r"Console +(http://\S+)")

    @property
    def email(self) -> str:
        return self._printed(r"Sign in +(\S+@\S+)")

    @property
    def password(self) -> str:
        return self._printed(r"Sign in +\S+ +(\S+)")

    @property
    def curl(self) -> str:
        """Return the whole command, also if it has several lines; empty until all of it was printed."""
        found = re.search(r"^[ \t]*(curl (?:.*\\\n)*.*[^\\\n])\n", self.text, re.MULTILINE)
        return found[1] if found else ""

    def _printed(self, pattern: str) -> str:
        found = re.search(pattern, self.text)
        assert found, f"{pattern} is not in what was printed:\n{self.text}"
        return found[1]


def _clean_environment(directory: Path) -> dict[str, str]:
    """Return an environment without the suite's settings, as a newcomer has none, and with this Python's packages."""
    suite = {*environment.SETTINGS, *environment.NOT_GIVEN}
    kept = {name: value for name, value in os.environ.items() if name not in suite}
    return kept | {"DEMO_DIR": str(directory), "CONSOLE_VENV": "none", "PYTHONUNBUFFERED": "1"}
