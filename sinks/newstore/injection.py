"""An order as NewStore takes it in: one call, whose bytes are the same on every attempt. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from msgspec.structs import replace

from schemas.signals import Customer, OrderPaid, OrderPlaced, Signal
from schemas.values import Address, Order
from sinks.body import Fields, as_json, known
from sinks.contract import Answer, Call, CannotSay, Verdict
from sinks.newstore.amounts import CURRENCIES, hundredths, money
from sinks.newstore.answers import member
from sinks.newstore.config import NewStoreConfig
from sinks.newstore.texts import ORDER_ID, country, language, required, stamp, text
from sinks.newstore.units import Unit, as_item, discounted, total, units

PATH = "/v0/d/fulfill_order"
OFFER = "shipping_offer_token"  # where an order brings the token of the option that the customer has chosen
MOST_PAYMENTS = 40
DIFFERS = b"same_order_injection_with_different_data"  # whatever the status


def inject(signal: Signal, config: NewStoreConfig) -> tuple[Call, ...]:
    if config.inject != "placed":
        return ()
    return _injection(signal, cast(OrderPlaced, signal.payload).order, config)


def inject_paid(signal: Signal, config: NewStoreConfig) -> tuple[Call, ...]:
    """The payments the order brought; where it brought none, the one that is told now."""
    said = cast(OrderPaid, signal.payload)
    if config.inject != "paid":
        return ()
    if said.order is None:
        raise CannotSay("order is required: we never saw it placed")
    paid = said.order if said.order.payments else replace(said.order, payments=(said.payment,))
    return _injection(signal, paid, config)


def _injection(signal: Signal, order: Order, config: NewStoreConfig) -> tuple[Call, ...]:
    if signal.priority == "backfill" and config.history == "silent":
        return ()
    body = as_json(_body(signal, order, config))
    key, opens = f"{signal.signal_id}:injection", opened(order.order_id)
    return (Call("order injection", "POST", PATH, body, key, endpoint="injection", opens=opens),)


def opened(order_id: str) -> str:
    return f"order {order_id}"


def injected(call: Call, answers: Sequence[Answer]) -> Verdict | None:
    """Only a 200 means created. It may also be the reply to another order that had this number first: then the pieces
    are not ours, and a person must see it."""
    last = answers[-1]
    if DIFFERS in last.body:
        return Verdict.REJECTED
    if last.status != 200:
        return Verdict.UNAVAILABLE if 200 <= last.status < 300 else None
    asked, name = Answer(200, body=call.body), last.at("external_id")
    if not isinstance(name, str):
        return Verdict.UNAVAILABLE  # no reply of theirs: the same bytes will tell
    if name != asked.at("external_id"):
        return Verdict.REJECTED
    shipments = asked.at("shipments")
    ours = {_piece(item) for shipment in shipments for item in shipment["items"]}
    theirs = last.at("items")
    if isinstance(theirs, list) and {_piece(item) for item in theirs} != ours:
        return Verdict.REJECTED
    return Verdict.DELIVERED


def _piece(item: object) -> tuple[object, object]:
    return str(member(item, "external_item_id")), str(member(item, "product_id"))


# -- the order


def _body(signal: Signal, order: Order, config: NewStoreConfig) -> Fields:
    if order.currency not in CURRENCIES:
        raise CannotSay("order.currency is not one that NewStore knows")
    taxed = _method(order, config) == "tax_excluded"
    pieces = _priced(order, units(order, config), taxed=taxed)
    token = text(order.properties.get(OFFER), f"order.properties.{OFFER}", 8192)
    placed_at = order.placed_at or signal.occurred_at
    return known(
        external_id=required(order.order_id, "order.order_id", ORDER_ID),
        shop=config.shop,
        shop_locale=config.locale,
        channel_type=config.channel_type,
        channel_name=config.channel_name,
        currency=order.currency,
        price_method=_method(order, config),
        placed_at=stamp(placed_at),
        **_who(signal.customer, order),
        shipping_address=_shipping_address(order, token),
        billing_address=_address(order.billing_address, "order.billing_address"),
        shipments=[
            {
                "items": [as_item(unit, order, config) for unit in pieces],
                "shipping_option": _option(order, token, config),
            }
        ],
        payments=_payments(order, placed_at, config) or None,
        is_preconfirmed=config.is_preconfirmed or None,
        is_historical=signal.priority == "backfill" or None,
        notification_blacklist=list(config.notification_blacklist) or None,
    )


def _method(order: Order, config: NewStoreConfig) -> str:
    if order.prices_include_tax is None:
        return config.price_method
    return "tax_included" if order.prices_include_tax else "tax_excluded"


def _priced(order: Order, pieces: list[Unit], *, taxed: bool) -> list[Unit]:
    """With the order's discount. A shop may count the lines' own into it or not: what was paid tells."""
    if _money(order, "tax") and not any(unit.tax for unit in pieces) and not _money(order, "shipping_tax"):
        raise CannotSay("order.lines must say their tax where order.tax is told: NewStore taxes items")
    paid = sum(_amounts(order))
    shipping = _money(order, "shipping") + (_money(order, "shipping_tax") if taxed else 0)
    told, of_lines = _money(order, "discount"), sum(unit.discount for unit in pieces)
    worth = sum(unit.left for unit in pieces)
    for discount in dict.fromkeys((told - of_lines, told) if told else (0,)):
        if 0 <= discount <= worth:
            priced = discounted(pieces, discount, order.currency)
            if total(priced, taxed=taxed) + shipping == paid:
                return priced
    raise CannotSay(
        "order.payments must come to order.lines and order.shipping, with their taxes where order.prices_include_tax "
        "is false, less order.discount"
    )


def _money(order: Order, name: str) -> int:
    return hundredths(getattr(order, name), order.currency, f"order.{name}")


def _amounts(order: Order) -> list[int]:
    return [
        hundredths(payment.amount, order.currency, f"order.payments[{at}].amount")
        for at, payment in enumerate(order.payments)
    ]


# -- who


def _who(customer: Customer, order: Order) -> Fields:
    names = [
        " ".join(filter(None, (who.first_name, who.last_name)))
        for who in (customer.profile, order.billing_address, order.shipping_address)
        if who is not None
    ]
    return known(
        customer_name=text(next(filter(None, names), None), "customer.profile.first_name and last_name", 128),
        customer_email=text(customer.ref.email, "customer.ref.email", 64),
        customer_language=language(customer.profile.locale),
        external_customer_id=text(customer.ref.customer_id, "customer.ref.customer_id", 64),
    )


def _shipping_address(order: Order, token: str | None) -> Fields | None:
    """What is picked up in a store needs none, and only a token can say that it is."""
    if order.shipping_address is None and token is None:
        raise CannotSay("order.shipping_address is required to send it")
    return _address(order.shipping_address, "order.shipping_address")


def _address(address: Address | None, field: str) -> Fields | None:
    if address is None:
        return None
    return known(
        first_name=text(address.first_name, f"{field}.first_name", 64),
        last_name=text(address.last_name, f"{field}.last_name", 64),
        address_line_1=required(address.address1, f"{field}.address1", 128),
        address_line_2=text(address.address2, f"{field}.address2", 256),
        city=text(address.city, f"{field}.city", 64),
        state=text(address.region_code or address.region, f"{field}.region", 32),
        zip_code=text(address.zip, f"{field}.zip", 32),
        country=country(address.country_code, f"{field}.country_code"),
        phone=text(address.phone, f"{field}.phone", 128),
    )


# -- how it is sent and paid


def _option(order: Order, token: str | None, config: NewStoreConfig) -> Fields:
    """The token the customer's choice came with, unchanged; else a service level. Never both."""
    price = {"price": money(_money(order, "shipping")), "tax": money(_money(order, "shipping_tax"))}
    if token is not None:
        return {"shipping_offer_token": token, **price}
    level = config.service_levels.get(order.shipping_method or "", config.service_level)
    if not level:
        raise CannotSay(f"order.shipping_method has no service level, and order.properties no {OFFER}")
    return {"service_level_identifier": level, **price}


def _payments(order: Order, placed_at: datetime, config: NewStoreConfig) -> list[Fields]:
    """Nothing of 0 among them: NewStore takes no such payment, so an order that costs nothing has none."""
    found: list[Fields] = []
    for at, (payment, amount) in enumerate(zip(order.payments, _amounts(order), strict=True)):
        field = f"order.payments[{at}]"
        if not amount:
            continue
        kind = config.payment_type if payment.captured is None else "captured" if payment.captured else "authorized"
        ref = required(payment.payment_id or f"{order.order_id}-{at + 1}", f"{field}.payment_id", 128)
        if any(ref == other["correlation_ref"] for other in found):
            raise CannotSay(f"{field}.payment_id is another payment's of the same order")
        found.append(
            {
                "type": kind,
                "amount": money(amount),
                "method": required(payment.method or config.payment_method, f"{field}.method", 64),
                "processor": required(payment.processor or config.payment_processor, f"{field}.processor", 32),
                "processed_at": stamp(payment.paid_at or placed_at),
                "correlation_ref": ref,
            }
        )
    if len(found) > MOST_PAYMENTS:
        raise CannotSay(f"order.payments are more than the {MOST_PAYMENTS} NewStore takes")
    return found
