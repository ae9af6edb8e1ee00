"""Addresses of static files name the version of their content, so that browsers may keep them for long.

Otherwise every page would ask again for each layer of the look, or show a new page with an old one.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage


class VersionedFiles(StaticFilesStorage):
    """Adds the version of a file to its address: `/static/base.css?v=5f3a01c2`."""

    def url(self, name: str | None) -> str:
        address = super().url(name)
        version = get_version(name or "")
        return f"{address}?v={version}" if version else address


@functools.cache
def get_version(name: str) -> str:
    """Return a short digest of a static file's content; empty if there is no such file."""
    found = finders.find(name)
    if not isinstance(found, str):
        return ""
    return hashlib.sha256(Path(found).read_bytes()).hexdigest()[:8]
