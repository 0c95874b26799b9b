"""What NewStore can be asked: the stand-in refuses what its documents refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sinks.contract import Limit
from sinks.fake import Received, Reply
from sinks.newstore.fakeread import LIMITS, V2, ReadSide

HEADERS = {"content-type": "application/json", "authorization": "Bearer good", "host": "newstore.example"}
KEY = {"product_id": "mug", "fulfillment_node_id": "BER"}
BAG = [{"product_id": "mug", "quantity": 1}]
GEO = {"geo": {"latitude": 52.5, "longitude": 13.4}}
PICKUP = {"location": GEO, "bag": BAG}
EXPORTS = "/v0/d/availabilities/bulk"


class Here:
    def __init__(self, limits: tuple[Limit, ...] = LIMITS, **how: Any) -> None:
        self.now = 1_000.0
        self.reads = ReadSide(lambda: self.now, lambda token: token == "good", limits, **how)
        self.reads.stock("mug", "BER", 5)
        self.reads.store("BER", "Berlin", 52.5, 13.4)
        self.reads.profile({"id": "c1", "email": "ada@example.com", "full_name": "Ada"})
        for day in (1, 2):
            self.reads.order({"id": f"N-{day}", "origin_id": f"u-{day}", "placed_at": f"2026-05-0{day}"}, "c1")

    def ask(self, method: str, path: str, document: Any = None, **headers: str | None) -> Reply | None:
        given = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
        body = b"" if document is None else json.dumps(document).encode()
        kept = {name: value for name, value in given.items() if value is not None}
        return self.reads.answer(Received(self.now, method, path, kept, body))

    def told(self, *asked: Any, **headers: str | None) -> tuple[int, Any]:
        reply = self.ask(*asked, **headers)
        assert reply is not None
        return reply.status, json.loads(reply.body) if "json" in reply.content_type else reply.body


@pytest.mark.parametrize(
    "asked", [("GET", "/v0/d/fulfill_order"), ("DELETE", "/v0/orders"), ("GET", "/v0/availabilities")]
)
def test_what_is_no_question_is_somebody_elses(asked: tuple[str, str]) -> None:
    assert Here().ask(*asked) is None


@pytest.mark.parametrize(
    ("asked", "headers", "status", "code"),
    [
        (("GET", "/v0/orders/N-1?id_type=external"), {"authorization": None}, 401, "unauthorized"),
        (("GET", "/v0/orders/N-1?id_type=external"), {"authorization": "Bearer bad"}, 403, "forbidden"),
        (("POST", "/v0/availabilities", {"atp_keys": []}), {}, 400, "schema_validation_error"),
        (("POST", "/v0/availabilities", {"atp_keys": [{"product_id": "m"}]}), {}, 400, "schema_validation_error"),
        (("POST", "/v0/availabilities", {"atp_keys": [KEY] * 2_001}), {}, 400, "schema_validation_error"),
        (("POST", "/v0/availabilities", {}), {"content_type": "text/plain"}, 415, "unsupported_media_type"),
        (("POST", "/v0/d/in_store_pickup_options", {"bag": BAG}), {}, 400, "schema_validation_error"),
        (("POST", "/v0/d/in_store_pickup_options", {**PICKUP, "bag": []}), {}, 400, "schema_validation_error"),
        (("POST", "/v0/d/in_store_pickup_options", {**PICKUP, "radius": 3}), {}, 400, "schema_validation_error"),
        (("POST", "/v0/d/routing_options", {"bag": BAG}), {}, 400, "schema_validation_error"),
        (("GET", "/customer/profiles?count=501"), {}, 400, "bad_request"),
        (("GET", "/customer/profiles?offset=9900&count=101"), {}, 400, "bad_request"),
        (("GET", "/customer/profiles?email=x"), {}, 400, "bad_request"),
        (("GET", "/v0/orders"), {"accept": V2}, 400, "bad_request"),
        (("GET", "/v0/orders?customer_id=c1&count=51"), {"accept": V2}, 400, "bad_request"),
        (("GET", "/v0/orders?customer_id=c1&count=0"), {"accept": V2}, 400, "bad_request"),
        (("GET", "/v0/orders?customer_id=c1&count=5"), {"accept": "application/json"}, 400, "bad_request"),
        (("GET", "/v0/orders?customer_id=nobody"), {"accept": "application/json"}, 404, "customer_not_found"),
        (("GET", "/v0/orders/N-1"), {}, 400, "bad_request"),
        (("GET", "/v0/orders/N-9?id_type=external"), {}, 404, "not_found"),
        (("GET", "/v0/orders/N-1?id_type=internal"), {}, 404, "not_found"),
        (("POST", EXPORTS, {"last_updated_at": "2026-05-01"}), {}, 400, "schema_validation_error"),
        (("GET", f"{EXPORTS}/export-9"), {}, 404, "not_found"),
    ],
)  # fmt: skip
def test_what_is_refused(asked: tuple[Any, ...], headers: dict[str, str | None], status: int, code: str) -> None:
    got, problem = Here().told(*asked, **headers)

    assert (got, problem["error_code"], problem["status"]) == (status, code, status)


def test_stock_of_what_is_known_and_no_more() -> None:
    keys = [{"product_id": product, "fulfillment_node_id": "BER"} for product in ("mug", "mug", "cup")]

    assert Here().told("POST", "/v0/availabilities", {"atp_keys": keys}) == (
        200, {"items": [{"product_id": "mug", "fulfillment_node_id": "BER", "atp": 5}]},
    )  # fmt: skip


def test_a_store_without_stock_is_shown_only_to_who_wants_it_and_has_no_token() -> None:
    here, much = Here(), {**PICKUP, "bag": [{"product_id": "mug", "quantity": 9}]}
    assert here.told("POST", "/v0/d/in_store_pickup_options", much) == (200, {"options": []})

    _, told = here.told("POST", "/v0/d/in_store_pickup_options", {**much, "options": {"show_stores_without_atp": True}})
    (option,) = told["options"]
    assert (option["has_atp"], "in_store_pickup_option" in option) == (False, False)


def test_a_history_is_paged_newest_first_and_without_totals() -> None:
    here = Here()
    pages = [
        here.told("GET", f"/v0/orders?customer_id=c1&count=1&offset={n}", accept=V2)[1]["orders"] for n in range(3)
    ]

    assert [[order["id"] for order in page] for page in pages] == [["N-2"], ["N-1"], []]


def test_an_order_by_either_of_its_numbers() -> None:
    here = Here()

    assert here.told("GET", "/v0/orders/N-1?id_type=external")[1]["origin_id"] == "u-1"
    assert here.told("GET", "/v0/orders/u-1?id_type=internal")[1]["id"] == "N-1"


def test_who_asks_too_fast_is_told_when_to_come_again() -> None:
    here = Here((Limit("orders", 2, 1),))
    asked = ("GET", "/v0/orders?customer_id=c1")
    replies = [here.ask(*asked, accept=V2) for _ in range(3)]
    here.now += 1

    assert [reply.status for reply in replies if reply] == [200, 200, 429]
    assert replies[2] is not None and replies[2].headers == {"Retry-After": "1"}
    assert here.told(*asked, accept=V2)[0] == 200
    assert here.reads.stored()["busiest"] == {"orders": 3, "*": 3}


def test_an_address_that_asks_far_too_much_is_blocked_in_words_that_are_no_json() -> None:
    here = Here((Limit("*", 2, 300),))
    asked = ("GET", "/v0/orders/N-1?id_type=external")
    statuses = [here.told(*asked)[0] for _ in range(3)]
    here.now += 299
    blocked = here.told(*asked)
    here.now += 2

    assert (statuses, blocked) == ([200, 200, 403], (403, b"<html>Forbidden</html>"))
    assert here.told(*asked)[0] == 200


def test_an_export_is_made_in_its_time_and_has_what_changed_since() -> None:
    here = Here()
    here.reads.stock("mug", "HAM", 1)
    number = here.told("POST", EXPORTS, {"last_updated_at": 1})[1]["availability_export_id"]
    assert here.told("GET", f"{EXPORTS}/{number}") == (200, {"state": "processing"})

    here.reads.stock("mug", "BER", 4)  # after it was begun
    here.now += 2
    _, told = here.told("GET", f"{EXPORTS}/{number}")
    assert (told["state"], told["last_updated_at"]) == ("finished", 2)
    _, rows = here.told("GET", told["link"].removeprefix("http://newstore.example"), authorization=None)
    assert [(row["fulfillment_node_id"], row["atp"], row["revision"]) for row in rows] == [("HAM", 1, 2)]


def test_beside_others_it_leaves_to_them_what_it_does_not_know() -> None:
    here = Here(alone=False)

    assert here.ask("GET", "/v0/orders/N-9?id_type=external") is None
    assert here.ask("GET", "/v0/orders?customer_id=c9", accept=V2) is None
    assert here.told("GET", "/v0/orders/N-1?id_type=external")[0] == 200
