"""What the stand-ins took in, read back: each call once, and whatever is not as it must be shows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from shoprelay.demo.compare import received

MUG = {"ProductID": "mug", "Quantity": 2, "ItemPrice": 12.5}
MUGS = (("mug", Decimal(2), Decimal("12.5")),)
JUNE_MUG = {"id": "mug", "qty": 2, "price": 12.5}


def event(metric: str, properties: dict[str, Any], value: float | None = None, **who: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
        "profile": {"data": {"type": "profile", "attributes": who or {"external_id": "ada"}}},
        "properties": properties,
    }
    if value is not None:
        attributes["value"] = value
    return {"data": {"type": "event", "attributes": attributes}}


def call(path: str, body: dict[str, Any], at: float = 1.0, verdict: str = "accepted") -> dict[str, Any]:
    return {"at": at, "path": path, "body": body, "verdict": verdict}


def klaviyo(metric: str, properties: dict[str, Any], value: float | None = None, **who: str) -> Any:
    (told,) = received("klaviyo", {"calls": [call("/api/events", event(metric, properties, value, **who))]})
    return told


@pytest.mark.parametrize(
    ("metric", "properties", "value", "rest"),
    [
        ("Active on Site", {}, None, ()),
        ("Viewed Product", {"ProductID": "mug"}, None, ("mug",)),
        ("Added to Cart", {"AddedItemProductID": "mug", "Items": [MUG]}, 25, ("mug", MUGS)),
        ("Started Checkout", {"Items": [MUG]}, 25.0, (MUGS,)),
        ("Abandoned Cart", {"Stage": 1, "Items": [MUG]}, 25, (1, MUGS)),
        ("Placed Order", {"OrderId": "O1", "Items": [MUG]}, 29.9, ("O1", Decimal("29.9"), MUGS)),
        ("Ordered Product", {"OrderId": "O1", "ProductID": "mug"}, 25, ("O1", "mug", Decimal(25))),
        ("Fulfilled Order", {"OrderId": "O1", "Items": [MUG]}, 25, ("O1", MUGS)),
        ("Cancelled Order", {"OrderId": "O1", "Reason": "late"}, 25, ("O1", "late")),
        ("Refunded Order", {"OrderId": "O1", "Reason": "chipped"}, 5, ("O1", Decimal(5), "chipped")),
    ],
)
def test_a_klaviyo_event_reads_as_what_it_says(
    metric: str, properties: dict[str, Any], value: float | None, rest: tuple[Any, ...]
) -> None:
    assert klaviyo(metric, properties, value) == ("klaviyo", metric, "ada", *rest)


def test_a_guest_is_named_by_the_cookie() -> None:
    assert klaviyo("Active on Site", {}, anonymous_id="cookie") == ("klaviyo", "Active on Site", "cookie")


def test_a_profile_is_a_profile() -> None:
    body = {"data": {"type": "profile", "attributes": {"external_id": "ada"}}}
    assert list(received("klaviyo", {"calls": [call("/api/profile-import", body)]})) == [("klaviyo", "profile", "ada")]


@pytest.mark.parametrize("value", [None, 24.99])
def test_a_value_that_is_not_the_sum_of_the_lines_shows(value: float | None) -> None:
    told = klaviyo("Started Checkout", {"Items": [MUG]}, value)

    assert told[4:] == ("but value is", None if value is None else Decimal("24.99"))


def test_a_metric_nobody_should_send_shows() -> None:
    assert klaviyo("Opened Window", {"Pane": 1})[3:] == ("nobody should say this", "Pane")
    assert klaviyo("Active on Site", {})[3:] == ()


def test_a_path_nobody_should_call_shows() -> None:
    body = {"data": {"type": "list", "attributes": {}}}
    assert list(received("klaviyo", {"calls": [call("/api/lists", body)]})) == [("klaviyo", "/api/lists", "list")]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"customer": {}}, ("customer", "ada")),
        ({"cart": {"products": [JUNE_MUG]}}, ("cart", "ada", MUGS)),
        ({"cart": {"products": []}}, ("cart", "ada", ())),
        ({"order": {"id": "O1", "total": 29.9}}, ("order", "ada", "O1", Decimal("29.9"))),
        ({"fulfillment": {"id": "O1", "products": [JUNE_MUG]}}, ("fulfillment", "ada", "O1", MUGS)),
    ],
)
def test_a_june_payload_reads_as_what_it_says(body: dict[str, Any], told: tuple[Any, ...]) -> None:
    assert list(received("june", {"calls": [call("/collect/***", {"id": "ada", **body})]})) == [("june", *told)]


def test_only_what_was_stored_counts_and_each_time() -> None:
    body = event("Active on Site", {})
    calls = [call("/api/events", body, at=at) for at in (1.0, 2.0)]
    calls += [call("/api/events", body, 3.0, verdict) for verdict in ("duplicate", "refused", "throttled", "scripted")]

    assert received("klaviyo", {"calls": calls}) == {("klaviyo", "Active on Site", "ada"): [1.0, 2.0]}


def test_lines_are_compared_whatever_their_order() -> None:
    plate = {"ProductID": "plate", "Quantity": 1, "ItemPrice": 8}
    assert klaviyo("Started Checkout", {"Items": [MUG, plate]}, 33) == klaviyo(
        "Started Checkout", {"Items": [plate, MUG]}, 33.0
    )
