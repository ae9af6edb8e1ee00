"""Names of strangers make no link in a mail, whichever mail program looks for links."""

from __future__ import annotations

import re

import pytest

from notifications_project.mail.unlinking import unlink

# What mail programs recognize, more of it than any of them does.
LINKS = re.compile(
    r"\w:[^\s:]|//|\\\\|www\.\S|\S[.\u3002\uff0e\uff61\u2024\ufe52\u06d4]\w|\w@\w|\d(?:[\s().\-/]*\d){6,}",
    re.IGNORECASE,
)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Acme", "Acme"),
        ("Default deployment result e-mails", "Default deployment result e-mails"),
        ("Acme Inc. & Sons", "Acme Inc. & Sons"),
        ("Équipe n° 5, 24/7", "Équipe n° 5, 24/7"),
        ("You won! Visit https://evil.example/prize", "You won! Visit https evil. example/prize"),
        ("evil.example", "evil. example"),
        ("www.evil.example/x?y", "www. evil. example/x?y"),
        ("evil。example", "evil。 example"),
        ("evil．example", "evil． example"),
        ("evil\u2024example", "evil\u2024 example"),
        ("mailto:eve@evil.example", "mailto eve at evil. example"),
        ("eve＠evil.example", "eve at evil. example"),
        ("tel:+1", "tel +1"),
        ("Call +1 (800) 555-0199 now", "Call +1 (80… now"),
        ("0800 555 019", "080…"),
        ("192.0.2.7", "192. 0. 2. 7"),
        ("[2001:db8::7]", "[2001: db8:: 7]"),
        (r"\\evil\share", r"evil\share"),
        ("//evil", "evil"),
        ("javascript:alert", "javascript: alert"),
        ("https：／／evil.example", "https evil. example"),
    ],
)
def test_a_name_makes_no_link_and_stays_readable(name: str, shown: str) -> None:
    assert unlink(name) == shown
    assert not LINKS.search(shown)
    assert unlink(shown) == shown
