"""Signal → calls to Shopify: a wholesale order is looked for by its name, and entered when it is not there. Pure."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, cast
from urllib.parse import urlencode

from schemas.signals import Signal, WholesaleOrderApproved
from schemas.values import Address, LineItem, Order
from sinks.body import Fields, as_json, known, number
from sinks.contract import Call, CannotSay
from sinks.shopify.config import ShopifyConfig

FIELDS = "id,name,source_identifier"
BEFORE = timedelta(days=1)  # nobody entered an order so long before it was approved


def order(signal: Signal, config: ShopifyConfig) -> tuple[Call, ...]:
    """The call only looks; `entering.follow` goes on from what it finds, as planned here."""
    said = cast(WholesaleOrderApproved, signal.payload)
    orders = f"/admin/api/{config.api_version}/orders.json"
    if not said.order.order_id.strip() or not said.order.order_id.isprintable():
        raise CannotSay("order.order_id is required: the order is found by it")
    name = config.name_prefix + said.order.order_id
    plan = {
        "orders": orders,
        "name": name,
        "source_identifier": said.order.order_id,
        "since": (signal.occurred_at - BEFORE).isoformat(timespec="seconds"),
        "order": _order(said, name, config),
    }
    look = {"name": name, "status": "any", "limit": 250, "fields": FIELDS}
    path, key = f"{orders}?{urlencode(look)}", f"{signal.signal_id}:order"
    return (Call("Order", "GET", path, b"", key, "orders", then=as_json(plan)),)


def _order(said: WholesaleOrderApproved, name: str, config: ShopifyConfig) -> Fields:
    of = said.order
    return known(
        name=name,
        source_name="joor",
        source_identifier=of.order_id,
        currency=_required(of.currency, "order.currency"),
        financial_status="pending",
        fulfillment_status="fulfilled" if config.fulfilled else None,
        inventory_behaviour=config.inventory_behaviour,
        send_receipt=False,
        send_fulfillment_receipt=False,
        processed_at=of.placed_at.isoformat(timespec="seconds") if of.placed_at else None,
        tags=", ".join([*config.tags, *([] if said.account_code else [config.tag_without_code])]),
        note=of.note or None,
        note_attributes=_attributes(said),
        line_items=_lines(of),
        shipping_lines=_shipping(of, config),
        discount_codes=_discount(of),
        billing_address=_address(of.billing_address),
        shipping_address=_address(of.shipping_address),
        **_customer(said, config),
    )


def _lines(of: Order) -> list[Fields]:
    lines = [_line(line, f"order.lines[{n}]") for n, line in enumerate(of.lines) if line.quantity != 0]
    if not lines:
        raise CannotSay("order.lines: an order without lines cannot be entered")
    return lines


def _line(line: LineItem, field: str) -> Fields:
    """By the shop's own variant alone: styles that were made at JOOR are not in the shop."""
    if not line.variant_id or not _is_id(line.variant_id):
        raise CannotSay(
            f"{field}.variant_id is required, and must be the shop's: styles made at JOOR are not supported"
        )
    quantity = number(line.quantity)
    if quantity < 1 or quantity != quantity.to_integral_value():
        raise CannotSay(f"{field}.quantity must be a whole number from 1")
    if line.unit_price is None:
        raise CannotSay(f"{field}.unit_price is required: without it Shopify takes the retail price")
    return {"variant_id": int(line.variant_id), "quantity": int(quantity), "price": _money(line.unit_price, field)}


def _shipping(of: Order, config: ShopifyConfig) -> list[Fields] | None:
    if not of.shipping:
        return None
    title = of.shipping_method or config.shipping_title
    return [{"title": title, "price": _money(of.shipping, "order.shipping")}]


def _discount(of: Order) -> list[Fields] | None:
    if not of.discount:
        return None
    amount = _money(abs(of.discount), "order.discount")
    return [{"code": of.discount_code or "JOOR", "amount": amount, "type": "fixed_amount"}]


def _attributes(said: WholesaleOrderApproved) -> list[Fields]:
    about: dict[str, Any] = {"JOOR order": said.order.order_id, "JOOR customer": said.account_name}
    about |= {f"JOOR {name.replace('_', ' ')}": value for name, value in sorted(said.order.properties.items())}
    return [{"name": name, "value": value} for name, value in about.items() if value and name.isprintable()]


def _customer(said: WholesaleOrderApproved, config: ShopifyConfig) -> Fields:
    code = said.account_code
    if code and _is_id(code):
        return {"customer": {"id": int(code)}}
    if not config.create_customer:
        raise CannotSay(
            "account_code is no customer id of the shop; put it into Customer Code at JOOR and send it again"
        )
    email = said.order.properties.get("email", "").strip()
    if not _is_address(email):
        raise CannotSay("order.properties.email is required: the customer is not in the shop, and is entered by it")
    first, _, last = (said.order.properties.get("buyer") or said.account_name or "").strip().rpartition(" ")
    return {"email": email, "customer": known(email=email, first_name=first or None, last_name=last or None)}


def _address(of: Address | None) -> Fields | None:
    if of is None or not of.address1:
        return None
    return known(
        first_name=of.first_name or None,
        last_name=of.last_name or None,
        company=of.company or None,
        address1=of.address1,
        address2=of.address2 or None,
        city=of.city or None,
        province=of.region or of.region_code or None,
        country=of.country or of.country_code or None,
        zip=of.zip or None,
        phone=of.phone or None,
    )


def _money(amount: Decimal, field: str) -> str:
    exact = number(amount)
    if exact < 0:
        raise CannotSay(f"{field}: an amount below zero cannot be entered")
    return format(exact, "f")


def _required(value: str, field: str) -> str:
    if not value:
        raise CannotSay(f"{field} is required by Shopify")
    return value


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < len(text) < 19 and int(text) > 0


def _is_address(email: str) -> bool:
    name, at, host = email.rpartition("@")
    return bool(name and at and "." in host) and len(email.split()) == 1 and email.isascii()
