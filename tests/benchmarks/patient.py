"""A slow receiver as a process: it writes its port, then serves until it is ended.

POST /wait/<milliseconds>/<anything> is answered 204 after that time, POST /hang/<anything> never. GET /count is the
number of POSTs so far, GET /arrivals is `[[webhook-id, time.monotonic()], …]` of those that do not hang.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import cast

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ID = re.compile(rb"\r\nwebhook-id: *(\S+)", re.IGNORECASE)
_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"

_arrivals: list[tuple[str, float]] = []
_count = 0


class Receiver(asyncio.Protocol):
    def __init__(self) -> None:
        self.buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end])
            length = int(found[1]) if (found := _LENGTH.search(head)) else 0
            if len(self.buffer) < end + 4 + length:
                return
            del self.buffer[: end + 4 + length]
            self.answer(head)

    def answer(self, head: bytes) -> None:
        global _count
        arrived = time.monotonic()
        method, target, _ = head.split(b" ", 2)
        if method == b"GET":
            body = str(_count) if target == b"/count" else json.dumps(_arrivals)
            if target == b"/arrivals":
                _arrivals.clear()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body.encode()))
            return
        _count += 1
        kind, milliseconds = target.split(b"/")[1:3]
        if kind == b"hang":
            return
        found = _ID.search(head)
        _arrivals.append((found[1].decode() if found else "", arrived))
        if int(milliseconds):
            asyncio.get_running_loop().call_later(int(milliseconds) / 1000, self.transport.write, _ANSWER)
        else:
            self.transport.write(_ANSWER)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
