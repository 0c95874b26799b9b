"""`POST /v1/hooks/<shop>/<system>`: one delivery, checked and appended as it came, then answered.

The answers, in the order of the checks: 413 too large, 404 nobody's address, 401 not signed with a secret of this shop,
429 too many, 400 no JSON or too deep, 503 the broker has not got it, 200 it has. Nothing but a 200 leaves anything
behind, and every other answer makes the shop send again or tells its operator why not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from shoprelay.collector.bounds import Rates, is_too_deep
from shoprelay.collector.metrics import CollectorMetrics
from shoprelay.hooks import Door
from sources.webhooks.contract import Source
from sources.webhooks.document import NotJson, decoded

WHOSE, WHICH = "x-shoprelay-shop", "x-shoprelay-system"
WITHHELD = frozenset(  # credentials, what is only about the connection, and what only we say
    {"authorization", "cookie", "proxy-authorization", "connection", "keep-alive", "transfer-encoding", "te", "upgrade"}
    | {WHOSE, WHICH}
)
NOBODY = "-"
NOT_HERE = "there is no such address"


class Append(Protocol):
    async def __call__(self, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> None: ...


class Turned(Exception):
    """A delivery that is not taken: status and a sentence, which says nothing of the document or of other shops."""

    def __init__(self, status: int, why: str, **headers: str) -> None:
        super().__init__(why)
        self.status, self.why, self.headers = status, why, {name.replace("_", "-"): v for name, v in headers.items()}


@dataclass(frozen=True, slots=True)
class Hooks:
    doors: Callable[[str, str], Door | None]
    append: Append
    not_appended: type[Exception]
    rates: Rates
    metrics: CollectorMetrics
    max_body: int
    max_depth: int
    now: Callable[[], float] = time.monotonic

    async def post(self, request: web.Request) -> web.Response:
        shop, system = request.match_info["shop"], request.match_info["system"]
        door: Door | None = None
        try:
            body = await self._body(request)
            door = self.doors(shop, system)
            if door is None:
                raise Turned(404, NOT_HERE)
            await self._take(door, request, body)
            answer = web.Response(status=200)
        except Turned as turned:
            answer = web.json_response({"why": turned.why}, status=turned.status, headers=turned.headers)
        known = door is not None
        self.metrics.answered(shop if known else NOBODY, system if known else NOBODY, answer.status)
        return answer

    async def _body(self, request: web.Request) -> bytes:
        too_large = Turned(413, f"the body is larger than {self.max_body} bytes")
        if request.content_length is not None and request.content_length > self.max_body:
            raise too_large
        try:
            return await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise too_large from None

    async def _take(self, door: Door, request: web.Request, body: bytes) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        source = door.source
        if source.ping(headers, body):
            return
        if not source.signature.is_right(headers, body, door.secrets):
            raise Turned(401, f"{source.signature.header} does not fit the body; use the secret of the settings")
        if not self.rates.takes(door.shop.shop, self.now()):
            raise Turned(429, "too many deliveries of this shop; send it again", Retry_After="1")
        try:
            document = decoded(body)
        except NotJson as bad:
            raise Turned(400, f"the body {bad}; send the system's own JSON") from None
        if is_too_deep(body, document, self.max_depth):
            raise Turned(400, f"the body is nested deeper than {self.max_depth}")
        began = self.now()
        try:
            await self.append(_key(source, door.shop.shop, headers, document), body, _headers(request, door))
        except self.not_appended:
            raise Turned(503, "it could not be stored; send it again", Retry_After="5") from None
        self.metrics.appended(len(body), self.now() - began)


def _key(source: Source, shop: str, headers: dict[str, str], document: object) -> bytes:
    """What concerns one order or customer goes the same way and stays in order."""
    entity = source.entity(headers, document) or headers.get(source.delivery, "")
    return f"{shop}/{source.name}:{entity[:200]}".encode()


def _headers(request: web.Request, door: Door) -> list[tuple[str, bytes]]:
    """All that came, but credentials, and whose it is; nobody outside can say that for us."""
    came = [(name.decode("latin-1").lower(), value) for name, value in request.raw_headers]
    kept = [(name, value) for name, value in came if name not in WITHHELD]
    return [*kept, (WHOSE, door.shop.shop.encode()), (WHICH, door.source.name.encode())]
