"""A URL is read in one way everywhere, and refused if other parsers read it in another way."""

from __future__ import annotations

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifications_project.network.web_address import LONGEST, BadAddress, parse


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1\\@1.1.1.1/", "backslash"),
        ("http://example.com\\evil.example/", "backslash"),
        ("http://example.com/a\\b", "backslash"),
        ("http:\\\\example.com/", "must begin with"),
        ("http:/example.com/", "must begin with"),
        ("//example.com/", "must begin with"),
        ("http://%6c%6f.example/", "percent sign"),
        ("http://127.0.0.1%00/", "percent sign"),
        ("http://example.com%2f@1.1.1.1%2f/", "percent sign"),
        ("http://a@b@example.com/", "more than one @"),
        ("http://host:0/", "from 1 to 65535"),
        ("http://host:00/", "from 1 to 65535"),
        ("http://host:65536/", "from 1 to 65535"),
        ("http://host:4294967376/", "from 1 to 65535"),
        ("http://host:+80/", "not a number"),
        ("http://host:８０/", "not a number"),
        ("http://host:٨٠/", "not a number"),
        ("http://host:80:90/", "not a number"),
        ("http://exam\tple.com/", "no spaces"),
        ("http://example.com/a\nb", "no spaces"),
        ("http://example.com/a\x00", "no spaces"),
        ("http://exam\u202cple.com/", "invisible"),
        ("http://exam\u00adple.com/", "invisible"),
        ("http://example.com/\u2028", "no spaces"),
        ("http://[fe80::1%25eth0]/", "zone"),
        ("http://[fe80::1%eth0]/", "zone"),
        ("http://[::1/", "brackets"),
        ("http://[::1]x/", "brackets"),
        ("http://[v1.a]/", "brackets"),
        ("http:///path", "needs a host"),
        ("http://user@/", "needs a host"),
        ("http://a..b/", "host name"),
        ("http://.example.com/", "host name"),
        ("http://example.com../", "host name"),
        ("http://-a.example/", "host name"),
        ("http://a*b.example/", "host name"),
        (f"http://{'a' * 64}.example/", "host name"),
        (f"http://{'a.' * 127}example/", "host name"),
        ("http://\u2603.example/", "host name"),
        ("http://1.2.3.4.5/", "no IPv4 address"),
        ("http://1.2.3.256/", "no IPv4 address"),
        ("http://256.1/", "no IPv4 address"),
        ("http://08.1/", "no IPv4 address"),
        ("http://4294967296/", "no IPv4 address"),
        ("http://example.0x7f/", "no IPv4 address"),
        ("http://us%3Aer:pw@example.com/", "colon"),
        ("http://us%0Aer@example.com/", "control character"),
        ("http://user:a%00b@example.com/", "control character"),
        (f"http://example.com/{'a' * LONGEST}", "longer than"),
        (f"http://example.com/{'é' * 500}", "longer than"),
        ("", "must begin with"),
    ],
)
def test_what_can_be_read_in_two_ways_or_in_none_is_refused_with_the_reason(url: str, words: str) -> None:
    with pytest.raises(BadAddress, match=words):
        parse(url)


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("HTTPS://EXAMPLE.com:443", "https://example.com"),
        ("http://example.com:00080/", "http://example.com/"),
        ("http://example.com:/", "http://example.com/"),
        ("http://@example.com/", "http://example.com/"),
        ("http://:@example.com/", "http://example.com/"),
        ("http://127.1:8000/", "http://127.0.0.1:8000/"),
        ("http://0177.0.0.1/", "http://127.0.0.1/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://0x7F000001/", "http://127.0.0.1/"),
        ("http://127.0.0.1./", "http://127.0.0.1/"),
        ("http://１２７.0.0.1/", "http://127.0.0.1/"),
        ("http://127。0。0。1/", "http://127.0.0.1/"),
        ("http://[0:0:0:0:0:0:0:1]/", "http://[::1]/"),
        ("http://[::FFFF:7F00:1]:81/", "http://[::ffff:7f00:1]:81/"),
        ("http://[::ffff:10.0.0.1]/", "http://[::ffff:a00:1]/"),
        ("http://ｅxample.com/", "http://example.com/"),
        ("http://bücher。example/", "http://xn--bcher-kva.example/"),
        ("http://faß.example/", "http://xn--fa-hia.example/"),
        ("http://my_service:8080/x", "http://my_service:8080/x"),
        ("http://example.com?a", "http://example.com?a"),
        ("http://example.com/a#b?c", "http://example.com/a"),
        ("http://example.com/é?ü=|", "http://example.com/%C3%A9?%C3%BC=%7C"),
    ],
)
def test_what_is_safe_is_read_as_browsers_do(url: str, meant: str) -> None:
    assert str(parse(url)) == meant


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("/a?sig=Ab%2Bc%2F%3D&note=100%&x=%26", "/a?sig=Ab%2Bc%2F%3D&note=100%25&x=%26"),
        ("/100%/%zz/%2f%2F", "/100%25/%25zz/%2f%2F"),
        ("/a/../b/./c//d;e=1,2", "/a/../b/./c//d;e=1,2"),
        ("/?", "/?"),
        ("?x=1", "/?x=1"),
        ("", "/"),
        ("/a?b?c=d/e@f:g[]!$'()*+", "/a?b?c=d/e@f:g[]!$'()*+"),
        ('/a"<>^`{}', "/a%22%3C%3E%5E%60%7B%7D"),
    ],
)
def test_path_and_query_stay_as_they_were_typed(typed: str, sent: str) -> None:
    assert parse(f"https://example.com{typed}").target == sent


@pytest.mark.parametrize(
    ("userinfo", "pair"),
    [
        ("user:5%E2%82%AC", "user:5€".encode()),
        ("us%C3%A9r:p%C3%A4ss", "usér:päss".encode()),
        ("usér:päss", "usér:päss".encode()),
        ("user:p%E4ss", b"user:p\xe4ss"),  # whoever escapes bytes means them
        ("token", b"token:"),
        ("user:", b"user:"),
        (":word", b":word"),
        ("user:a:b", b"user:a:b"),
        ("user:100%", b"user:100%"),
        ("a%40b:c%2Fd", b"a@b:c/d"),
    ],
)
def test_name_and_password_are_sent_as_the_bytes_that_they_are(userinfo: str, pair: bytes) -> None:
    assert parse(f"https://{userinfo}@example.com/").authorization == f"Basic {base64.b64encode(pair).decode()}"


def test_nothing_of_a_url_but_its_host_is_shown_by_accident() -> None:
    assert repr(parse("https://user:pass@example.com/secret?sig=1")) == "<https://example.com>"


@given(st.text(alphabet=st.sampled_from("aé1.:@/?#%[]\\0x-_~&= \t\x00ß。"), max_size=30))
@example("[::1]")
@example("a%@b/%")
def test_what_is_stored_is_read_again_as_the_same(rest: str) -> None:
    try:
        found = parse(f"http://{rest}")
    except BadAddress:
        return
    assert parse(str(found)) == found
    assert str(found).isascii()
