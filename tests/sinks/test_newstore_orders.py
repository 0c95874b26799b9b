"""What becomes of an order after its injection: each chain to its end at the stand-in, and where it breaks off."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from schemas import signals
from sinks.contract import Answer, Ask, CannotSay, Verdict
from sinks.newstore.fake import NewStoreStandIn
from sinks.newstore.fakeorders import Orders
from tests.sinks.newstore import MUG, ORDER, SINK, Tenant, calls, injection

CANCELLED = signals.OrderCancelled(order_id="1234", order=ORDER)
ONE = replace(MUG, quantity=Decimal(1))
THERE = Answer(200, {}, b'{"id": "1234", "origin_id": "u-1"}')


def back(**more: Any) -> signals.OrderRefunded:
    return signals.OrderRefunded(order_id="1234", ordinal=1, order=ORDER, **{"complete": True, **more})


def parcel(ordinal: int = 1, **more: Any) -> signals.OrderFulfilled:
    return signals.OrderFulfilled(order_id="1234", ordinal=ordinal, complete=False, order=ORDER, **more)


def injected(**settings: Any) -> Tenant:
    tenant = Tenant(NewStoreStandIn(orders=Orders(**settings)))
    assert tenant.takes(injection()) is Verdict.DELIVERED
    return tenant


def order_of(tenant: Tenant) -> dict[str, Any]:
    found: dict[str, Any] = tenant.stand_in.stored()["orders"]["1234"]
    return found


# -- cancelled


def test_a_cancellation_waits_for_its_order_and_says_why() -> None:
    (call,) = calls(replace(CANCELLED, reason="changed her mind"))
    tenant = injected()

    assert (call.needs, call.body) == ("order 1234", b'{"reason":"changed her mind"}')
    assert tenant.takes(call) is Verdict.DELIVERED
    assert order_of(tenant)["cancelled"] is True


@pytest.mark.parametrize("status", [200, 400, 409])
def test_a_second_cancellation_is_looked_up_before_it_counts(status: int) -> None:
    tenant = injected(cancelled_again=status)
    (call,) = calls(CANCELLED)

    assert [tenant.takes(call) for _ in range(2)] == [Verdict.DELIVERED] * 2


def test_what_cannot_be_cancelled_any_more_is_for_a_person() -> None:
    tenant = injected()
    (shipped,) = calls(parcel(), "s2", reports_fulfilment=True)
    (call,) = calls(CANCELLED)

    assert [tenant.takes(each) for each in (shipped, call)] == [Verdict.DELIVERED, Verdict.REJECTED]


def test_an_order_shows_up_two_seconds_after_its_injection() -> None:
    tenant = injected(appears_seconds=90)
    (call,) = calls(CANCELLED)

    assert [tenant.takes(call) for _ in range(2)] == [Verdict.UNAVAILABLE, Verdict.DELIVERED]


# -- given back


def test_goods_that_come_back_are_returned_piece_by_piece() -> None:
    tenant = injected()
    (call,) = calls(back(lines=(MUG,), complete=False), tells_refunds=True, returned_from="FN1")

    assert tenant.takes(call) is Verdict.DELIVERED
    assert tenant.asked[-1].body == (
        b'{"items":[{"product_id":"mug-blue","reason":"refunded in the shop"},'
        b'{"product_id":"mug-blue","reason":"refunded in the shop"}],"returned_from":"FN1"}'
    )
    assert tenant.told[-1].endswith("/returns")


def test_money_that_goes_back_is_a_refund_of_all() -> None:
    tenant = injected()
    (call,) = calls(back(reason="broken"), tells_refunds=True)

    assert tenant.takes(call) is Verdict.DELIVERED
    assert tenant.told[-1].endswith("/refunds")
    assert order_of(tenant)["given_back"] == ["mug-blue", "mug-blue"]


def test_a_part_of_the_money_has_no_words() -> None:
    with pytest.raises(CannotSay, match=r"^lines are required of a part"):
        calls(back(complete=False, amount=Decimal(5)), tells_refunds=True)


@pytest.mark.parametrize("payload", [back(), parcel(), parcel(lines=(ONE,))])
def test_by_default_newstore_pays_back_and_ships_by_itself(payload: Any) -> None:
    assert calls(payload) == ()


# -- shipped


def test_parcels_tell_as_many_pieces_as_they_hold() -> None:
    tenant = injected()
    for nth in (1, 2):
        (call,) = calls(parcel(nth, lines=(ONE,), tracking_code=f"JD{nth}", carrier="DHL"), reports_fulfilment=True)
        assert tenant.takes(call) is Verdict.DELIVERED

    told = [(item["status"], item["tracking_code"], item["carrier"]) for item in order_of(tenant)["items"]]
    assert told == [("shipped", "JD1", "DHL"), ("shipped", "JD2", "DHL")]


def test_a_parcel_told_twice_is_told_once() -> None:
    tenant = injected()
    (call,) = calls(parcel(lines=(ONE,), tracking_code="JD1"), reports_fulfilment=True)

    assert [tenant.takes(call) for _ in range(2)] == [Verdict.DELIVERED] * 2
    assert [item["status"] for item in order_of(tenant)["items"]] == ["shipped", "dispatched"]


def test_a_parcel_waits_until_the_order_was_routed() -> None:
    tenant = injected(routed_seconds=90)
    (call,) = calls(parcel(), reports_fulfilment=True)

    assert [tenant.takes(call) for _ in range(2)] == [Verdict.UNAVAILABLE, Verdict.DELIVERED]


def test_pieces_that_lie_apart_are_told_request_by_request() -> None:
    (call,) = calls(parcel(tracking_code="JD1"), reports_fulfilment=True)
    requests = (
        b'{"fulfillment_requests": [{"fulfillment_request_id": "f/1", "items": [{"item_id": "i1", "product_id": '
        b'"mug-blue", "status": "dispatched"}]}, {"fulfillment_request_id": "f2", "items": [{"item_id": "i2", '
        b'"product_id": "mug-blue", "status": "dispatched"}]}]}'
    )
    answers = [THERE, Answer(200, {}, requests)]
    asked = []
    while isinstance(step := SINK.follow["shipment"](call, answers), Ask):
        asked.append((step.call.path, step.call.body))
        answers.append(Answer(204))

    assert step is Verdict.DELIVERED
    assert [path for path, _ in asked] == [
        f"/v0/fulfillment_request/{name}/set_items_states" for name in ("f%2F1", "f2")
    ]
    assert asked[1][1] == b'{"line_items":[{"item_id":"i2","state":"shipped"}],"tracking_code":"JD1"}'


@pytest.mark.parametrize("kind", ["return", "refund", "shipment", "cancellation", "injection"])
@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b'"text"', b'{"origin_id": 7}', b'{"items": [null]}', b'{"origin_id": "u", "items": {}}'],
)
def test_no_answer_is_too_strange_to_follow(kind: str, body: bytes) -> None:
    settings = {"tells_refunds": True, "reports_fulfilment": True}
    payloads = {"return": back(lines=(ONE,)), "refund": back(), "shipment": parcel(), "cancellation": CANCELLED}
    call = injection() if kind == "injection" else calls(payloads[kind], **settings)[0]
    for answers in ([Answer(200, {}, body)], [THERE, Answer(200, {}, body)], [Answer(400), Answer(200, {}, body)]):
        said = SINK.follow[kind](call, answers)

        assert said is None or isinstance(said, Verdict | Ask)


@pytest.mark.parametrize("kind", ["return", "refund", "shipment"])
@pytest.mark.parametrize("status", [400, 401, 403, 409])
def test_what_is_refused_on_the_way_is_left_to_the_rules(kind: str, status: int) -> None:
    payloads = {"return": back(lines=(ONE,)), "refund": back(), "shipment": parcel()}
    (call,) = calls(payloads[kind], tells_refunds=True, reports_fulfilment=True)

    assert SINK.follow[kind](call, [Answer(status)]) is None
    assert SINK.follow[kind](call, [THERE, Answer(status)]) is None


@pytest.mark.parametrize("payload", [signals.OrderCancelled(order_id="1"), parcel(), back()])
def test_of_an_order_we_never_saw_nothing_can_be_told(payload: Any) -> None:
    with pytest.raises(CannotSay, match=r"^order is required"):
        calls(replace(payload, order=None), reports_fulfilment=True, tells_refunds=True)
