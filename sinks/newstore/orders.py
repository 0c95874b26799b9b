"""What becomes of an order that was injected: cancelled, given back, shipped. Pure.

Each waits for its injection (`needs`). An order shows up about two seconds after it: until then a 404 means not yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import cast
from urllib.parse import quote

import orjson

from schemas.signals import OrderCancelled, OrderFulfilled, OrderRefunded, Signal
from schemas.values import LineItem, Order
from sinks.body import Fields, as_json, known
from sinks.contract import Answer, Ask, Call, CannotSay, Verdict
from sinks.lines import completed
from sinks.newstore.answers import member, name_at, ok
from sinks.newstore.config import NewStoreConfig
from sinks.newstore.injection import opened
from sinks.newstore.texts import order_path, product_of
from sinks.newstore.units import MOST_ITEMS, pieces

NOT_YET = 404


def _is_silent(signal: Signal, config: NewStoreConfig) -> bool:
    """Of an order of the time before that was never injected there is nothing to tell."""
    return signal.priority == "backfill" and config.history == "silent"


def _known(order: Order | None) -> Order:
    """What was placed before we listened was not injected by us: a person must see to it."""
    if order is None:
        raise CannotSay("order is required: we never saw it placed, and cannot know that NewStore has it")
    return order


# -- cancelled


def cancel(signal: Signal, config: NewStoreConfig) -> tuple[Call, ...]:
    said = cast(OrderCancelled, signal.payload)
    if not config.cancellations or _is_silent(signal, config):
        return ()
    _known(said.order)
    body = as_json({"reason": said.reason or config.cancel_reason})
    path, key = order_path(said.order_id, "/cancel"), f"{signal.signal_id}:cancel"
    return (Call("cancellation", "POST", path, body, key, endpoint="cancellation", needs=opened(said.order_id)),)


def cancelled(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    """What is cancelled already may be refused a second time: then how it stands counts."""
    first, *later = answers
    if first.status == NOT_YET:
        return Verdict.UNAVAILABLE
    if first.status not in (400, 409, 412):
        return None
    if not later:
        return Ask(_get("cancellation status", call.path, "order", call))
    return Verdict.DELIVERED if later[0].at("canceled") is True else Verdict.REJECTED


# -- given back


def refund(signal: Signal, config: NewStoreConfig) -> tuple[Call, ...]:
    """With lines, goods came back: a return. Without, money went back: a refund of all that was ordered."""
    said = cast(OrderRefunded, signal.payload)
    if not config.tells_refunds or _is_silent(signal, config):
        return ()
    if not said.lines and not said.complete:
        raise CannotSay("lines are required of a part: NewStore gives back items, not amounts")
    order = _known(said.order)
    lines = completed(said.lines, order) if said.lines else order.lines
    reason = said.reason or config.refund_reason
    back = {"items": [{"product_id": name, "reason": reason} for name in _products(lines, config).elements()]}
    if said.lines:
        back |= known(returned_from=config.returned_from or None)
    then = as_json({"what": "returns" if said.lines else "refunds", "body": back})
    call = _found(signal, said.order_id, "return" if said.lines else "refund", then)
    return (call,)


def refunded(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    there, *later = answers
    if there.status == NOT_YET:
        return Verdict.UNAVAILABLE
    if later or not ok(there):
        return None
    if (uuid := name_at(there, "origin_id")) is None:
        return Verdict.UNAVAILABLE
    then = orjson.loads(call.then)
    path = f"/v0/d/orders/{quote(uuid, safe='')}/{then['what']}"
    return Ask(Call(call.says, "POST", path, as_json(then["body"]), f"{call.key}:told", endpoint="order-change"))


# -- shipped


def ship(signal: Signal, config: NewStoreConfig) -> tuple[Call, ...]:
    """Only where the shop ships: NewStore routes and fulfils by itself."""
    said = cast(OrderFulfilled, signal.payload)
    if not config.reports_fulfilment or _is_silent(signal, config):
        return ()
    order = _known(said.order)
    lines = completed(said.lines, order) if said.lines else order.lines
    sent = known(
        products=dict(_products(lines, config)),
        carrier=said.carrier or None,
        tracking_code=said.tracking_code or None,
    )
    return (_found(signal, said.order_id, "shipment", as_json(sent)),)


def shipped(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    """The order leads to its fulfilment requests, those to the items: shipped request by request."""
    there, *later = answers
    if there.status == NOT_YET:
        return Verdict.UNAVAILABLE
    if not ok(there):
        return None
    if (uuid := name_at(there, "origin_id")) is None:
        return Verdict.UNAVAILABLE
    if not later:
        path = f"/v0/fulfillment_requests/{quote(uuid, safe='')}"
        return Ask(_get("fulfillment requests", path, "fulfillment-requests", call))
    requests, *told = later
    if not ok(requests) or (told and not ok(told[-1])):
        return None
    sent = orjson.loads(call.then)
    plan = _plan(requests, sent)
    if plan is None:  # not routed yet, or not all of it
        return Verdict.UNAVAILABLE
    if len(told) == len(plan):
        return Verdict.DELIVERED
    request, items = plan[len(told)]
    body = known(carrier=sent.get("carrier"), tracking_code=sent.get("tracking_code"))
    body["line_items"] = [{"item_id": item, "state": "shipped"} for item in items]
    path = f"/v0/fulfillment_request/{quote(request, safe='')}/set_items_states"
    return Ask(Call(call.says, "POST", path, as_json(body), f"{call.key}:{request}", endpoint="order-change"))


def _plan(answer: Answer, sent: Fields) -> list[tuple[str, list[str]]] | None:
    """Which items of which request are to be told; `None` while there are fewer than were sent. Those told before, as
    after a crash, are not told again: their tracking code says which they are."""
    wanted, plan, code = Counter[str](sent["products"]), dict[str, list[str]](), sent.get("tracking_code")
    items = list(_routed(answer))
    for _, item in items:
        if code and member(item, "status") == "shipped" and member(item, "tracking_code") == code:
            wanted[str(member(item, "product_id"))] -= 1
    for request, item in items:
        name, item_id = str(member(item, "product_id")), member(item, "item_id")
        if member(item, "status") == "dispatched" and wanted[name] > 0 and isinstance(item_id, str):
            wanted[name] -= 1
            plan.setdefault(request, []).append(item_id)
    return None if any(left > 0 for left in wanted.values()) else list(plan.items())


def _routed(answer: Answer) -> Iterable[tuple[str, object]]:
    requests = answer.at("fulfillment_requests")
    for request in requests if isinstance(requests, list) else ():
        name, items = member(request, "fulfillment_request_id"), member(request, "items")
        if isinstance(name, str) and name and isinstance(items, list):
            yield from ((name, item) for item in items)


# -- what they share


def _found(signal: Signal, order_id: str, says: str, then: bytes) -> Call:
    """The order first: what follows needs NewStore's own id for it."""
    key = f"{signal.signal_id}:{says}"
    return Call(says, "GET", order_path(order_id), b"", key, endpoint=says, needs=opened(order_id), then=then)


def _get(says: str, path: str, endpoint: str, call: Call) -> Call:
    return Call(says, "GET", path, b"", f"{call.key}:{says}", endpoint=endpoint)


def _products(lines: Sequence[LineItem], config: NewStoreConfig) -> Counter[str]:
    """How many pieces of which product, in their order."""
    found = Counter[str]()
    for at, line in enumerate(lines):
        found[product_of(line, f"lines[{at}]", config)] += pieces(line, f"lines[{at}].quantity")
    if not 0 < found.total() <= MOST_ITEMS:
        raise CannotSay("lines must come to at least one piece, and to no more than an order can have")
    return found
