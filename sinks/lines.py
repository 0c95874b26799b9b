"""Lines that name a part of an order (sent, given back) often bring no more than an id: the order knows the rest."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec.structs import replace

from schemas.values import LineItem, Order
from sinks.body import EXACT

_FILLED = ("variant_id", "sku", "name", "unit_price", "compare_at_price", "url", "image_url", "brand")


def completed(lines: Iterable[LineItem], order: Order | None) -> tuple[LineItem, ...]:
    """Each line with what it left out taken from the order's line it means; its own words and quantity stay."""
    ordered = order.lines if order else ()
    return tuple(_completed(line, _meant(line, ordered)) for line in lines)


def worth(lines: Iterable[LineItem]) -> Decimal | None:
    """Quantity times unit price, summed exactly; `None` when a price is not known."""
    total = Decimal(0)
    for line in lines:
        if line.unit_price is None:
            return None
        total = EXACT.add(total, EXACT.multiply(line.quantity, line.unit_price))
    return total


def _meant(line: LineItem, ordered: tuple[LineItem, ...]) -> LineItem | None:
    """By line id, else as the same product, variant and options, else as the same product and variant."""
    same_id = [o for o in ordered if line.line_id and o.line_id == line.line_id]
    same_product = [o for o in ordered if (o.product_id, o.variant_id) == (line.product_id, line.variant_id)]
    same_options = [o for o in same_product if o.options == line.options]
    return next(iter(same_id + same_options + same_product), None)


def _completed(line: LineItem, known: LineItem | None) -> LineItem:
    if known is None:
        return line
    missing = {field: getattr(known, field) for field in _FILLED if getattr(line, field) is None}
    if not line.categories:
        missing["categories"] = known.categories
    return replace(line, **missing)
