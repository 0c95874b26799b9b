"""An order's lines as NewStore has them: every piece an item of its own, with its share of tax and discounts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from schemas.values import LineItem, Order
from sinks.body import Fields, known, number
from sinks.contract import CannotSay
from sinks.newstore.amounts import hundredths, money, split, spread, step
from sinks.newstore.config import NewStoreConfig
from sinks.newstore.texts import ITEM_ID, product_of, text

MOST_ITEMS = 100


@dataclass(frozen=True, slots=True)
class Unit:
    """One piece; amounts in hundredths, before any discount. `rate` is a fraction, `None` without a tax line."""

    item_id: str
    product_id: str
    price: int
    list_price: int
    tax: int
    rate: Decimal | None
    discount: int
    order_discount: int = 0

    @property
    def left(self) -> int:
        """What there is still to take a discount off."""
        return self.price - self.discount


def units(order: Order, config: NewStoreConfig) -> list[Unit]:
    """Without the order's own discount."""
    many = [pieces(line, f"order.lines[{at}].quantity") for at, line in enumerate(order.lines)]
    if not 0 < sum(many) <= MOST_ITEMS:
        raise CannotSay(f"order.lines must come to 1 to {MOST_ITEMS} pieces: NewStore takes no other order")
    names = _names(order.lines)
    found = list[Unit]()
    for at, (line, count) in enumerate(zip(order.lines, many, strict=True)):
        found += _of_line(line, f"order.lines[{at}]", names[at], count, order.currency, config)
    return found


def _of_line(line: LineItem, field: str, name: str, many: int, currency: str, config: NewStoreConfig) -> list[Unit]:
    if line.unit_price is None:
        raise CannotSay(f"{field}.unit_price is required by NewStore")
    product, smallest = product_of(line, field, config), step(currency)
    price = hundredths(line.unit_price, currency, f"{field}.unit_price")
    list_price = max(price, hundredths(line.compare_at_price, currency, f"{field}.compare_at_price"))
    tax = hundredths(line.tax, currency, f"{field}.tax")
    discount = hundredths(line.discount, currency, f"{field}.discount")
    if discount > price * many:
        raise CannotSay(f"{field}.discount is more than the line is worth")
    rate = _rate(line, tax, field)
    taxes, discounts = split(tax, many, smallest), split(discount, many, smallest)
    return [
        Unit(f"{name}-{nth + 1}", product, price, list_price, taxes[nth], rate, discounts[nth]) for nth in range(many)
    ]


def pieces(line: LineItem, field: str) -> int:
    quantity = line.quantity
    if not quantity.is_finite() or quantity != int(quantity) or quantity < 1:
        raise CannotSay(f"{field} must be a whole number of pieces: NewStore has an item for each")
    return int(quantity)


def _rate(line: LineItem, tax: int, field: str) -> Decimal | None:
    if line.tax_rate is None:
        if tax:
            raise CannotSay(f"{field}.tax_rate is required beside tax")
        return None
    if line.tax is None:
        raise CannotSay(f"{field}.tax is required beside tax_rate")
    if not line.tax_rate.is_finite() or not 0 <= line.tax_rate <= 1:
        raise CannotSay(f"{field}.tax_rate must be a fraction from 0 to 1")
    return number(line.tax_rate)


def _names(lines: Sequence[LineItem]) -> list[str]:
    """By their own ids when all have one, else by their place: one for another can never be the same."""
    own = [line.line_id or "" for line in lines]
    short = all(0 < len(name) <= ITEM_ID - 4 for name in own)
    return own if short and len(set(own)) == len(own) else [str(at + 1) for at in range(len(lines))]


# -- as an item


def discounted(pieces: Sequence[Unit], discount: int, currency: str) -> list[Unit]:
    """With the order's own discount taken off them, in proportion to what each is worth."""
    if discount > sum(unit.left for unit in pieces):
        raise CannotSay("order.discount is more than the lines are worth")
    shares = spread(discount, [unit.left for unit in pieces], step(currency))
    return [
        Unit(u.item_id, u.product_id, u.price, u.list_price, u.tax, u.rate, u.discount, share)
        for u, share in zip(pieces, shares, strict=True)
    ]


def total(pieces: Sequence[Unit], *, taxed: bool) -> int:
    """What the items come to; with their taxes when prices do not hold them."""
    return sum(unit.left - unit.order_discount + (unit.tax if taxed else 0) for unit in pieces)


def as_item(unit: Unit, order: Order, config: NewStoreConfig) -> Fields:
    tax_lines = []
    if unit.rate is not None:
        tax_lines.append({"amount": money(unit.tax), "rate": unit.rate, "name": config.tax_name})
    code = text(order.discount_code, "order.discount_code", 64)
    price = known(
        item_price=money(unit.price),
        item_list_price=money(unit.list_price),
        item_tax_lines=tax_lines,
        item_discount_info=_discount(unit.discount, config.discount_ref, None),
        item_order_discount_info=_discount(unit.order_discount, code or config.discount_ref, code),
    )
    return {"external_item_id": unit.item_id, "product_id": unit.product_id, "price": price}


def _discount(amount: int, ref: str, code: str | None) -> list[Fields] | None:
    if not amount:
        return None
    off = money(amount)
    return [known(type="fixed", original_value=off, price_adjustment=off, discount_ref=ref, coupon_code=code)]
