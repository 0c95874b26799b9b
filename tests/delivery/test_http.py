"""The transport against a real socket that misbehaves in every way we know."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from sinks.contract import Answer, Call, Verdict, classify
from streams.delivery.http import HttpTransport

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
CALL = Call("Placed Order", "POST", "/events?a=1", b'{"id": "1"}', "1", headers=(("content-type", "application/json"),))


@asynccontextmanager
async def platform(behave: Behaviour, limit: int = 1_000) -> AsyncIterator[HttpTransport]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behave(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport = HttpTransport(f"http://127.0.0.1:{port}/api/", lambda: {"authorization": "Key k"}, limit, 4)
    try:
        yield transport
    finally:
        await transport.close()
        server.close()


async def request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return head + await reader.readexactly(length)


def answering(raw: bytes) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request(reader)
            writer.write(raw)
            await writer.drain()

    return behave


def head(status: str, *lines: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode()


async def test_a_call_leaves_as_it_is_with_auth_added_and_the_answer_comes_back_whole() -> None:
    seen: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await request(reader))
        writer.write(head("202 Accepted", "Content-Length: 2", "Retry-After: 3", "Set-Cookie: a=b") + b"{}")

    async with platform(behave) as transport:
        answer = await transport.send(CALL)

    assert (answer.status, answer.body, answer.headers["retry-after"], answer.fault) == (202, b"{}", "3", None)
    first, rest = seen[0].split(b"\r\n", 1)
    assert first == b"POST /api/events?a=1 HTTP/1.1"
    assert rest.endswith(b'\r\n\r\n{"id": "1"}')
    assert {b"authorization: key k", b"content-type: application/json", b"content-length: 11"} <= set(
        rest.lower().split(b"\r\n")
    )


async def test_one_connection_serves_many_calls_and_keeps_no_cookie() -> None:
    connections = 0
    heads: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            heads.append(await request(reader))
            writer.write(head("200 OK", "Content-Length: 0", "Set-Cookie: session=1"))

    async with platform(behave) as transport:
        for _ in range(5):
            assert (await transport.send(CALL)).status == 200

    assert connections == 1
    assert not [h for h in heads if b"cookie" in h.lower()]


async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)


async def at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pass


async def half_a_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 O")


async def half_a_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(head("200 OK", "Content-Length: 100") + b"half")


async def no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"\x16\x03\x01 who are you\r\n\r\n")


async def broken_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.transport.abort()


@pytest.mark.parametrize(
    ("behave", "fault"),
    [
        (nothing, "reset"),
        (at_once, "reset"),
        (half_a_body, "reset"),
        (broken_off, "reset"),
        (half_a_head, "reset"),
        (no_http, "protocol"),
    ],
)
async def test_a_broken_conversation_is_a_fault_and_never_an_exception(behave: Behaviour, fault: str) -> None:
    async with platform(behave) as transport:
        answer = await transport.send(CALL)

    assert (answer.status, answer.fault) == (0, fault)
    assert classify(answer, ()) is Verdict.UNAVAILABLE


async def test_nobody_at_the_door_is_a_connect_fault() -> None:
    transport = HttpTransport("http://127.0.0.1:9", dict, 1_000, 4)

    assert (await transport.send(CALL)).fault == "connect"
    await transport.close()


@pytest.mark.parametrize("path", ["//", "\x00", "/ok\nx: y"])
async def test_an_address_that_is_none_is_a_fault_too(path: str) -> None:
    transport = HttpTransport("http://127.0.0.1:9", lambda: {"x": "y\n"}, 1_000, 4)

    assert (await transport.send(Call("x", "POST", path, b"", "1"))).fault is not None
    await transport.close()


async def test_a_long_answer_is_read_up_to_the_limit_and_its_status_still_counts() -> None:
    async with platform(answering(head("200 OK", "Content-Length: 9000000") + b"x" * 100_000)) as transport:
        answer = await transport.send(CALL)

    assert (answer.status, len(answer.body), answer.fault) == (200, 1_000, "too_large")
    assert classify(answer, ()) is Verdict.DELIVERED


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(head("200 OK", "Content-Length: 1000"))
    while True:
        writer.write(b".")
        await asyncio.sleep(0.01)
        await writer.drain()


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize("behave", [drip, silence])
async def test_a_body_that_drips_does_not_outlive_the_callers_patience(behave: Behaviour) -> None:
    async with platform(behave) as transport:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await transport.send(CALL)


async def test_a_platform_that_compresses_unasked_can_be_read_by_rules_without_blowing_up() -> None:
    body = gzip.compress(b"duplicate" + b"\0" * 10_000_000)
    raw = head("409 Conflict", f"Content-Length: {len(body)}", "Content-Encoding: gzip") + body
    async with platform(answering(raw), limit=20_000) as transport:
        answer = await transport.send(CALL)

    assert answer.body.startswith(b"duplicate")
    assert len(answer.body) <= 20_000


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with platform(
        answering(head("302 Found", "Location: http://127.0.0.1:9/", "Content-Length: 0"))
    ) as transport:
        answer = await transport.send(CALL)

    assert classify(answer, ()) is Verdict.MISCONFIGURED


async def test_any_transport_of_httpx_will_do() -> None:
    inner = httpx.MockTransport(lambda request: httpx.Response(200, text=request.headers["authorization"]))
    transport = HttpTransport("https://api.example.com", lambda: {"authorization": "Key k"}, 100, 1, inner)

    assert await transport.send(CALL) == Answer(
        200, {"content-type": "text/plain; charset=utf-8", "content-length": "5"}, b"Key k"
    )


async def test_a_calls_own_header_takes_the_place_of_the_fixed_one_of_that_name() -> None:
    seen: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await request(reader)).lower())
        writer.write(head("200 OK", "Content-Length: 0"))

    own = Call("Placed Order", "POST", "/events", b"{}", "1", headers=(("Authorization", "Bearer lent"),))
    async with platform(behave) as transport:
        await transport.send(own)

    assert seen[0].count(b"authorization:") == 1 and b"authorization: bearer lent" in seen[0]
