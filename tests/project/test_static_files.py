"""Browsers may keep static files, whose addresses say which version they are of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.test import Client

from notifications_project import versioned_files


@pytest.mark.django_db
def test_a_changed_static_file_has_another_address(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = re.findall(r'<link rel="stylesheet" href="([^"]+)"', client.get("/accounts/login/").content.decode())
    names = [address.partition("?")[0].rpartition("/")[2] for address in linked]
    assert names == ["tokens.css", "base.css", "shell.css", "forms.css", "parts.css", "panel.css"]
    for address in linked:
        assert re.search(r"\?v=[0-9a-f]{8}$", address)
        assert client.get(address).status_code == 200
    seen = []
    for content in ("a {}", "b {}"):
        (tmp_path / "changing.css").write_text(content)
        monkeypatch.setattr(finders, "find", lambda name: str(tmp_path / name))
        versioned_files.get_version.cache_clear()
        seen.append(static("changing.css"))
    assert seen[0] != seen[1]


def test_a_static_file_that_is_missing_has_no_version() -> None:
    assert static("missing.css") == "/static/missing.css"
