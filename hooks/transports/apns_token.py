"""The provider token of APNs: a JWT signed with the operator's key.

Apple demands that a token is used for at least 20 and at most 60 minutes ("Establishing a token-based connection to
APNs").
"""

from __future__ import annotations

import threading
import time

import jwt

_LASTS = 45 * 60  # seconds
_LEAST = 20 * 60


class ProviderToken:
    """The token of a process, shared by its threads until it is too old."""

    def __init__(self, key: str, key_id: str, team_id: str) -> None:
        self._key, self._key_id, self._team_id = key, key_id, team_id
        self._lock = threading.Lock()
        self._text = ""
        self._issued = 0.0
        self._renewed = 0.0

    def get_current(self) -> str:
        with self._lock:
            # Below 0 the clock was set back: Apple would refuse a token from the future.
            if not 0 <= time.time() - self._issued < _LASTS:
                self._issue()
            return self._text

    def renew(self, spent: str) -> str:
        """Return a token newer than `spent`, which APNs called expired; empty if `spent` is new, so nothing helps."""
        with self._lock:
            if self._text == spent:
                if abs(time.time() - self._renewed) < _LEAST:
                    return ""
                self._issue()
                self._renewed = self._issued
            return self._text

    def _issue(self) -> None:
        self._issued = time.time()
        claims = {"iss": self._team_id, "iat": int(self._issued)}
        self._text = jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self._key_id})
