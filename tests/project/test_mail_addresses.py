"""An address has one stored form, and an invalid one is refused in words that say why."""

from __future__ import annotations

import pytest
from django.core.mail.message import sanitize_address
from hypothesis import given
from hypothesis import strategies as st

from notifications_project.mail.addresses import (
    BadMailAddress,
    encode_domain,
    make_comparable,
    normalize,
    normalize_if_valid,
)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("ops@example.com", "ops@example.com"),
        ("  Ops.Team+1@Example.COM ", "Ops.Team+1@example.com"),
        ("ops@faß.example", "ops@xn--fa-hia.example"),
        ("ops@xn--fa-hia.example", "ops@xn--fa-hia.example"),
        ("ops@XN--FA-HIA.example", "ops@xn--fa-hia.example"),
        ("ops@BÜCHER.example", "ops@xn--bcher-kva.example"),
        ("ops@bu\u0308cher.example", "ops@xn--bcher-kva.example"),
        ("ops@ｅｘａｍｐｌｅ。com", "ops@example.com"),
        ("ops@例え.テスト", "ops@xn--r8jz45g.xn--zckzah"),
        ("ops@ab--cd.example", "ops@ab--cd.example"),
        ("root@localhost", "root@localhost"),
        ("ops@[192.0.2.1]", "ops@[192.0.2.1]"),
        ('"a@b"@example.com', '"a@b"@example.com'),
    ],
)
def test_an_address_has_one_stored_form(written: str, stored: str) -> None:
    assert normalize(written) == stored
    assert normalize(stored) == stored
    assert make_comparable(written) == stored.lower()


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ops",
        "@example.com",
        "ops@",
        "bad@exam\u202cple.net",
        "bad@exam\u200bple.net",
        "bad@exam\u00adple.net",
        "bad@example.com\r\nBcc: x@example.com",
        "bad@☃.net",
        "bad@xn--a.com",
        "bad@a\u2024com",
        "bad@-ex.com",
        "bad@ex..com",
        "bad@ex_ample.com",
        f"bad@{'a' * 64}.com",
        f"bad@{'ä' * 60}.com",
        f"bad@{'a.' * 126}com",
        f"{'a' * 65}@example.com",
        "bäd@example.com",
        '""@example.com',
        "a@b@c@\u0600.com",
        "bad@\ud800.com",
    ],
)
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(BadMailAddress, match=r"^'.*\.$"):
        normalize(written)
    assert normalize_if_valid(written) == written.strip()


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=60))
def test_whatever_is_written_is_refused_or_can_be_mailed(name: str, domain: str) -> None:
    try:
        stored = normalize(f"{name}@{domain}.example")
    except BadMailAddress:
        return
    assert stored.isascii()
    assert normalize(stored) == stored
    assert sanitize_address(stored, "utf-8") == stored


def test_a_domain_is_written_as_dns_has_it() -> None:
    assert encode_domain("Bücher.Example") == "xn--bcher-kva.example"
    with pytest.raises(ValueError, match="invisible"):
        encode_domain("exam\u202cple.net")
