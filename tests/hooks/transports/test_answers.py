"""Recorded answers: headers within limits, bodies unpacked and decoded by their charset."""

from __future__ import annotations

import gzip
import socket
import zlib
from collections.abc import Callable

import pytest

from hooks.messages import Answer
from hooks.transports import http
from tests.hooks.transports import test_hostile_receivers as receivers
from tests.hooks.transports.test_hostile_receivers import Server, Talk, notification

serve = receivers.serve
Serve = Callable[[Talk], Server]


def answered(serve: Serve, *headers: str, body: bytes = b"") -> Answer:
    head = "".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", *headers, f"Content-Length: {len(body)}"))

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head.encode("latin-1") + b"\r\n" + body)

    return http.post(notification(serve(talk).url))


# --- Headers -------------------------------------------------------------------------------------------------
def test_of_many_headers_the_first_are_kept(serve: Serve) -> None:
    answer = answered(serve, *(f"X-{number}: a" for number in range(120)))
    assert answer.status == 200
    assert list(answer.response["headers"])[:2] == ["X-0", "X-1"]
    assert len(answer.response["headers"]) <= 40


def test_a_long_header_is_cut(serve: Serve) -> None:
    answer = answered(serve, f"X-Long: {'a' * 70_000}")
    assert answer.status == 200
    assert answer.response["headers"]["X-Long"] == "a" * 500


def test_a_header_that_says_something_about_the_answer_counts_also_behind_the_limit(serve: Serve) -> None:
    assert answered(serve, *(f"X-{number}: a" for number in range(120)), "Retry-After: 7").retry_after == 7


def test_headers_without_end_are_no_answer(serve: Serve) -> None:
    answer = answered(serve, *(f"X-{number}: {'a' * 9_000}" for number in range(60)))
    assert (answer.code, answer.text) == ("protocol", "The answer's headers are longer than 256 kB")


def test_a_header_in_utf_8_is_read_as_such_and_one_in_latin_1_too(serve: Serve) -> None:
    answer = answered(serve, "X-New: grün".encode().decode("latin-1"), "X-Old: grün")
    assert (answer.response["headers"]["X-New"], answer.response["headers"]["X-Old"]) == ("grün", "grün")


# --- Packed bodies -------------------------------------------------------------------------------------------
def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
        ("identity", bytes),
    ],
)
def test_a_packed_answer_is_unpacked(coding: str, pack: Callable[[bytes], bytes], serve: Serve) -> None:
    assert (
        answered(serve, f"Content-Encoding: {coding}", body=pack(b"no such r\xc3\xb6om")).response["body"]
        == "no such röom"
    )


def test_what_is_packed_for_the_way_is_unpacked_as_well(serve: Serve) -> None:
    packed = gzip.compress(b"no such room")

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
        connection.sendall(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed))

    assert http.post(notification(serve(talk).url)).response["body"] == "no such room"


def test_a_little_that_would_unpack_to_a_lot_takes_no_memory(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(gzip.compress(bytes(50_000_000)) + bytes(10))
    answer = answered(serve, "Content-Encoding: gzip, gzip", body=bomb)
    assert answer.response["body"] == "�" * 4096


def test_the_beginning_of_a_packed_answer_that_is_cut_off_is_shown(serve: Serve) -> None:
    packed = gzip.compress(bytes(range(256)) * 40)[:200]
    assert answered(serve, "Content-Encoding: gzip", body=packed).response["body"].startswith("�\x01\x02")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, br", "gzip, gzip, gzip, gzip"])
def test_what_cannot_be_unpacked_is_shown_as_it_came(coding: str, serve: Serve) -> None:
    answer = answered(serve, f"Content-Encoding: {coding}", body=b"plain\xff")
    assert (answer.status, answer.response["body"]) == (200, "plain�")


# --- Characters ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain; charset=ISO-8859-1", b"gr\xfcn", "grün"),
        ('text/plain; charset="iso-8859-1"', b"gr\xfcn", "grün"),
        ("text/plain;charset=windows-1252", b"5 \x80", "5 €"),
        ("text/plain; charset=utf-16", "grün".encode("utf-16"), "grün"),
        ("text/plain; charset=shift_jis", "通知".encode("shift_jis"), "通知"),
        ("text/plain; charset=utf-8", b"\xef\xbb\xbfgr\xc3\xbcn", "grün"),
        ("application/json", b"gr\xfcn", "gr�n"),
        ("text/plain; charset=klingon", b"gr\xc3\xbcn", "grün"),
        ("text/plain; charset=rot13", b"abc", "abc"),
        ("text/plain; charset=zlib", b"abc", "abc"),
        ("text/plain; charset=idna", b"xn--a", "xn--a"),
        ("text/plain; charset=unicode_escape", rb"\ud800", r"\ud800"),
        ("text/plain; charset=undefined", b"abc", "abc"),
        ("text/plain; charset=utf-7", b"+2AA-", "?"),
        ("text/plain; charset=a\x00b", b"abc", "abc"),
    ],
)
def test_the_text_is_read_in_the_characters_that_the_answer_names(
    content_type: str, body: bytes, text: str, serve: Serve
) -> None:
    assert answered(serve, f"Content-Type: {content_type}", body=body).response["body"] == text


def test_a_character_that_is_cut_in_two_is_left_out(serve: Serve) -> None:
    assert answered(serve, body=b"a" + "ü".encode() * 3000).response["body"] == "a" + "ü" * 2047
