"""The door for browsers: `GET /v1/pixel.js?shop=…` gives the script, `POST /v1/pixel/<shop>` takes what it says.

The answers to a post, in the order of the checks: 413 too large, 404 no shop with a pixel, 403 from another origin, 204
from a known bot (counted, not stored), 429 too many of this address, 400 not what may be said, 403 another key, 429 too
many of this shop, 503 the broker has not got it, 204 it has. Of the browser nothing is stored but the body: no address,
no cookie, no name it gives itself.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from aiohttp import web

from shoprelay.collector.bounds import Rates
from shoprelay.collector.hooks import NOBODY, NOT_HERE, WHICH, WHOSE, Append, Turned
from shoprelay.collector.metrics import CollectorMetrics
from shoprelay.collector.visitors import address_of, is_bot
from shoprelay.hooks import Door
from shoprelay.pixel_settings import PixelLimits
from sources.pixel.body import LARGEST, Body, read
from sources.pixel.normalize import IDENTITY, NAME, SIGNED, normalize
from sources.pixel.script import script, version
from sources.webhooks.contract import Headers, Refusal
from sources.webhooks.document import NotJson, Unfit, decoded
from streams.domain.policy import Policy
from streams.domain.validate import problem_of

FOR_GOOD = "public, max-age=31536000, immutable"
FOR_NOW = "public, max-age=3600, stale-while-revalidate=86400"


@dataclass(frozen=True, slots=True)
class Pixel:
    doors: Callable[[str, str], Door | None]
    append: Append
    not_appended: type[Exception]
    shops: Rates
    addresses: Rates
    metrics: CollectorMetrics
    proxies: int = 0
    now: Callable[[], float] = time.monotonic

    @classmethod
    def of(
        cls,
        doors: Callable[[str, str], Door | None],
        append: Append,
        not_appended: type[Exception],
        limits: PixelLimits,
        metrics: CollectorMetrics,
    ) -> Pixel:
        shops = Rates(limits.per_shop, limits.burst)
        addresses = Rates(limits.per_address, limits.address_burst)
        return cls(doors, append, not_appended, shops, addresses, metrics, limits.proxies)

    def routes(self) -> Iterable[web.RouteDef]:
        return (
            web.get("/v1/pixel.js", self.script),
            web.post("/v1/pixel/{shop}", self.post),
            web.options("/v1/pixel/{shop}", self.asked),
        )

    async def script(self, request: web.Request) -> web.Response:
        """One script for all shops. Asked for by its version, `&v=…`, it may be kept for good."""
        door = self.doors(request.query.get("shop", ""), NAME)
        if door is None:
            return web.json_response({"why": NOT_HERE}, status=404)
        headers = _for_the_page(door, request) | {
            "ETag": f'W/"{version()}"',
            "Cache-Control": FOR_GOOD if request.query.get("v") == version() else FOR_NOW,
            "Vary": "Origin, Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        if any(tag.value in (version(), "*") for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        answer = web.Response(body=script(), content_type="text/javascript", charset="utf-8", headers=headers)
        answer.enable_compression()
        return answer

    async def asked(self, request: web.Request) -> web.Response:
        """A browser asks beforehand only if the page does not use our script."""
        door = self.doors(request.match_info["shop"], NAME)
        headers = _for_the_page(door, request)
        if "Access-Control-Allow-Origin" not in headers:
            return web.json_response({"why": NOT_HERE}, status=404 if door is None else 403)
        more = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "content-type"}
        return web.Response(status=204, headers=headers | more | {"Access-Control-Max-Age": "86400"})

    async def post(self, request: web.Request) -> web.Response:
        shop = request.match_info["shop"]
        door: Door | None = None
        try:
            door = self.doors(shop, NAME)
            await self._take(door, request, await _body(request))
            answer = web.Response(status=HTTPStatus.NO_CONTENT)
        except Turned as turned:
            answer = web.json_response({"why": turned.why}, status=turned.status, headers=turned.headers)
        answer.headers.update(_for_the_page(door, request))
        self.metrics.answered(NOBODY if door is None else shop, NOBODY if door is None else NAME, answer.status)
        return answer

    async def _take(self, door: Door | None, request: web.Request, body: bytes) -> None:
        if door is None or door.pixel is None:
            raise Turned(404, NOT_HERE)
        if request.headers.get("Origin") not in door.pixel.origins:
            raise Turned(403, "this page is not one of the shop's; name its origin in the settings")
        shop = door.shop.shop
        if is_bot(request.headers.get("User-Agent", "")):
            self.metrics.ignored(shop, "bot")
            return
        if not self.addresses.takes(address_of(request, self.proxies), self.now()):
            raise Turned(429, "too many posts of this address", Retry_After="1")
        said, document = _said(body)
        if not hmac.compare_digest(said.key.encode(), door.pixel.write_key.encode()):
            raise Turned(403, "the key is not the one of the settings")
        if not self.shops.takes(shop, self.now()):
            raise Turned(429, "too many posts of this shop's visitors", Retry_After="1")
        await self._store(door, said, document, body)

    async def _store(self, door: Door, said: Body, document: object, body: bytes) -> None:
        shop = door.shop.shop
        ours = {WHOSE: shop, WHICH: NAME}
        if said.who is not None and said.who.is_signed(door.secrets):
            ours[IDENTITY] = SIGNED
        elif said.who is not None:
            self.metrics.ignored(shop, "name")
        if not _understood(door, ours, document):
            return
        key, began = f"{shop}/{NAME}:{said.anonymous_id}".encode(), self.now()
        try:
            await self.append(key, body, [(name, value.encode()) for name, value in ours.items()])
        except self.not_appended:
            raise Turned(503, "it could not be stored", Retry_After="5") from None
        self.metrics.appended(len(body), self.now() - began)


async def _body(request: web.Request) -> bytes:
    """At most what a page may say; of more, no more is read."""
    too_large = Turned(413, f"the body is larger than {LARGEST} bytes")
    if request.content_length is not None and request.content_length > LARGEST:
        raise too_large
    came = bytearray()
    async for piece in request.content.iter_chunked(LARGEST):
        came += piece
        if len(came) > LARGEST:
            raise too_large
    return bytes(came)


def _said(body: bytes) -> tuple[Body, object]:
    try:
        document = decoded(body)
        return read(document), document
    except NotJson as bad:
        raise Turned(400, f"the body {bad}") from None
    except Unfit as unfit:
        raise Turned(400, str(unfit)) from None


def _understood(door: Door, headers: Headers, document: object) -> bool:
    """Whether it says anything. What the worker would refuse is refused here, so strangers fill up nothing."""
    told = normalize(headers, document, door.shop, datetime.now(UTC))
    if isinstance(told, Refusal):
        raise Turned(400, f"{told.field}: {told.problem}; {told.remedy}")
    for event in told:
        if problem := problem_of(event, Policy()):
            raise Turned(400, f"{problem.field} does not hold what belongs there; {problem.remedy}")
    return bool(told)


def _for_the_page(door: Door | None, request: web.Request) -> dict[str, str]:
    """What lets a page read an answer: only for the shop's own origins, and for nobody's cookies."""
    headers, origin = {"Vary": "Origin"}, request.headers.get("Origin", "")
    if door is not None and door.pixel is not None and origin in door.pixel.origins:
        headers["Access-Control-Allow-Origin"] = origin
    return headers
