"""Platforms in a process of their own: just enough HTTP to answer."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import re
from collections import Counter
from multiprocessing.connection import Connection
from typing import Any, ClassVar

import uvloop

ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
ID = re.compile(rb'"unique_id":"(\d+)-(\d+)"')


class Http(asyncio.Protocol):
    """Heads with a length, one request after the other."""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            at = self.buffer.lower().find(b"content-length:", 0, end)
            size = int(self.buffer[at + 15 : self.buffer.find(b"\r", at)]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + size:
                return
            content, self.buffer = self.buffer[end + 4 : end + 4 + size], self.buffer[end + 4 + size :]
            self.received(content)

    def received(self, content: bytes) -> None:
        self.answer(b"{}")

    def answer(self, content: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(ANSWER % (len(content), content))


class Working(Http):
    """0 to 5 ms of work for each, and books: `violations` are calls that come while or before they should not. A
    request without content asks for them."""

    random = random.Random(7)
    last: ClassVar[Counter[bytes]] = Counter()
    busy: ClassVar[Counter[bytes]] = Counter()
    violations = 0

    def received(self, content: bytes) -> None:
        books = Working
        if not content:
            self.answer(b"%d" % books.violations)
            return
        found = ID.search(content)
        assert found is not None
        customer, number = found[1], int(found[2])
        books.violations += bool(books.busy[customer] or number < books.last[customer])
        books.busy[customer] += 1
        books.last[customer] = number
        asyncio.get_running_loop().call_later(books.random.uniform(0.0, 0.005), self.worked, customer)

    def worked(self, customer: bytes) -> None:
        Working.busy[customer] -= 1
        self.answer(b"{}")


def answering(port: Connection) -> None:
    _serve(Http, port)


def working(port: Connection) -> None:
    _serve(Working, port)


def _serve(protocol: type[Http], port: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(serve())


def in_process(target: Any, *arguments: Any) -> tuple[Any, Any]:
    """The process, and where it tells."""
    receive, send = multiprocessing.Pipe(False)
    process = multiprocessing.get_context("spawn").Process(target=target, args=(*arguments, send), daemon=True)
    process.start()
    return process, receive
