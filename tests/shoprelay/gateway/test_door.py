"""At the door: a key, its pace, and a question that can be understood."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shoprelay.gateway.keys import Keys
from tests.shoprelay.gateway.world import AUTH, KEY, OTHER, PAIR, HandClock, Served, served

CART = {"items": [{"product_id": "mug", "quantity": 2}]}
HERE = {"latitude": 52.5, "longitude": 13.4}


@pytest.fixture
async def shop() -> AsyncIterator[Served]:
    async with served() as here:
        yield here


# -- keys


@pytest.mark.parametrize("authorization", [None, "", "Bearer", f"Basic {KEY}", KEY, f"Bearer {KEY}x"])
async def test_without_a_key_nothing_is_asked(shop: Served, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await shop.client.get(PAIR, headers=headers)

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["type"] == "/v1/docs#no-key"
    assert shop.world.wire.calls == []


@pytest.mark.parametrize("key", [KEY, OTHER])
async def test_while_keys_are_changed_both_are_valid(shop: Served, key: str) -> None:
    assert (await shop.get(PAIR, key)).status_code == 200


async def test_a_key_that_asks_too_fast_waits_and_the_other_does_not() -> None:
    async with served(requests_per_second=2) as shop:
        statuses = [(await shop.get(PAIR)).status_code for _ in range(3)]
        refused = await shop.get(PAIR)

        assert statuses == [200, 200, 429]
        assert (refused.headers["Retry-After"], refused.json()["type"]) == ("1", "/v1/docs#too-many-requests")
        assert (await shop.get(PAIR, OTHER)).status_code == 200
        shop.world.clock.now += 0.5
        assert [(await shop.get(PAIR)).status_code for _ in range(2)] == [200, 429]


def test_an_unused_key_saves_up_no_more_than_a_second() -> None:
    clock = HandClock()
    keys = Keys([KEY], 3, clock)
    clock.now += 3_600

    assert [keys.wait(0) for _ in range(3)] == [0, 0, 0]
    assert keys.wait(0) == pytest.approx(1 / 3)


def test_every_key_is_looked_at_whichever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bytes] = []

    def compare(given: bytes, digest: bytes) -> bool:
        looked.append(digest)
        return given == digest

    monkeypatch.setattr("shoprelay.gateway.keys.hmac.compare_digest", compare)
    keys = Keys([KEY, OTHER], 1, HandClock())

    assert [keys.number(f"Bearer {key}") for key in (KEY, OTHER, "wrong")] == [0, 1, None]
    assert len(looked) == 6


# -- questions that cannot be understood

ITEM = {"product_id": "mug", "quantity": 1}
BODIES: list[tuple[str, Any, str, str]] = [
    ("/v1/availability", {}, "items", "it is missing"),
    ("/v1/availability", {"items": []}, "items", "Tuple should have at least 1 item"),
    ("/v1/availability", {"items": [{"product_id": "mug"}]}, "items.0.place_id", "it is missing"),
    (
        "/v1/availability",
        {"items": [{"product_id": 7, "place_id": "B"}]},
        "items.0.product_id",
        "Input should be a valid",
    ),
    ("/v1/availability", {"items": [{"product_id": "a=b", "place_id": "B"}]}, "items.0.product_id", "NewStore has no"),
    ("/v1/availability", {"items": [{"product_id": "m", "place_id": "B"}], "x": 1}, "x", "there is no such field"),
    ("/v1/availability", [], "", "Input should be an object"),
    ("/v1/delivery-options", CART, "address", "it is missing"),
    ("/v1/delivery-options", {**CART, "address": {"country": "de"}}, "address.country", "String should match"),
    (
        "/v1/delivery-options",
        {**CART, "address": {"country": "DE", "zip": "1"}},
        "address.zip",
        "there is no such field",
    ),
    (
        "/v1/pickup-options",
        {"items": [{**ITEM, "quantity": 0}], "near": HERE},
        "items.0.quantity",
        "Input should be gr",
    ),
    (
        "/v1/pickup-options",
        {"items": [{**ITEM, "quantity": "2"}], "near": HERE},
        "items.0.quantity",
        "Input should be a",
    ),
    ("/v1/pickup-options", {"items": [ITEM] * 101, "near": HERE}, "items", "Tuple should have at most 100 items"),
    ("/v1/pickup-options", {**CART, "near": {**HERE, "latitude": 91}}, "near.latitude", "Input should be less"),
]


@pytest.mark.parametrize(("path", "document", "field", "problem"), BODIES)
async def test_a_body_that_cannot_be_used(shop: Served, path: str, document: Any, field: str, problem: str) -> None:
    answer = await shop.post(path, document)
    (told,) = answer.json()["errors"]

    assert (answer.status_code, told["field"]) == (400, field)
    assert told["problem"].startswith(problem)
    assert told["remedy"].startswith(("give ", "leave it out; there are: ", "see "))
    assert shop.world.wire.calls == []


@pytest.mark.parametrize(
    ("path", "field", "problem"),
    [
        ("/v1/availability?product=mug", "place", "it is missing"),
        ("/v1/availability?product=&place=BER", "product.0", "String should have at least 1 character"),
        ("/v1/availability?product=mug&place=BER&shop=x", "shop", "there is no such field"),
        ("/v1/customers", "email", "it is missing"),
        ("/v1/customers?email=ada", "email", "String should match pattern"),
        ("/v1/customers?email=a@b.c&email=d@e.f", "email", "Input should be a valid string"),
        ("/v1/customers/7/orders?count=51", "count", "Input should be less than or equal to 50"),
        ("/v1/customers/7/orders?offset=-1", "offset", "Input should be greater than or equal to 0"),
        ("/v1/customers/7/orders?count=some", "count", "Input should be a valid integer"),
        ("/v1/customers/7/orders?customer_id=8", "customer_id", "Input should be a valid string"),
        (f"/v1/orders/{'9' * 65}", "order_number", "String should have at most 64 characters"),
    ],
)
async def test_parameters_that_cannot_be_used(shop: Served, path: str, field: str, problem: str) -> None:
    answer = await shop.get(path)
    (told,) = answer.json()["errors"]

    assert (answer.status_code, told["field"]) == (400, field)
    assert told["problem"].startswith(problem)
    assert shop.world.wire.calls == []


async def test_the_remedy_says_what_to_give(shop: Served) -> None:
    (told,) = (await shop.get("/v1/customers?email=ada")).json()["errors"]
    (more,) = (await shop.get("/v1/customers?email=a@b.c&name=x")).json()["errors"]

    assert told["remedy"] == "give the whole e-mail address"
    assert more["remedy"] == "leave it out; there are: email"


async def test_everything_wrong_is_told_at_once(shop: Served) -> None:
    document = {"items": [{"quantity": 0}], "near": {"latitude": 99}, "colour": "blue"}
    told = (await shop.post("/v1/pickup-options", document)).json()

    assert [error["field"] for error in told["errors"]] == [
        "items.0.product_id", "items.0.quantity", "near.latitude", "near.longitude", "colour",
    ]  # fmt: skip
    assert told["detail"] == "items.0.product_id: it is missing; and 4 more"


async def test_what_was_given_is_never_repeated(shop: Served) -> None:
    answer = await shop.get("/v1/customers?email=ada-at-example.com")

    assert (answer.status_code, "ada-at" in answer.text) == (400, False)


async def test_too_many_pairs_are_refused_with_how_many_they_are(shop: Served) -> None:
    query = "&".join([*(f"product=p{n}" for n in range(50)), *(f"place=s{n}" for n in range(41))])
    (told,) = (await shop.get(f"/v1/availability?{query}")).json()["errors"]

    assert told["problem"] == "50 products at 41 places are 2,050 pairs"


async def test_a_body_that_is_no_json_or_not_declared_as_it(shop: Served) -> None:
    headers = {**AUTH, "Content-Type": "application/json"}
    broken = await shop.client.post("/v1/availability", content=b"{", headers=headers)
    form = await shop.client.post("/v1/availability", data={"a": "b"}, headers=AUTH)

    assert (broken.status_code, broken.json()["errors"][0]["remedy"]) == (400, "send one JSON object")
    assert (form.status_code, form.json()["type"]) == (415, "/v1/docs#not-json")


async def test_a_large_body_is_not_read() -> None:
    async with served(largest_body=1_024) as shop:
        answer = await shop.post("/v1/availability", {"items": [{"product_id": "x" * 1_024, "place_id": "B"}]})

        assert (answer.status_code, answer.json()["type"]) == (413, "/v1/docs#too-large")


async def test_paths_and_methods_that_do_not_exist_are_problems_too(shop: Served) -> None:
    nowhere, wrong = await shop.get("/v2/orders"), await shop.client.delete("/v1/orders/7", headers=AUTH)

    assert (nowhere.status_code, nowhere.json()["type"]) == (404, "/v1/docs#no-such-path")
    assert (wrong.status_code, wrong.json()["type"], wrong.headers["Allow"]) == (405, "/v1/docs#wrong-method", "GET")


async def test_a_mistake_of_ours_is_a_problem_and_logged_without_what_was_asked(
    shop: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(asked: Any) -> Any:
        raise KeyError(asked.email)

    monkeypatch.setattr(shop.world.platform, "ask", broken)
    answer = await shop.get("/v1/customers?email=ada@example.com")
    logged = caplog.text + "".join(capsys.readouterr())

    assert (answer.status_code, answer.json()["type"]) == (500, "/v1/docs#internal")
    assert "a mistake of the gateway" in logged and "KeyError" in logged
    assert "ada@" not in logged + answer.text


# -- whatever comes

STRANGE: list[tuple[str, str, bytes]] = [
    ("GET", "/v1/orders/%FF%FE", b""),
    ("GET", "/v1/orders/%00", b""),
    ("GET", "/v1/orders/..%2F..%2Fv0%2Forders", b""),
    ("GET", "/v1/customers?email=%FF@example.com", b""),
    ("GET", "/v1/customers?email=a%0D%0Ab@example.com", b""),
    ("GET", "/v1/customers/%F0%9F%92%A9/orders?count=%D9%A3", b""),
    ("GET", "/v1/availability?product=%ED%A0%80&place=B", b""),
    ("POST", "/v1/availability", b"\xff\xfe"),
    ("POST", "/v1/availability", b'{"items": [{"product_id": "\\ud800", "place_id": "B"}]}'),
    ("POST", "/v1/availability", b"null"),
    ("POST", "/v1/availability", b"[" * 5_000),
    ("POST", "/v1/pickup-options", b'{"items": [{"product_id": "m", "quantity": 1e400}], "near": {"latitude": NaN}}'),
    ("POST", "/v1/pickup-options", b'{"items": [{"product_id": "m", "quantity": 99999999999999999999}]}'),
]


@pytest.mark.parametrize(("method", "path", "body"), STRANGE)
async def test_nothing_strange_is_our_mistake(shop: Served, method: str, path: str, body: bytes) -> None:
    headers = {**AUTH, "Content-Type": "application/json"}
    answer = await shop.client.request(method, path, content=body or None, headers=headers)

    assert answer.status_code in (200, 400, 404)
    for call in shop.world.wire.calls:
        assert call.path.startswith(("/v0/orders/", "/v0/orders?", "/customer/profiles?", "/v0/availabilities"))
        assert not set("\r\n ") & set(call.path)


async def test_a_key_of_strange_letters_is_no_key(shop: Served) -> None:
    answer = await shop.client.get(PAIR, headers=[(b"authorization", b"Bearer \xff\xfe")])

    assert answer.status_code == 401


async def test_thousands_of_wrong_fields_take_no_time_and_twenty_are_told(shop: Served) -> None:
    answer = await shop.post("/v1/availability", {"items": [{"x": 1}] * 20_000})

    assert (answer.status_code, len(answer.json()["errors"])) == (400, 20)
    assert answer.json()["detail"].endswith("; and 59999 more")
    assert answer.elapsed.total_seconds() < 10, "not in the square of them"
