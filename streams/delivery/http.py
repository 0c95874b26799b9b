"""Calls over HTTP: one request out, one `Answer` back, whatever happens in between.

httpx's types over aiohttp's connections, without httpx's pool: a twentieth of the CPU time, measured.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from sinks.contract import Answer, Call

KEEPALIVE_SECONDS = 30.0
CONNECT_SECONDS = 10.0


class Transport(Protocol):
    async def send(self, call: Call) -> Answer:
        """Never raises, except for cancellation: how long it may take is the caller's to say."""

    async def close(self) -> None: ...


class HttpTransport:
    """`headers` gives authentication and fixed headers, and is asked for every call: they may change."""

    def __init__(
        self,
        base_url: str,
        headers: Callable[[], Mapping[str, str]],
        answer_limit: int,
        max_in_flight: int,
        inner: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._headers = headers
        self._limit = answer_limit
        self._inner = inner or _aiohttp_transport(max_in_flight)
        self._urls: dict[str, httpx.URL] = {}
        self._made: tuple[Mapping[str, str], tuple[tuple[str, str], ...], httpx.Headers] | None = None

    async def send(self, call: Call) -> Answer:
        try:
            response = await self._inner.handle_async_request(self._request(call))
            try:
                return await self._read(response)
            finally:
                await response.aclose()
        except Exception as error:
            return Answer(0, fault=fault_of(error))

    async def close(self) -> None:
        await self._inner.aclose()

    def _request(self, call: Call) -> httpx.Request:
        url, headers = self._url(call.path), self._all_headers(call)
        request = httpx.Request(call.method, url, headers=headers, stream=httpx.ByteStream(call.body))
        request.read()  # so that the body leaves in one piece, with its length
        return request

    def _all_headers(self, call: Call) -> httpx.Headers:
        """Nearly always those of the call before: making them anew would cost as much as all else we do for a call."""
        fixed = {} if call.bare else self._headers()
        if self._made is None or self._made[0] != fixed or self._made[1] != call.headers:
            # Compressed answers would have to be unpacked before a rule can look into them: ask for plain ones.
            # What a call brings itself, a lent token for example, takes the place of the fixed one of that name.
            own = {name.lower() for name, _ in call.headers}
            given = [each for each in fixed.items() if each[0].lower() not in own]
            made = httpx.Headers([*given, *call.headers, ("accept-encoding", "identity")])
            self._made = (dict(fixed), call.headers, made)
        return self._made[2]

    def _url(self, path: str) -> httpx.URL:
        """Most platforms have a handful of paths; those with ids in them must not fill the memory."""
        if (url := self._urls.get(path)) is None:
            if len(self._urls) >= 256:
                self._urls.clear()
            url = self._urls[path] = httpx.URL(path if path.startswith(("https://", "http://")) else self._base + path)
        return url

    async def _read(self, response: httpx.Response) -> Answer:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw}
        parts: list[bytes] = []
        size = 0
        async for part in response.stream:  # type: ignore[union-attr]
            parts.append(part)
            size += len(part)
            if size > self._limit:
                return Answer(response.status_code, headers, b"".join(parts)[: self._limit], fault="too_large")
        return Answer(response.status_code, headers, _plain(b"".join(parts), headers, self._limit))


def _plain(body: bytes, headers: Mapping[str, str], limit: int) -> bytes:
    """Some compress although asked not to. What cannot be unpacked stays as it came: only rules look at it."""
    if headers.get("content-encoding", "") not in ("gzip", "deflate"):
        return body
    try:
        return zlib.decompressobj(wbits=47).decompress(body, limit)
    except zlib.error:
        return body


def fault_of(error: BaseException) -> str:
    """One of the faults an `Answer` may have. The adapter calls a lost connection "could not connect": its cause knows
    better."""
    cause = error.__cause__ or error
    match cause:
        case aiohttp.ServerTimeoutError() | TimeoutError() | httpx.ReadTimeout() | httpx.WriteTimeout():
            return "timeout"
        case aiohttp.ClientConnectorError() | httpx.ConnectError() | httpx.ConnectTimeout():
            return "connect"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | aiohttp.ClientPayloadError():
            return "reset"
        case aiohttp.ClientConnectionError() | ConnectionError() | httpx.NetworkError():
            return "reset"
        case _:
            return "protocol"


def _aiohttp_transport(max_in_flight: int) -> AiohttpTransport:
    tls = httpx.create_ssl_context()

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=max_in_flight, keepalive_timeout=KEEPALIVE_SECONDS, ssl=tls)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    return AiohttpTransport(verify=tls, client=session)
