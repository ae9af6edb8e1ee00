"""Template filters of the pages."""

from __future__ import annotations

import pytest

from notifications_project.templatetags.look import breakable


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("http://127.0.0.1:40123/inbox/ops/", ["http://", "127.0.0.1:40123/", "inbox/", "ops/"]),
        ("https://example.org:8443/in?token=a/b", ["https://", "example.org:8443/", "in", "?token=a/", "b"]),
        ("grace@example.com", ["grace", "@example.com"]),
        ("", []),
    ],
)
def test_an_address_breaks_between_its_parts_and_not_inside_a_port(address: str, parts: list[str]) -> None:
    assert breakable(address) == "<wbr>".join(parts)


def test_an_address_cannot_bring_markup_into_the_page() -> None:
    assert "<b>" not in breakable("http://<b>/<b>")
