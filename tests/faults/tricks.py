"""The answers of a hostile receiver: every known trick, and honest answers among them.

Bytes that answer no request (rubbish behind an answer, an unasked answer) look like success. The answer to a request
has its number in the body: the hook's path and the event's id.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from tests.faults.hostile import Exchange, Left

NOBODYS = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nnobody's"
INTERIM = (
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",
    b"HTTP/1.1 199\r\nContent-Length: 0\r\n\r\n",
)

Script = Callable[[Exchange], None]
SCRIPTS: dict[str, tuple[Script, int]] = {}  # each with its weight


def script(weight: int = 10) -> Callable[[Script], Script]:
    def add(function: Script) -> Script:
        SCRIPTS[function.__name__] = function, weight
        return function

    return add


# --- Honest answers ------------------------------------------------------------------------------------------
@script(60)
def taken(exchange: Exchange) -> None:
    status = exchange.chance.choice((200, 200, 201, 202))
    exchange.expect(status)
    exchange.say(exchange.answer(status))


@script(40)
def refused(exchange: Exchange) -> None:
    status = exchange.chance.choice((301, 400, 404, 429, 500, 503))
    exchange.expect(status)
    exchange.say(exchange.answer(status))


@script()
def taken_without_a_word(exchange: Exchange) -> None:
    exchange.expect(204)
    exchange.say(b"HTTP/1.1 204 No Content\r\n\r\n")


@script()
def in_chunks_with_trailers(exchange: Exchange) -> None:
    exchange.expect(200)
    body = exchange.own
    chunks = b"%x;a=b\r\n%b\r\n%x\r\n%b\r\n0\r\nX-Sum: 1\r\n\r\n" % (3, body[:3], len(body) - 3, body[3:])
    exchange.say(exchange.answer(200, "Transfer-Encoding: chunked", body=b""), chunks)


@script()
def a_byte_at_a_time(exchange: Exchange) -> None:
    exchange.expect(500)
    for byte in exchange.answer(500):
        exchange.connection.send(bytes([byte]))


# --- Interim answers -----------------------------------------------------------------------------------------
@script(60)
def interim_then_refused(exchange: Exchange) -> None:
    exchange.expect(500)
    count = exchange.chance.choice((1, 1, 2, 5, 16))
    exchange.say(*(exchange.chance.choice(INTERIM) for _ in range(count)), exchange.answer(500))


@script(60)
def interim_then_taken(exchange: Exchange) -> None:
    exchange.expect(200)
    exchange.say(*(exchange.chance.choice(INTERIM) for _ in range(exchange.chance.choice((1, 2, 3)))), slowly=True)
    exchange.say(exchange.answer(200))


@script()
def interim_without_end(exchange: Exchange) -> None:
    exchange.expect("protocol")
    exchange.say(*(INTERIM[2] for _ in range(40)), NOBODYS)


@script(2)
def interim_and_no_final_answer(exchange: Exchange) -> None:
    exchange.expect("time-out")
    exchange.say(INTERIM[2])
    exchange.connection.wait_until_left(5)


@script()
def interim_with_a_body(exchange: Exchange) -> None:
    exchange.expect("protocol")
    exchange.say(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 4\r\n\r\nbody", NOBODYS)


@script()
def another_protocol(exchange: Exchange) -> None:
    exchange.expect(101)
    exchange.say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", NOBODYS)


# --- More than was asked -------------------------------------------------------------------------------------
@script(30)
def rubbish_behind(exchange: Exchange) -> None:
    status = exchange.chance.choice((200, 204, 500))
    exchange.expect(status)
    answer = exchange.answer(status) if status != 204 else b"HTTP/1.1 204 No Content\r\n\r\n"
    exchange.say(answer, exchange.chance.choice((NOBODYS, NOBODYS[:20], b"\r\n", NOBODYS * 50, INTERIM[0] + NOBODYS)))


@script(30)
def an_answer_to_no_request(exchange: Exchange) -> None:
    exchange.expect(200)
    exchange.say(exchange.answer(200), slowly=False)
    time.sleep(exchange.chance.choice((0, 0.001, 0.02)))
    exchange.connection.send(NOBODYS)


@script()
def a_body_behind_no_content(exchange: Exchange) -> None:
    status = exchange.chance.choice((204, 304))
    exchange.expect(status)
    exchange.say(f"HTTP/1.1 {status} None\r\nContent-Length: {len(NOBODYS)}\r\n\r\n".encode(), NOBODYS)


@script()
def chunks_behind_no_content(exchange: Exchange) -> None:
    exchange.expect(204)
    exchange.say(b"HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n", NOBODYS)


@script()
def rubbish_behind_chunks(exchange: Exchange) -> None:
    exchange.expect(200)
    exchange.say(exchange.answer(200, "Transfer-Encoding: chunked", body=b""), b"0\r\n\r\n", NOBODYS)


@script()
def says_close_and_goes_on(exchange: Exchange) -> None:
    exchange.expect(200)
    exchange.say(exchange.answer(200, "Connection: keep-alive", "Connection: Close"))
    with contextlib.suppress(Left):
        exchange.connection.send(NOBODYS)


# --- Answers that can be read in two ways --------------------------------------------------------------------
TWO_WAYS = (
    ("Content-Length: 5", "Content-Length: 9"),
    ("Content-Length: 5, 9",),
    ("Content-Length: -1",),
    ("Content-Length: 0x5",),
    ("Content-Length: +5",),
    ("Content-Length: 1_0",),
    ("Content-Length: 0", "Transfer-Encoding: chunked"),
    ("Transfer-Encoding: chunked", "Content-Length: 3"),
    ("Transfer-Encoding: xchunked", "Content-Length: 0"),
    ("Transfer-Encoding: chunked, identity", "Content-Length: 0"),
    ("Transfer-Encoding: identity", "Transfer-Encoding: chunked", "Content-Length: 0"),
    ("Transfer-Encoding : chunked", "Content-Length: 0"),
    ("Content-Length: 0", "X-Folded: a", " Content-Length: 5"),
    ("Content-Length: 0", "no colon here"),
    ("X-A: b\rContent-Length: 5", "Content-Length: 0"),
    ("X-A: \x00", "Content-Length: 0"),
)


@script(40)
def two_ways(exchange: Exchange) -> None:
    status = exchange.chance.choice((200, 202, 500))
    exchange.expect(status)
    exchange.say(exchange.answer(status, *exchange.chance.choice(TWO_WAYS), body=b""), NOBODYS)


@script()
def lines_that_end_in_lf(exchange: Exchange) -> None:
    exchange.expect(200)
    exchange.say(exchange.answer(200).replace(b"\r\n", b"\n"), NOBODYS)


@script()
def bad_chunks(exchange: Exchange) -> None:
    exchange.expect(200)
    bad = exchange.chance.choice(
        (b"zz\r\n", b"-1\r\n", b"3\r\nabcdef\r\n0\r\n\r\n", b"3\nabc\n0\n\n", b"\r\n", b"0x3\r\n")
    )
    exchange.say(exchange.answer(200, "Transfer-Encoding: chunked", body=b""), bad, NOBODYS)


@script()
def old_http(exchange: Exchange) -> None:
    exchange.expect(200)
    exchange.say(exchange.answer(200, "Connection: keep-alive", version="1.0"), NOBODYS)


# --- No answers, and parts of some ---------------------------------------------------------------------------
NONE = (
    b"HTTP/0.9 200 OK\r\n\r\n", b"HTTP/2 200 OK\r\n\r\n", b"ICY 200 OK\r\n\r\n", b"200 OK\r\n\r\n", b"\r\n" + NOBODYS,
    b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 099 OK\r\n\r\n", b"HTTP/1.1 20x OK\r\n\r\n",
    b"HTTP/1.1 \xb2\xb20 OK\r\n\r\n", b"HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05", b"<html>200</html>",
    b"220 mail.example ESMTP\r\n", b"http/1.1 200 OK\r\n\r\n",
)  # fmt: skip


@script(20)
def no_http(exchange: Exchange) -> None:
    exchange.expect("protocol")
    exchange.say(exchange.chance.choice(NONE), NOBODYS)


@script(20)
def half_a_head(exchange: Exchange) -> None:
    exchange.expect("connection")
    answer = exchange.answer(200)
    exchange.say(answer[: exchange.chance.randrange(1, answer.index(b"\r\n\r\n") + 2)])
    exchange.connection.close()


@script()
def interim_and_half_a_head(exchange: Exchange) -> None:
    exchange.expect("connection")
    exchange.say(INTERIM[2], exchange.answer(200)[:30])
    exchange.connection.close()


@script()
def half_a_body(exchange: Exchange) -> None:
    exchange.expect(500)
    exchange.say(exchange.answer(500, "Content-Length: 1000"))
    exchange.connection.close()


@script()
def nothing(exchange: Exchange) -> None:
    exchange.expect("connection")
    exchange.connection.close()


@script(2)
def silence(exchange: Exchange) -> None:
    exchange.expect("time-out")
    exchange.connection.wait_until_left(5)


@script()
def taken_and_closed_unsaid(exchange: Exchange) -> None:
    exchange.expect(200)
    exchange.say(exchange.answer(200))
    exchange.connection.close()


# --- Heads beyond all measure --------------------------------------------------------------------------------
@script()
def many_headers(exchange: Exchange) -> None:
    exchange.expect(200)
    exchange.say(exchange.answer(200, *(f"X-{number}: a" for number in range(120))))


@script()
def a_long_header(exchange: Exchange) -> None:
    exchange.expect(200)
    exchange.say(exchange.answer(200, f"X-Long: {'a' * 70_000}"))


@script(2)
def a_head_without_end(exchange: Exchange) -> None:
    exchange.expect("protocol")
    exchange.connection.send(b"HTTP/1.1 200 OK\r\n")
    with contextlib.suppress(Left):
        for _ in range(100):
            exchange.connection.send(b"X-More: " + b"a" * 8000 + b"\r\n")


# --- Before the request was read: these take the socket before its body --------------------------------------
@script()
def answered_before_the_body(exchange: Exchange) -> None:
    """Answer before reading the body, then take the body for another request and answer that too."""
    status = exchange.chance.choice((200, 401, 413))
    exchange.expect(status)
    exchange.say(exchange.answer(status), slowly=False)
    time.sleep(exchange.chance.choice((0, 0.01)))
    exchange.connection.send(NOBODYS.replace(b"200 OK", b"202 OK"))
