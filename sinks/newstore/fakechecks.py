"""What the shape of an order cannot say: how its parts go together, and that its payments come to its total."""

from __future__ import annotations

from decimal import Decimal

from sinks.newstore.amounts import WHOLE
from sinks.newstore.fakeshapes import Order, Shipment
from sinks.newstore.faketalk import Refused

MOST_ITEMS, MOST_SHIPMENTS = 100, 5


def check(told: Order) -> None:
    """Raises `Refused`."""
    if len(told.shipments) > MOST_SHIPMENTS or any(len(each.items) > MOST_ITEMS for each in told.shipments):
        detail = "The order has too many items, and was cancelled."
        raise Refused(400, "maximum_allowed_number_of_items_exceeded", detail)
    _check_options(told.shipments)
    _check_names(told.shipments)
    places = 0 if told.currency in WHOLE else 2
    if any(_places(amount) > places for amount in _amounts(told)):
        raise Refused(400, "bad_request", "an amount has more decimals than its currency")
    if len({payment.correlation_ref for payment in told.payments}) < len(told.payments):
        raise Refused(400, "bad_request", "payments: correlation_ref must be unique")
    if sum((payment.amount for payment in told.payments), Decimal(0)) != total(told):
        raise Refused(400, "bad_request", "the total of the payments differs from that of items and shipping")


def _check_options(shipments: list[Shipment]) -> None:
    levels = [each.shipping_option.service_level_identifier is not None for each in shipments]
    if any(levels) and len(shipments) > 1:
        raise Refused(400, "invalid_shipments", "several shipments need shipping offer tokens, and nothing else")


def _check_names(shipments: list[Shipment]) -> None:
    names = [item.external_item_id for each in shipments for item in each.items]
    if len(set(names)) < len(names):
        raise Refused(400, "addon_duplicate_external_item_id", "external_item_id must be unique")
    for each in shipments:
        there = {item.external_item_id: item for item in each.items}
        for item in each.items:
            parent = item.addon_parent_external_item_id
            bad = parent is not None and (parent == item.external_item_id or parent not in there)
            if parent is not None and (bad or there[parent].addon_parent_external_item_id is not None):
                raise Refused(400, "addon_invalid_parent_item", "the parent must be an item of the same shipment")


def total(told: Order) -> Decimal:
    """What must be paid: items less their discounts, and shipping; with taxes where prices do not hold them."""
    taxed, found = told.price_method == "tax_excluded", Decimal(0)
    for shipment in told.shipments:
        for item in shipment.items:
            price = item.price
            found += price.item_price + (sum(line.amount for line in price.item_tax_lines) if taxed else 0)
            found -= sum(d.price_adjustment for d in (*price.item_discount_info, *price.item_order_discount_info))
        option = shipment.shipping_option
        found += option.price + (option.tax if taxed else 0)
        found -= sum(discount.price_adjustment for discount in option.discount_info)
    return found


def _amounts(told: Order) -> list[Decimal]:
    found = [payment.amount for payment in told.payments]
    for shipment in told.shipments:
        found += [shipment.shipping_option.price, shipment.shipping_option.tax]
        for item in shipment.items:
            price = item.price
            found += [price.item_price, price.item_list_price, *(line.amount for line in price.item_tax_lines)]
            found += [d.price_adjustment for d in (*price.item_discount_info, *price.item_order_discount_info)]
    return found


def _places(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 99
