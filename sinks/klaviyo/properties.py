"""Klaviyo's words for products, carts and orders: the properties its flows and templates look for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from schemas.signals import Cart
from schemas.values import Address, LineItem, Order
from sinks.body import Fields, known, number, product


def viewed(item: LineItem) -> Fields:
    return known(
        ProductName=item.name,
        ProductID=item.product_id,
        SKU=item.sku,
        Categories=list(item.categories) or None,
        ImageURL=item.image_url,
        URL=item.url,
        Brand=item.brand,
        Price=_amount(item.unit_price),
        CompareAtPrice=_amount(item.compare_at_price),
    )


def added(item: LineItem) -> Fields:
    return known(
        AddedItemProductName=item.name,
        AddedItemProductID=item.product_id,
        AddedItemSKU=item.sku,
        AddedItemCategories=list(item.categories) or None,
        AddedItemImageURL=item.image_url,
        AddedItemURL=item.url,
        AddedItemPrice=_amount(item.unit_price),
        AddedItemQuantity=number(item.quantity),
    )


def cart(of: Cart) -> Fields:
    return known(
        ItemNames=_names(of.lines),
        CheckoutURL=of.checkout_url,
        Categories=_categories(of.lines),
        Items=[_item(line) | known(ProductCategories=list(line.categories) or None) for line in of.lines],
    )


def order(of: Order, lines: Iterable[LineItem] | None = None) -> Fields:
    """The whole order, or the part of it that `lines` are."""
    return known(
        DiscountCode=of.discount_code,
        DiscountValue=_amount(of.discount),
        BillingAddress=_address(of.billing_address),
        ShippingAddress=_address(of.shipping_address),
        **part(of.order_id, of.lines if lines is None else lines),
    )


def part(order_id: str, lines: Iterable[LineItem]) -> Fields:
    """All that can be said about an order that was placed before we listened."""
    lines = tuple(lines)
    brands = _once(line.brand for line in lines)
    items = [_item(line) | known(Categories=list(line.categories) or None, Brand=line.brand) for line in lines]
    return {
        "OrderId": order_id,
        "Categories": _categories(lines),
        "ItemNames": _names(lines),
        "Brands": brands,
        "Items": items,
    }


def ordered(order_id: str, line: LineItem) -> Fields:
    return known(
        OrderId=order_id,
        ProductID=line.product_id,
        SKU=line.sku,
        ProductName=line.name,
        Quantity=number(line.quantity),
        ProductURL=line.url,
        ImageURL=line.image_url,
        Categories=list(line.categories) or None,
        ProductBrand=line.brand,
    )


def row_total(line: LineItem) -> Decimal | None:
    return None if line.unit_price is None else product(line.quantity, line.unit_price)


def _item(line: LineItem) -> Fields:
    return known(
        ProductID=line.product_id,
        SKU=line.sku,
        ProductName=line.name,
        Quantity=number(line.quantity),
        ItemPrice=_amount(line.unit_price),
        RowTotal=row_total(line),
        ProductURL=line.url,
        ImageURL=line.image_url,
    )


def _address(of: Address | None) -> Fields | None:
    if of is None:
        return None
    return known(
        FirstName=of.first_name,
        LastName=of.last_name,
        Company=of.company,
        Address1=of.address1,
        Address2=of.address2,
        City=of.city,
        Region=of.region,
        RegionCode=of.region_code,
        Country=of.country,
        CountryCode=of.country_code,
        Zip=of.zip,
        Phone=of.phone,
    )


def _amount(value: Decimal | None) -> Decimal | None:
    return None if value is None else number(value)


def _names(lines: Iterable[LineItem]) -> list[str]:
    return [line.name for line in lines if line.name]


def _categories(lines: Iterable[LineItem]) -> list[str]:
    return _once(category for line in lines for category in line.categories)


def _once(words: Iterable[str | None]) -> list[str]:
    """Each word once, in the order of its first appearance."""
    return list(dict.fromkeys(word for word in words if word))
