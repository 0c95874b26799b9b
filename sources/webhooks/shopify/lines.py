"""Lines and addresses, which carts, checkouts, orders, fulfillments and refunds write alike."""

from __future__ import annotations

from msgspec.structs import replace

from schemas.values import Address, LineItem
from sources.webhooks.delivery import total_of
from sources.webhooks.document import Document


def line(told: Document) -> LineItem:
    """One line. What was sold without being a product is named by its variant, else by the line itself."""
    taxes, discounts = list(told.parts("tax_lines")), list(told.parts("discount_allocations"))
    rates = [rate for tax in taxes if (rate := tax.amount("rate")) is not None]
    line_id = told.entity("id") or told.text("key")
    product_id = (
        told.entity("product_id") or told.entity("variant_id") or f"line:{line_id or told.first('sku', 'title')}"
    )
    return LineItem(
        line_id=line_id,
        product_id=product_id,
        variant_id=told.entity("variant_id"),
        sku=told.text("sku"),
        name=told.first("name", "title"),
        quantity=told.needs_amount("quantity"),
        unit_price=told.amount("original_price") if told.has("original_price") else told.amount("price"),
        brand=told.text("vendor"),
        options=_properties(told),
        tax=total_of(taxes, "price"),
        tax_rate=rates[0] if len(taxes) == 1 and rates and 0 <= rates[0] <= 1 else None,
        discount=total_of(discounts, "amount") if discounts else told.amount("total_discount"),
    )


def part_of_line(told: Document) -> LineItem:
    """As much of a line as was sent or given back: tax and discount stand there for the whole line."""
    return replace(line(told), tax=None, discount=None)


def _properties(told: Document) -> dict[str, str]:
    """What the customer had engraved. Names with an underscore in front are the theme's own."""
    raw = told.raw("properties")  # a list of names and values in orders, an object in some carts
    if isinstance(raw, dict):
        raw = [{"name": name, "value": value} for name, value in raw.items()]
    pairs = (
        [(each.get("name"), each.get("value")) for each in raw if isinstance(each, dict)]
        if isinstance(raw, list)
        else ()
    )
    return {
        name: str(value)
        for name, value in pairs
        if isinstance(name, str) and name and not name.startswith("_") and isinstance(value, str | int)
    }


def address(told: Document | None) -> Address | None:
    if told is None:
        return None
    return Address(
        first_name=told.text("first_name"),
        last_name=told.text("last_name"),
        company=told.text("company"),
        address1=told.text("address1"),
        address2=told.text("address2"),
        city=told.text("city"),
        region=told.text("province"),
        region_code=told.text("province_code"),
        country=told.text("country"),
        country_code=told.text("country_code"),
        zip=told.text("zip"),
        phone=told.text("phone"),
    )
