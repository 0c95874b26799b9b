"""The door for shops: what is not signed, too large, too deep, too much or nobody's leaves nothing behind and breaks
nothing; the next good delivery is taken."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from shoprelay.collector.appender import NotAppended
from shoprelay.collector.bounds import Rates, is_too_deep
from shoprelay.collector.hooks import Hooks
from shoprelay.collector.metrics import CollectorMetrics
from shoprelay.collector.process import listening
from shoprelay.hook_settings import Collect
from shoprelay.hooks import Door
from shoprelay.http import Readiness
from sources.webhooks import contract
from sources.webhooks.contract import ShopSettings
from tests.worker.world import samples

OLD, NEW = b"the-old-secret", b"the-new-secret"
MOST, DEEPEST = 10_000, 16
ORDER = json.dumps({"id": 1001, "total_price": "12.50"}).encode()
Record = tuple[bytes, bytes, dict[str, bytes]]


def signed(body: bytes, secret: bytes = OLD) -> str:
    return base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()


def headers(body: bytes, secret: bytes = OLD, **more: str) -> dict[str, str]:
    return {
        "X-Shopify-Hmac-Sha256": signed(body, secret),
        "X-Shopify-Topic": "orders/create",
        "X-Shopify-Webhook-Id": "w-1",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


def nested(levels: int) -> bytes:
    return b'{"id":1,"a":' * levels + b"1" + b"}" * levels


@dataclass
class Shop:
    """The door on a real socket, and what stands behind it."""

    session: aiohttp.ClientSession
    registry: CollectorRegistry
    stored: list[Record] = field(default_factory=list)
    fails: bool = False
    ready: bool = True
    clock: float = 0.0
    url: str = ""

    async def append(self, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        if self.fails:
            raise NotAppended("the broker is away")
        self.stored.append((key, value, dict(headers)))

    async def post(self, body: bytes, given: dict[str, str] | None = None, path: str = "mugs/shopify") -> int:
        given = headers(body) if given is None else given
        async with self.session.post(f"{self.url}/v1/hooks/{path}", data=body, headers=given) as answer:
            self.said = await answer.text()
            self.answer = answer
            return answer.status


def door(shop: str, system: str) -> Door | None:
    if (shop, system) not in {("mugs", "shopify"), ("mugs", "generic"), ("plates", "shopify")}:
        return None
    return Door(contract.load(system), ShopSettings(shop=shop), (OLD, NEW))


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with aiohttp.ClientSession() as session:
        registry = CollectorRegistry()
        made = Shop(session, registry)
        metrics = CollectorMetrics(registry, lambda: 0)
        rates = Rates(per_second=1, burst=50)
        hooks = Hooks(door, made.append, NotAppended, rates, metrics, MOST, DEEPEST, lambda: made.clock)
        async with listening(Collect(port=0, max_body=MOST), hooks, lambda: Readiness(made.ready)) as made.url:
            yield made


async def test_a_signed_delivery_is_stored_as_it_came_with_its_headers(shop: Shop) -> None:
    body = b' {"id": 1001,\n "total_price": "12.50"} '
    assert (
        await shop.post(body, headers(body, Authorization="Bearer x", Cookie="a=b", X_Shoprelay_Shop="plates")) == 200
    )

    ((key, value, kept),) = shop.stored
    assert (key, value) == (b"mugs/shopify:orders:1001", body)
    assert kept["x-shopify-topic"] == b"orders/create"
    assert (kept["x-shoprelay-shop"], kept["x-shoprelay-system"]) == (b"mugs", b"shopify")
    assert not {"authorization", "cookie"} & kept.keys()


WRONG: dict[str, tuple[int, bytes, dict[str, str] | None, str]] = {
    "not signed": (401, ORDER, {"X-Shopify-Topic": "orders/create"}, "mugs/shopify"),
    "signed with another secret": (401, ORDER, headers(ORDER, b"somebody-else"), "mugs/shopify"),
    "signed for another body": (401, ORDER, headers(ORDER + b" "), "mugs/shopify"),
    "a signature that is no base64": (401, ORDER, headers(ORDER) | {"X-Shopify-Hmac-Sha256": "???"}, "mugs/shopify"),
    "a signature in hexadecimal": (
        401, ORDER, headers(ORDER) | {"X-Shopify-Hmac-Sha256": hashlib.sha256(ORDER).hexdigest()}, "mugs/shopify",
    ),
    "an empty signature": (401, ORDER, headers(ORDER) | {"X-Shopify-Hmac-Sha256": ""}, "mugs/shopify"),
    "signed in the header of another system": (401, ORDER, headers(ORDER), "mugs/generic"),
    "an unknown shop": (404, ORDER, None, "bowls/shopify"),
    "an unknown system": (404, ORDER, None, "mugs/lightspeed"),
    "no system": (404, ORDER, None, "mugs"),
    "a shop with a slash": (404, ORDER, None, "mugs%2Fshopify/shopify"),
    "too large": (413, b"[" + b" " * MOST + b"]", None, "mugs/shopify"),
    "empty": (400, b"", None, "mugs/shopify"),
    "cut off": (400, b'{"id": 1001, "tot', None, "mugs/shopify"),
    "no JSON": (400, b"id=1001", None, "mugs/shopify"),
    "no UTF-8": (400, b'{"id": "\xff\xfe"}', None, "mugs/shopify"),
    "half a character": (400, b'{"id": "\\ud800"}', None, "mugs/shopify"),
    "a number without end": (400, b"1" * 5_000, None, "mugs/shopify"),
    "deeper than allowed": (400, nested(DEEPEST + 1), None, "mugs/shopify"),
    "so deep that a parser would break": (400, b"[" * 9_000, None, "mugs/shopify"),
    "packed": (400, b"\x1f\x8b\x08\x00" + b"0" * 20, None, "mugs/shopify"),
}  # fmt: skip


@pytest.mark.parametrize(("status", "body", "given", "path"), WRONG.values(), ids=WRONG)
async def test_what_is_not_right_leaves_nothing_and_the_next_good_one_is_taken(
    shop: Shop, status: int, body: bytes, given: dict[str, str] | None, path: str
) -> None:
    assert await shop.post(body, given, path) == status
    assert shop.stored == []
    assert not {"bowls", "plates", "lightspeed"} & set(shop.said.replace('"', " ").split())

    assert await shop.post(ORDER) == 200
    assert [value for _, value, _ in shop.stored] == [ORDER]


async def test_a_chunked_body_that_never_says_its_size_is_cut_off_at_the_limit(shop: Shop) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(MOST // 1_000 + 2):
            yield b" " * 1_000

    async with shop.session.post(f"{shop.url}/v1/hooks/mugs/shopify", data=pieces()) as answer:
        assert answer.status == 413
    assert shop.stored == []


async def test_a_body_of_exactly_the_limit_is_taken(shop: Shop) -> None:
    body = b"{" + b" " * (MOST - 2) + b"}"
    assert await shop.post(body) == 200


async def test_nobody_learns_which_of_shop_and_system_is_unknown(shop: Shop) -> None:
    answers = []
    for path in ("bowls/shopify", "mugs/lightspeed", "bowls/lightspeed"):
        assert await shop.post(ORDER, None, path) == 404
        answers.append(shop.said)
    assert len(set(answers)) == 1


@pytest.mark.parametrize("secret", [OLD, NEW])
async def test_two_secrets_are_valid_at_once(shop: Shop, secret: bytes) -> None:
    assert await shop.post(ORDER, headers(ORDER, secret)) == 200


async def test_a_delivery_that_comes_again_is_taken_again(shop: Shop) -> None:
    """It is the events' ids that make it harmless, not a memory of the door's."""
    assert [await shop.post(ORDER), await shop.post(ORDER)] == [200, 200]
    assert len(shop.stored) == 2
    assert shop.stored[0] == shop.stored[1]


async def test_what_the_broker_has_not_got_is_answered_503_and_kept_nowhere(shop: Shop) -> None:
    shop.fails = True
    assert await shop.post(ORDER) == 503
    assert shop.answer.headers["Retry-After"] == "5"
    shop.fails = False
    assert shop.stored == []
    assert await shop.post(ORDER) == 200
    assert len(shop.stored) == 1


async def test_more_than_a_shop_may_send_is_answered_429_and_no_other_shop_suffers(shop: Shop) -> None:
    assert [await shop.post(ORDER) for _ in range(52)] == [200] * 50 + [429] * 2
    assert shop.answer.headers["Retry-After"] == "1"
    assert await shop.post(ORDER, path="plates/shopify") == 200
    shop.clock += 2.0
    assert [await shop.post(ORDER) for _ in range(3)] == [200, 200, 429]


async def test_whoever_cannot_sign_uses_up_nothing_of_a_shops_rate(shop: Shop) -> None:
    assert {await shop.post(ORDER, headers(ORDER, b"somebody-else")) for _ in range(60)} == {401}
    assert await shop.post(ORDER) == 200


async def test_only_post_and_only_what_is_there(shop: Shop) -> None:
    for path, status in (("/v1/hooks/mugs/shopify", 405), ("/metrics", 404), ("/", 404), ("/v1/schema.json", 200)):
        async with shop.session.get(shop.url + path) as answer:
            assert answer.status == status


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_readyz_says_whether_appends_pass_and_no_more(shop: Shop, ready: bool, status: int) -> None:
    shop.ready = ready
    async with shop.session.get(f"{shop.url}/readyz") as answer:
        assert (answer.status, await answer.json()) == (status, {"ready": ready})


async def test_answers_are_counted_and_strangers_get_no_label_of_their_own(shop: Shop) -> None:
    await shop.post(ORDER)
    await shop.post(ORDER, headers(ORDER, b"somebody-else"))
    for path in ("bowls/shopify", "cups/shopify"):
        await shop.post(ORDER, path=path)

    assert samples(shop.registry, "shoprelay_deliveries_total") == {
        ("mugs", "shopify", "200"): 1, ("mugs", "shopify", "401"): 1, ("-", "-", "404"): 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "deep"),
    [
        (nested(DEEPEST), False),
        (nested(DEEPEST + 1), True),
        (b"[" * 3 + b"]" * 3, False),
        (json.dumps([{"a": n} for n in range(100)]).encode(), False),
        (b"7", False),
        (json.dumps("{" * 100).encode(), False),
    ],
)
def test_depth_is_that_of_the_document_not_of_its_texts(body: bytes, deep: bool) -> None:
    assert is_too_deep(body, json.loads(body), DEEPEST) is deep


def test_a_bucket_fills_no_higher_than_its_burst() -> None:
    rates = Rates(per_second=10, burst=3)
    take: Callable[[float], bool] = lambda at: rates.takes("mugs", at)  # noqa: E731
    assert [take(0), take(0), take(0), take(0)] == [True, True, True, False]
    assert [take(100), take(100), take(100), take(100)] == [True, True, True, False]
    assert [take(100.05), take(100.2)] == [False, True]
