"""Whatever a shop sends: events or a refusal, never an exception, and never a value of the document in a refusal."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import ShopEvent
from sources.webhooks import contract
from sources.webhooks.contract import Refusal, ShopSettings
from streams.domain.policy import Policy
from streams.domain.validate import problem_of
from tests.sources.webhooks.silence import may_say_nothing
from tests.sources.webhooks.test_cases import CASES, RECEIVED
from tests.thorough import examples

pytestmark = pytest.mark.thorough

NUMBERS = st.integers() | st.decimals(allow_nan=False) | st.sampled_from([Decimal("1e400"), Decimal("1e-400"), 10**30])
WORDS = st.sampled_from(
    ["", " ", "0", "-1", "1e5", "NaN", "Infinity", "12,50", "2026-11-25T10:00:00", "9999-12-31T23:59:59-14:00",
     "0001-01-01T00:00:00+14:00", "EUR", "true", "a@b", "gid://shopify/Order/1", "processing", "completed"]
)  # fmt: skip
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=20) | WORDS
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
SECRET = "qzx-nobody-may-see-this-qzx"


def cases(system: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in CASES if path.parts[-3] == system]


def places(node: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [at, *(place for key, value in inside for place in places(value, (*at, key)))]


def put(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    changed = deepcopy(document)
    node = changed
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return changed


def answer(system: str, headers: dict[str, str], body: Any, currency: str | None) -> None:
    given = {name.lower(): value for name, value in headers.items()}
    shop = ShopSettings(shop="mugs", currency=currency, statuses={"processing": "paid"})
    key = contract.load(system).entity(given, body)
    assert key is None or isinstance(key, str)
    told = contract.load(system).normalize(given, body, shop, RECEIVED)
    if isinstance(told, Refusal):
        assert told.problem
        assert told.remedy
        assert SECRET not in f"{told.field} {told.problem} {told.remedy}"
        return
    assert told or may_say_nothing(system, given, body), "nothing is told of it, and nobody says why"
    for event in told:
        assert isinstance(event, ShopEvent)
        assert event.occurred_at.tzinfo is not None
        problem_of(event, Policy())  # total, whatever a source lets through


@pytest.mark.parametrize("system", contract.names())
@settings(max_examples=examples(60), deadline=None)
@given(data=st.data())
def test_any_json_is_events_or_a_refusal(system: str, data: st.DataObject) -> None:
    headers = data.draw(st.sampled_from([case.get("headers", {}) for case in cases(system)]))
    answer(system, headers, data.draw(JSON), data.draw(st.none() | st.just("EUR")))


@pytest.mark.parametrize("system", contract.names())
@settings(max_examples=examples(250), deadline=None)
@given(data=st.data())
def test_a_document_with_one_or_two_parts_replaced_is_events_or_a_refusal(system: str, data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(cases(system)))
    body = case["body"]
    for _ in range(data.draw(st.integers(1, 2))):
        body = put(body, data.draw(st.sampled_from(places(body))), data.draw(JSON | st.just(SECRET)))
    answer(system, case.get("headers", {}), body, data.draw(st.none() | st.just("EUR")))


@pytest.mark.parametrize("system", contract.names())
@settings(max_examples=examples(60), deadline=None)
@given(data=st.data())
def test_any_headers_are_events_or_a_refusal(system: str, data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(cases(system)))
    names = st.sampled_from([name.lower() for each in cases(system) for name in each.get("headers", {})] or ["x-any"])
    answer(system, data.draw(st.dictionaries(names, WORDS | st.text(max_size=20))), case["body"], None)


@pytest.mark.parametrize("system", contract.names())
def test_the_same_delivery_is_the_same_events_whenever_it_comes(system: str) -> None:
    """Ids, times and contents follow from the document; only what has no time of its own takes that of its coming."""
    source, later = contract.load(system), datetime(2027, 1, 1, tzinfo=UTC)
    for case in cases(system):
        headers = {name.lower(): value for name, value in case.get("headers", {}).items()}
        shop = ShopSettings(shop="mugs", **case.get("settings", {}))
        first, second = (source.normalize(headers, case["body"], shop, at) for at in (RECEIVED, later))
        if isinstance(first, tuple) and isinstance(second, tuple):
            assert [event.event_id for event in first] == [event.event_id for event in second]


@pytest.mark.parametrize("field", ["date_created_gmt", "date_paid_gmt"])
def test_a_time_that_would_fill_the_memory_is_refused(field: str) -> None:
    (case, *_) = [each for each in cases("woocommerce") if "date_paid_gmt" in str(each["body"])]
    body = case["body"] | {field: Decimal("1e999999999")}
    headers = {"x-wc-webhook-topic": "order.created"}
    told = contract.load("woocommerce").normalize(headers, body, ShopSettings(shop="mugs"), RECEIVED)
    assert isinstance(told, Refusal) and told.field == field


def test_a_refund_that_names_its_order_by_no_text_is_about_nobody_and_refused() -> None:
    answer("woocommerce", {"X-WC-Webhook-Topic": "refund.created"}, {"id": 801, "amount": 5, "parent_id": {}}, None)
