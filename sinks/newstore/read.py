"""Questions → calls to NewStore, and its answers → ours. Pure.

What its documents leave open is a setting (`NewStoreReading`). The body for delivery options is not documented either:
it is sent in the form of the one for pickup, with the address in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sinks import questions as q
from sinks.contract import Answer, Call, Limit
from sinks.reading import Asking, Declined, NotThere, Reads, Unaskable, Unreadable

JSON = "application/json"
ORDERS = "application/x.newstore.orders+json;version=2"  # offset, count and times in UTC come only with it
PROFILES = 500  # of one page
MOST_PROFILES = 10_000  # beyond them the search answers with errors
_PATH = r"^/[^\s?#]+$"
_WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")


class NewStoreReading(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    availability_path: str = Field(
        "/v0/availabilities", pattern=_PATH, description="of the ATP query; not documented, seen in public clients"
    )
    delivery_path: str = Field(
        "/v0/d/routing_options", pattern=_PATH, description="of the options for delivery; documented only as its end"
    )


def availability(asked: q.AvailabilityAsked, config: NewStoreReading) -> Asking:
    pairs = {(item.product_id, item.place_id): None for item in asked.items}
    _check(enumerate(item.product_id for item in asked.items))
    keys = [{"product_id": product, "fulfillment_node_id": place} for product, place in pairs]
    answer = yield _post("Availability", config.availability_path, {"atp_keys": keys}, "availabilities")
    found: dict[tuple[str, str], int] = {}
    for row in _list(_document(answer), "items"):
        found[_text(row, "product_id"), _text(row, "fulfillment_node_id")] = _whole(row, "atp")
    return q.Availability(
        items=tuple(q.Stock(product_id=of, place_id=at, available=found.get((of, at))) for of, at in pairs)
    )


def delivery(asked: q.DeliveryAsked, config: NewStoreReading) -> Asking:
    body = {"bag": _bag(asked.items), "shipping_address": q.known(asked.address.model_dump())}
    answer = yield _post("Delivery Options", config.delivery_path, body, "routing_options")
    return q.DeliveryOptions(
        options=tuple(
            q.DeliveryOption(
                shipping_offer_token=_text(row, "shipping_offer_token"),
                service_level=_maybe(row, "service_level_identifier"),
                place_id=_maybe(row, "fulfillment_node_id"),
                price=_money(row.get("cost")),
                delivery_time=row.get("delivery_time"),
            )
            for row in _list(_document(answer), "options")
        )
    )


def pickup(asked: q.PickupAsked, config: NewStoreReading) -> Asking:
    options = q.known(
        {"search_radius": asked.within_km, "limit": asked.at_most, "show_stores_without_atp": asked.without_stock}
    )
    body = {"location": {"geo": asked.near.model_dump()}, "bag": _bag(asked.items), "options": options}
    answer = yield _post("Pickup Options", "/v0/d/in_store_pickup_options", body, "in_store_pickup_options")
    return q.PickupOptions(options=tuple(_pickup_option(row) for row in _list(_document(answer), "options")))


def _pickup_option(row: Mapping[str, Any]) -> q.PickupOption:
    offer, store = row.get("in_store_pickup_option"), row.get("store")
    offer, store = offer if isinstance(offer, dict) else {}, store if isinstance(store, dict) else {}
    address = store.get("physical_address")
    return q.PickupOption(
        place_id=_text(row, "fulfillment_node_id"),
        has_stock=row.get("has_atp") is True,
        shipping_offer_token=_maybe(offer, "shipping_offer_token"),
        price=_money(offer.get("cost")),
        delivery_time=offer.get("delivery_time"),
        store=q.Store(
            store_id=_maybe(store, "store_id"),
            name=_maybe(store, "label"),
            phone=_maybe(store, "phone_number"),
            address=address if isinstance(address, dict) else {},
            business_hours=store.get("business_hours"),
        ),
    )


def customer(asked: q.CustomerAsked, config: NewStoreReading) -> Asking:
    """NewStore finds parts of addresses, names and numbers, too: only the whole address counts, in any case."""
    wanted = asked.email.casefold()
    for offset in range(0, MOST_PROFILES, PROFILES):
        query = urlencode({"q": asked.email, "offset": offset, "count": PROFILES})
        answer = yield _get("Customer", f"/customer/profiles?{query}", "profiles")
        page = _document(answer)
        rows = _list(page, "profiles")
        for row in rows:
            if str(row.get("email", "")).casefold() == wanted:
                return _customer(row)
        total = page["pagination_info"].get("total", 0) if isinstance(page.get("pagination_info"), dict) else 0
        if not rows or not isinstance(total, int) or offset + len(rows) >= total:
            break
    raise NotThere("customer with this e-mail address")


def _customer(row: Mapping[str, Any]) -> q.Customer:
    extended = row.get("extended_attributes")
    named = extended.items() if isinstance(extended, dict) else ()
    return q.Customer(
        customer_id=_text(row, "id"),
        email=_text(row, "email"),
        first_name=_maybe(row, "first_name"),
        last_name=_maybe(row, "last_name"),
        full_name=_maybe(row, "full_name"),
        phone=_maybe(row, "phone_number"),
        store_id=_maybe(row, "store_id"),
        attributes={str(name): str(of["value"]) for name, of in named if isinstance(of, dict) and "value" in of},
        created_at=row.get("created_at") or None,
        updated_at=row.get("updated_at") or None,
    )


def orders(asked: q.OrdersAsked, config: NewStoreReading) -> Asking:
    query = urlencode({"customer_id": asked.customer_id, "offset": asked.offset, "count": asked.count})
    answer = yield _get("Order History", f"/v0/orders?{query}", "orders", ORDERS)
    if answer.status == 404:
        raise NotThere("customer with this id")
    rows = _list(_document(answer), "orders")
    return q.Orders(
        orders=tuple(_order(row) for row in rows),
        next_offset=asked.offset + len(rows) if len(rows) >= asked.count else None,  # no total is told
    )


def order(asked: q.OrderAsked, config: NewStoreReading) -> Asking:
    if asked.order_number in (".", ".."):  # would be a step in the path, whatever is done to it
        raise NotThere("order with this number")
    number = quote(asked.order_number, safe="")
    answer = yield _get("Order", f"/v0/orders/{number}?id_type=external", "order", ORDERS)
    if answer.status == 404:
        raise NotThere("order with this number")
    return _order(_document(answer))


def _order(row: Mapping[str, Any]) -> q.Order:
    totals = row.get("totals")
    return q.Order(
        order_number=_text(row, "id"),
        platform_id=_maybe(row, "origin_id"),
        status=_text(row, "status"),
        placed_at=_required(row, "placed_at"),
        currency=_text(row, "currency"),
        channel=_maybe(row, "channel_type"),
        fulfillment=_maybe(row, "fulfillment_type"),
        total=_amount(totals.get("total")) if isinstance(totals, dict) else None,
        items=tuple(_item(item) for item in _list(row, "items")),
    )


def _item(row: Mapping[str, Any]) -> q.OrderItem:
    about, price = row.get("product_attributes"), row.get("price")
    return q.OrderItem(
        item_id=_text(row, "id"),
        product_id=_maybe(row, "product_id"),
        name=_maybe(about, "name") if isinstance(about, dict) else None,
        status=_maybe(row, "status"),
        price=_amount(price.get("gross")) if isinstance(price, dict) else None,
    )


# -- asking


def _post(says: str, path: str, body: Any, endpoint: str) -> Call:
    return Call(says, "POST", path, orjson.dumps(body), says, endpoint, (("Content-Type", JSON), ("Accept", JSON)))


def _get(says: str, path: str, endpoint: str, accept: str = JSON) -> Call:
    return Call(says, "GET", path, b"", says, endpoint, (("Accept", accept),))


def _bag(items: Iterable[q.Wanted]) -> list[dict[str, Any]]:
    items = tuple(items)
    _check(enumerate(item.product_id for item in items))
    return [{"product_id": item.product_id, "quantity": item.quantity} for item in items]


def _check(products: Iterable[tuple[int, str]]) -> None:
    for position, product in products:
        if "=" in product or "%" in product:
            raise Unaskable(
                f"items.{position}.product_id", "NewStore has no product with = or % in its id",
                "give the id that the product has in NewStore's catalog",
            )  # fmt: skip


# -- reading


def _document(answer: Answer) -> dict[str, Any]:
    """Of an answer that is one. Raises `Declined` or `Unreadable`."""
    document = answer.document
    if answer.status in (404, 405) or 300 <= answer.status < 400:
        raise Unreadable(f"status {answer.status}: this address is not known there; see [gateway.config]")
    if answer.status >= 300:
        code = document.get("error_code") if isinstance(document, dict) else None
        raise Declined(code if isinstance(code, str) and _WORD.fullmatch(code) else None)
    if not isinstance(document, dict):
        raise Unreadable("the body is no JSON object")
    return document


def _list(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise Unreadable(f"{name} is no list of objects")
    return found


def _required(row: Mapping[str, Any], name: str) -> Any:
    if row.get(name) in (None, ""):
        raise Unreadable(f"{name} is missing")
    return row[name]


def _text(row: Mapping[str, Any], name: str) -> str:
    found = _required(row, name)
    if not isinstance(found, str):
        raise Unreadable(f"{name} is no text")
    return found


def _whole(row: Mapping[str, Any], name: str) -> int:
    found = row.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or found != int(found):
        raise Unreadable(f"{name} is no whole number")
    return int(found)


def _maybe(row: Mapping[str, Any], name: str) -> str | None:
    found = row.get(name)
    return found if isinstance(found, str) and found else None


def _amount(found: Any) -> str | None:
    """What was written as 12.5 is told as 12.5: never through binary fractions."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return format(Decimal(repr(found)), "f")


def _money(cost: Any) -> q.Money | None:
    amount = _amount(cost.get("price")) if isinstance(cost, dict) else None
    return None if amount is None else q.Money(amount=amount, currency=_maybe(cost, "currency_code"))


def _readable(ask: Callable[[Any, NewStoreReading], Asking]) -> Callable[[Any, NewStoreReading], Asking]:
    """What our own models refuse was not as documented."""

    def asking(asked: Any, config: NewStoreReading) -> Asking:
        try:
            return (yield from ask(asked, config))
        except ValidationError as wrong:
            first = wrong.errors(include_input=False, include_url=False, include_context=False)[0]
            raise Unreadable(f"{'.'.join(map(str, first['loc']))} is not as documented") from None

    return asking


READS = Reads(
    config=NewStoreReading,
    questions={
        q.AvailabilityAsked: _readable(availability),
        q.DeliveryAsked: _readable(delivery),
        q.PickupAsked: _readable(pickup),
        q.CustomerAsked: _readable(customer),
        q.OrdersAsked: _readable(orders),
        q.OrderAsked: _readable(order),
    },
    limits=(Limit("orders", 30, 1), Limit("order", 100, 1)),
)
