"""A row of JOOR's order list → an event, or why it is none. Pure.

The field names are those a public client reads (README.md beside this): JOOR's own table is published in part only.
What is not known is left out; what an order cannot do without is refused with the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from schemas.events import ShopEvent, WholesaleOrderApproved
from schemas.values import Address, CustomerRef, LineItem, Order
from sources.contract import Unreadable, Visit
from sources.joor.config import JoorOrdersConfig

SOURCE = "joor"
REMEDY = "compare it with the order in JOOR; what it says here is not what JOOR's API says elsewhere"
PLACES = Decimal("0.0001")
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Unfit(Exception):
    """`field` and a sentence about it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def event_of(row: Any, visit: Visit, config: JoorOrdersConfig) -> ShopEvent | Unreadable:
    number = _text(row, "order_id") if isinstance(row, dict) else None
    try:
        if number is None:
            raise Unfit("order_id", "is missing")
        return _event(row, number, visit, config)
    except Unfit as unfit:
        raw = _encode(row)
        return Unreadable(f"order {number or '?'}", raw, "order_shape", str(unfit), REMEDY, unfit.field)


def _event(row: dict[str, Any], number: str, visit: Visit, config: JoorOrdersConfig) -> ShopEvent:
    code = _text(row, "customer_code")
    return ShopEvent(
        event_id=f"joor:{number}:approved",
        shop=visit.shop,
        occurred_at=_moment(row, "date_approved", "date_modified", "date_created") or visit.at,
        source=SOURCE,
        customer=CustomerRef(customer_id=code),
        payload=WholesaleOrderApproved(
            order=_order(row, number, config), account_code=code, account_name=_text(row, "customer_name")
        ),
    )


def _order(row: dict[str, Any], number: str, config: JoorOrdersConfig) -> Order:
    currency, total = _text(row, "order_currency"), _amount(row, "order_total")
    if currency is None or total is None:
        raise Unfit("order_total" if currency else "order_currency", "is missing")
    lines = tuple(_lines(row, config))
    if not lines:
        raise Unfit("line_items", "has no line with a quantity")
    return Order(
        order_id=number,
        number=number,
        placed_at=_moment(row, "date_created", "date_approved"),
        currency=currency,
        total=total,
        shipping=_amount(row, "order_shipping_total"),
        discount=_amount(row, "order_discount"),
        status="approved",
        note=_text(row, "order_comments"),
        lines=lines,
        billing_address=_address(row, "billing"),
        shipping_address=_address(row, "shipping"),
        shipping_method=_text(row, "shipping_method_name"),
        properties=dict(_more(row)),
    )


def _lines(row: dict[str, Any], config: JoorOrdersConfig) -> Iterator[LineItem]:
    items = row.get("line_items")
    for n, item in enumerate(items if isinstance(items, list) else ()):
        if not isinstance(item, dict):
            raise Unfit(f"line_items.{n}", "is no line")
        quantity = _amount(item, "item_quantity", of=f"line_items.{n}.")
        if quantity is None:
            raise Unfit(f"line_items.{n}.item_quantity", "is missing")
        if quantity > 0:
            yield _line(item, n, quantity, config)


def _line(item: dict[str, Any], n: int, quantity: Decimal, config: JoorOrdersConfig) -> LineItem:
    style = _text(item, "item_style_identifier") or _text(item, "item_number")
    if style is None:
        raise Unfit(f"line_items.{n}.item_style_identifier", "is missing")
    of, upc = f"line_items.{n}.", _text(item, "item_upc")
    price = _amount(item, "item_unit_price", of=of)
    options = {"Color": _text(item, "item_color"), "Size": _text(item, "item_size")}
    return LineItem(
        product_id=style,
        variant_id=upc if config.upc == "variant_id" else None,
        sku=upc if config.upc == "sku" else None,
        name=_text(item, "item_name"),
        quantity=quantity,
        unit_price=_amount(item, "item_price", of=of) if price is None else price,
        options={name: value for name, value in options.items() if value},
    )


def _address(row: dict[str, Any], kind: str) -> Address | None:
    address = Address(
        company=_text(row, f"{kind}_name"),
        address1=_text(row, f"{kind}_address_1"),
        address2=_text(row, f"{kind}_address_2"),
        city=_text(row, f"{kind}_city"),
        region=_text(row, f"{kind}_region"),
        country=_text(row, f"{kind}_country"),
        country_code=_text(row, f"{kind}_country_iso_two"),
        zip=_text(row, f"{kind}_postal_code"),
        phone=_text(row, f"{kind}_phone"),
    )
    return address if address.address1 else None


_MORE = {
    "customer_purchase_order": "purchase_order",
    "customer_buyer_name": "buyer",
    "shipping_email": "email",
    "payment_method_name": "payment_method",
    "order_season_code": "season",
    "order_delivery_name": "delivery",
    "warehouse_name": "warehouse",
}


def _more(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for field, name in _MORE.items():
        if value := _text(row, field):
            yield name, value


# -- one field


def _text(row: dict[str, Any], field: str) -> str | None:
    """JOOR writes numbers as numbers and as text, and nothing as an empty text."""
    value = row.get(field)
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    return str(value).strip() or None


def _amount(row: dict[str, Any], field: str, of: str = "") -> Decimal | None:
    text = _text(row, field)
    if text is None:
        return None
    try:
        amount = Decimal(text.replace(",", ""))
        exact = amount.quantize(PLACES)
    except InvalidOperation:
        raise Unfit(of + field, "is no number that an amount can be") from None
    if not amount.is_finite():
        raise Unfit(of + field, "is no number that an amount can be")
    return amount if amount == exact else exact


def _moment(row: dict[str, Any], *fields: str) -> datetime | None:
    """The first of these that is a time; without a zone it is UTC, as all of JOOR's v2."""
    for field in fields:
        text = _text(row, field)
        if text is None:
            continue
        try:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None
