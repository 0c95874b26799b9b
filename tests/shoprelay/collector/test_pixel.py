"""The door for browsers: a foreign page, a wrong key, a bot or a flood leaves nothing behind; nobody is somebody by
saying so."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from shoprelay.collector.appender import NotAppended
from shoprelay.collector.bounds import Rates
from shoprelay.collector.hooks import Hooks
from shoprelay.collector.metrics import CollectorMetrics
from shoprelay.collector.pixel import Pixel
from shoprelay.collector.process import listening
from shoprelay.collector.visitors import is_bot
from shoprelay.hook_settings import Collect
from shoprelay.hooks import Door
from shoprelay.http import Readiness
from shoprelay.pixel_settings import Pixel as Pages
from sources.pixel import SOURCE
from sources.pixel.body import LARGEST
from sources.pixel.script import script, version
from sources.webhooks.contract import ShopSettings
from tests.worker.world import samples

SHOP, FOREIGN, KEY, SECRET = "https://mugs.example", "https://evil.example", "mugs-public", b"the-secret-of-names"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
ADA = "0f6a2c1e-33aa-4b1f-8d10-6f0c9a7b5e01"
PAGE = {"Origin": SHOP, "User-Agent": CHROME, "Content-Type": "text/plain;charset=UTF-8"}


def active(n: int = 1, **more: Any) -> dict[str, Any]:
    return {"type": "active", "id": f"5b0f5e0c-7a55-4c9e-9c55-{n:012}", "at": 5, **more}


def body(*events: Any, **more: Any) -> dict[str, Any]:
    return {"key": KEY, "sent_at": 5, "anonymous_id": ADA, "events": list(events or (active(),)), **more}


def who(customer_id: str | None = "C1", email: str | None = None, secret: bytes = SECRET) -> dict[str, Any]:
    text = f"{customer_id or ''}\n{email or ''}".encode()
    signature = hmac.new(secret, text, hashlib.sha256).hexdigest()
    return {"customer_id": customer_id, "email": email, "signature": signature}


@dataclass
class Web:
    """The door on a real socket, and what stands behind it."""

    session: aiohttp.ClientSession
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    stored: list[tuple[bytes, bytes, dict[str, bytes]]] = field(default_factory=list)
    fails: bool = False
    clock: float = 0.0
    url: str = ""

    async def append(self, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        if self.fails:
            raise NotAppended("the broker is away")
        self.stored.append((key, value, dict(headers)))

    async def post(self, said: Any, shop: str = "mugs", **more: str) -> int:
        sent = said if isinstance(said, bytes) else json.dumps(said).encode()
        given = PAGE | {name.replace("_", "-"): value for name, value in more.items()}
        return await self.ask("POST", f"/v1/pixel/{shop}", given, sent)

    async def ask(self, method: str, path: str, headers: dict[str, str], sent: bytes | None = None) -> int:
        async with self.session.request(method, self.url + path, data=sent, headers=headers) as self.answer:
            self.said = await self.answer.read()
            return self.answer.status


def door(shop: str, system: str) -> Door | None:
    if system != "pixel" or shop not in ("mugs", "plates"):
        return None
    pages = Pages(write_key=KEY, origins=(SHOP,))
    return Door(SOURCE, ShopSettings(shop=shop), (b"another-secret-of-names", SECRET), pages)


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with aiohttp.ClientSession() as session:
        made = Web(session)
        metrics = CollectorMetrics(made.registry, lambda: 0)
        hooks = Hooks(door, made.append, NotAppended, Rates(9, 9), metrics, 10_000, 16)
        rates = Rates(1, 6), Rates(1, 4)
        pixel = Pixel(door, made.append, NotAppended, *rates, metrics, 1, lambda: made.clock)
        async with listening(Collect(port=0), hooks, lambda: Readiness(True), pixel) as made.url:
            yield made


async def test_what_a_page_says_is_stored_as_it_came_and_nothing_of_the_browser_with_it(web: Web) -> None:
    sent = json.dumps(body()).encode()
    assert await web.post(sent, Cookie="a=b", X_Forwarded_For="192.0.2.7", X_Shoprelay_Identity="signed") == 204

    ours = {"x-shoprelay-shop": b"mugs", "x-shoprelay-system": b"pixel"}
    assert web.stored == [(f"mugs/pixel:{ADA}".encode(), sent, ours)]
    assert web.answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Access-Control-Allow-Credentials" not in web.answer.headers


BAD: dict[str, tuple[int, Any, dict[str, str]]] = {
    "another key": (403, body(key="plates-public"), {}),
    "a foreign origin": (403, body(), {"Origin": FOREIGN}),
    "an origin that only begins like ours": (403, body(), {"Origin": SHOP + ".evil.example"}),
    "no origin to speak of": (403, body(), {"Origin": "null"}),
    "another shop's": (404, body(), {"shop": "bowls"}),
    "too large": (413, b"[" + b" " * LARGEST + b"]", {}),
    "empty": (400, b"", {}),
    "cut off": (400, json.dumps(body()).encode()[:-9], {}),
    "no UTF-8": (400, b'{"key": "\xff"}', {}),
    "half a character": (400, b'{"key": "\\ud800"}', {}),
    "a list": (400, [body()], {}),
    "very deep": (400, b"[" * 8_000, {}),
    "packed": (400, b"\x1f\x8b\x08\x00" + b"0" * 20, {"Content_Encoding": "gzip"}),
    "a field nobody knows": (400, body(active(colour="blue")), {}),
    "an envelope's field nobody knows": (400, body(cart_token="t-1"), {}),
    "no events": (400, body() | {"events": []}, {}),
    "too many events": (400, body(*(active(n) for n in range(21))), {}),
    "an id that is not drawn": (400, body(active() | {"id": "order-placed:1001"}), {}),
    "an id that ends in a line feed": (400, body(active() | {"id": active()["id"] + "\n"}), {}),
    "an address that is none": (400, body(active(url="javascript:alert(1)")), {}),
    "an address too long": (400, body(active(url="https://mugs.example/" + "a" * 1_000)), {}),
    "a currency that is none": (
        400, body(active() | {"type": "added", "item": {"product_id": "P1"}, "currency": "ABC"}), {}),
    "no currency anywhere": (400, body(active() | {"type": "added", "item": {"product_id": "P1"}}), {}),
    "a signed name that is no address": (400, body(who=who(None, "nobody")), {}),
}  # fmt: skip


@pytest.mark.parametrize(("status", "said", "more"), BAD.values(), ids=BAD)
async def test_what_is_not_right_leaves_nothing_and_the_next_good_one_is_taken(
    web: Web, status: int, said: Any, more: dict[str, str]
) -> None:
    assert await web.post(said, **more) == status
    assert web.stored == []
    foreign = more.get("Origin", SHOP) != SHOP or "shop" in more
    assert ("Access-Control-Allow-Origin" in web.answer.headers) is not foreign

    assert await web.post(body()) == 204
    assert len(web.stored) == 1


async def test_a_body_that_never_says_its_size_is_cut_off_at_the_limit(web: Web) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b" " * 1_000

    async with web.session.post(f"{web.url}/v1/pixel/mugs", data=pieces(), headers=PAGE) as answer:
        assert answer.status == 413
    assert web.stored == []


async def test_a_replay_is_taken_again_and_is_the_same(web: Web) -> None:
    assert [await web.post(body()) for _ in range(3)] == [204] * 3
    assert web.stored[0] == web.stored[1] == web.stored[2]


BOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0) Chrome/116.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (compatible; YandexBot/3.0)", "facebookexternalhit/1.1", "GPTBot/1.2", "curl/8.5.0",
    "python-requests/2.32", "Mozilla/5.0 (compatible; AhrefsBot/7.0)", "Chrome-Lighthouse", "",
)  # fmt: skip
PEOPLE = (
    CHROME,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1",
    "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
    "Mozilla/5.0 (Linux; Android 14; CUBOT X70) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36 Instagram 300.0.0.0 Android",
)


@pytest.mark.parametrize("agent", BOTS)
async def test_a_bot_is_answered_counted_and_not_stored(web: Web, agent: str) -> None:
    assert await web.post(body(), User_Agent=agent) == 204
    assert web.stored == []
    assert samples(web.registry, "shoprelay_pixel_ignored_total") == {("mugs", "bot"): 1}


@pytest.mark.parametrize("agent", PEOPLE)
def test_people_are_no_bots(agent: str) -> None:
    assert not is_bot(agent)


SIGNED: dict[str, tuple[dict[str, Any], bool]] = {
    "an account": (who(), True),
    "an address": (who(None, "ada@mugs.example"), True),
    "both": (who("C1", "ada@mugs.example"), True),
    "with the secret before": (who(secret=b"another-secret-of-names"), True),
    "with a guessed secret": (who(secret=b"guessed"), False),
    "for somebody else": (who() | {"customer_id": "C2"}, False),
    "one name more than signed": (who() | {"email": "ada@mugs.example"}, False),
    "an account's signature for an address": (who("a@b.at") | {"customer_id": None, "email": "a@b.at"}, False),
    "no signature": ({"customer_id": "C1"}, False),
    "nobody": (who(None, None), False),
}  # fmt: skip


@pytest.mark.parametrize(("named", "signed"), SIGNED.values(), ids=SIGNED)
async def test_a_name_counts_only_with_the_backends_signature(web: Web, named: dict[str, Any], signed: bool) -> None:
    assert await web.post(body(who=named)) == 204
    ((_, _, headers),) = web.stored
    assert headers.get("x-shoprelay-identity") == (b"signed" if signed else None)
    assert samples(web.registry, "shoprelay_pixel_ignored_total") == ({} if signed else {("mugs", "name"): 1})


async def test_a_line_feed_cannot_move_from_one_name_to_the_other(web: Web) -> None:
    assert await web.post(body(who=who("C1\nada@mugs.example"))) == 400
    assert web.stored == []


async def test_only_an_unsigned_name_says_nothing_that_could_be_stored(web: Web) -> None:
    assert await web.post(body(active() | {"type": "identified"}, who={"customer_id": "C1"})) == 204
    assert web.stored == []


async def test_a_flood_from_one_address_is_stopped_before_it_costs_the_shop_anything(web: Web) -> None:
    flood = [await web.post(body(), X_Forwarded_For="198.51.100.9, 192.0.2.1") for _ in range(6)]
    assert flood == [204] * 4 + [429] * 2
    assert web.answer.headers["Retry-After"] == "1"
    invented = await web.post(
        body(), X_Forwarded_For="203.0.113.77, 192.0.2.1"
    )  # what is left of ours is the visitor's
    assert invented == 429
    assert await web.post(body(), X_Forwarded_For="192.0.2.2") == 204
    web.clock += 1
    assert await web.post(body(), X_Forwarded_For="192.0.2.1") == 204


async def test_a_network_of_ipv6_is_one_address(web: Web) -> None:
    flood = [await web.post(body(), X_Forwarded_For=f"2001:db8:1:2::{n}") for n in range(6)]
    assert flood == [204] * 4 + [429] * 2
    assert await web.post(body(), X_Forwarded_For="2001:db8:1:3::1") == 204


async def test_more_than_a_shops_visitors_may_send_is_turned_away_and_no_other_shop_suffers(web: Web) -> None:
    answers = [await web.post(body(), X_Forwarded_For=f"192.0.2.{n}") for n in range(8)]
    assert answers == [204] * 6 + [429] * 2
    assert await web.post(body(), shop="plates", X_Forwarded_For="192.0.2.99") == 204


async def test_what_the_broker_has_not_got_is_said_so(web: Web) -> None:
    web.fails = True
    assert await web.post(body()) == 503
    assert samples(web.registry, "shoprelay_deliveries_total") == {("mugs", "pixel", "503"): 1}


async def test_a_browser_that_asks_beforehand_learns_of_its_own_shop_only(web: Web) -> None:
    assert await web.ask("OPTIONS", "/v1/pixel/mugs", {"Origin": SHOP}) == 204
    assert web.answer.headers["Access-Control-Allow-Methods"] == "POST"
    assert (web.answer.headers["Access-Control-Allow-Origin"], web.answer.headers["Vary"]) == (SHOP, "Origin")
    for path, origin, status in (("mugs", FOREIGN, 403), ("bowls", SHOP, 404)):
        assert await web.ask("OPTIONS", f"/v1/pixel/{path}", {"Origin": origin}) == status
        assert "Access-Control-Allow-Origin" not in web.answer.headers


async def test_the_script_is_kept_for_good_only_under_its_version(web: Web) -> None:
    assert await web.ask("GET", "/v1/pixel.js?shop=mugs", PAGE) == 200
    assert (web.said, web.answer.content_type) == (script(), "text/javascript")
    assert web.answer.headers["Content-Encoding"] in ("gzip", "deflate")
    assert "immutable" not in web.answer.headers["Cache-Control"]
    tag = web.answer.headers["ETag"]
    assert await web.ask("GET", f"/v1/pixel.js?shop=mugs&v={version()}", PAGE) == 200
    assert web.answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert await web.ask("GET", "/v1/pixel.js?shop=mugs&v=earlier", PAGE) == 200
    assert "immutable" not in web.answer.headers["Cache-Control"]
    assert await web.ask("GET", "/v1/pixel.js?shop=mugs", PAGE | {"If-None-Match": tag}) == 304
    assert web.said == b""
    for nobody in ("?shop=bowls", ""):
        assert await web.ask("GET", "/v1/pixel.js" + nobody, PAGE) == 404


async def test_a_signed_webhook_does_not_come_in_by_the_browsers_name(web: Web) -> None:
    assert await web.ask("POST", "/v1/hooks/mugs/pixel", PAGE, json.dumps(body()).encode()) == 404
    assert web.stored == []
