"""Signal → calls to JOOR: customers and stock by v2, styles by v4. Pure."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import cast
from urllib.parse import urlencode

from msgspec import structs

from schemas.signals import CatalogSignal, ProductChanged, Signal, StockChanged
from schemas.values import Address, Product, Variant
from sinks.body import Fields, as_json, known, number
from sinks.contract import Call, CannotSay, Unaddressable
from sinks.joor.config import JoorConfig
from sinks.joor.sku import color_of, size_of, style_plan, upc_of

WRITE = 5  # credits
CODE, NAME, EMAIL, PERSON = 50, 100, 50, 1000  # characters that JOOR takes


def customer(signal: Signal, config: JoorConfig) -> tuple[Call, ...]:
    """Nobody without an agreed tag; always under the shop's own id, never matched by a name."""
    profile = signal.customer.profile
    if not config.customers or not set(config.tags) & set(profile.tags):
        return ()
    code = signal.customer.ref.customer_id
    if not code:
        raise Unaddressable
    if config.joor_born_tag in profile.tags:
        raise CannotSay(
            "customer.profile.tags: this customer was born at JOOR; put the shop's id into Customer Code there, take "
            "the tag away, and send this again"
        )
    person = " ".join(name for name in (profile.first_name, profile.last_name) if name).strip()
    email = signal.customer.ref.email or None
    company = profile.address.company if profile.address else None
    connection = known(
        customer_name=_short(_required(company or person or email), NAME, "the name of the customer"),
        customer_code=_short(code, CODE, "customer.ref.customer_id"),
        customer_contact_name=_short(person, PERSON, "the name of the contact") or None,
        customer_contact_email=email if email and len(email) <= EMAIL else None,
        price_types=_price_types(config) if config.customer_price_type else None,
        billing=_billing(code, profile.address) if config.customer_address and profile.address else None,
    )
    body = as_json({"bulk_connections": {"connection": [connection]}})
    call = Call("Bulk Connection", "POST", "/v2/bulk-connection", body, f"{signal.signal_id}:connection")
    return (structs.replace(call, endpoint="bulk-connection", cost=WRITE),)


def _price_types(config: JoorConfig) -> Fields:
    return {"price_type": [{"price_currency": config.currency, "price_label": config.price_label}]}


def _billing(code: str, address: Address) -> Fields:
    fields = known(
        billing_code=code,
        billing_address_1=address.address1 or None,
        billing_address_2=address.address2 or None,
        billing_city=address.city or None,
        billing_region=address.region or address.region_code or None,
        billing_postal_code=address.zip or None,
        billing_country_iso_two=address.country_code or None,
        billing_phone=address.phone or None,
    )
    return {"billing_addresses": {"billing_address": [fields]}}


def _required(name: str | None) -> str:
    if not name or not name.strip():
        raise CannotSay("a company, a name or an e-mail address is required: JOOR shows the customer under it")
    return name


def _short(text: str, most: int, field: str) -> str:
    if len(text) > most:
        raise CannotSay(f"{field} is longer than the {most} characters that JOOR takes")
    return text


# -- products


def style(signal: CatalogSignal, config: JoorConfig) -> tuple[Call, ...]:
    """The product first; what its answer opens (SKUs, then prices) is asked by `styles.follow` as planned here."""
    product = cast(ProductChanged, signal.payload).product
    if not config.styles or not product.published:
        return ()
    plan = style_plan(product, config)
    path = f"/v4/products/bulk_create?{urlencode({'account': config.account})}"
    call = Call("Create Product", "POST", path, as_json([plan["product"]]), f"{signal.signal_id}:style")
    return (structs.replace(call, endpoint="styles", cost=WRITE, then=as_json(plan)),)


def stock(signal: CatalogSignal, config: JoorConfig) -> tuple[Call, ...]:
    said = cast(StockChanged, signal.payload)
    warehouse = config.warehouses.get(said.location or "") if config.warehouses else config.warehouse
    if not config.stock or not warehouse:
        return ()
    item = {"warehouse": warehouse, "inventory": 0 if said.out_of_stock else _whole(said.quantity)}
    item |= {"upc": _upc(said, config)} if config.stock_key == "upc" else _style_key(said, config)
    body = as_json({"inventory_items": {"inventory_item": [item]}})
    path = f"/v2/bulk-inventory?{urlencode({'dec_pending': int(config.dec_pending)})}"
    call = Call("Bulk Inventory", "POST", path, body, f"{signal.signal_id}:stock")
    return (structs.replace(call, endpoint="bulk-inventory", cost=WRITE),)


def _whole(quantity: Decimal) -> Decimal:
    """JOOR takes whole numbers: half a piece cannot be sold, and what is owed is not there."""
    return max(Decimal(0), number(quantity).to_integral_value(ROUND_FLOOR))


def _upc(said: StockChanged, config: JoorConfig) -> str:
    variant = _variant(said)
    upc = upc_of(variant, config) if variant else said.variant_id if config.upc == "variant_id" else None
    if not upc:
        raise CannotSay(f"{config.upc} of what is in stock is required: JOOR knows it as the UPC")
    return upc


def _style_key(said: StockChanged, config: JoorConfig) -> Fields:
    variant = _variant(said)
    if variant is None or not said.product_id:
        raise CannotSay("product_id and the product with this variant are required: JOOR is told colour and size")
    # "identifer" is how JOOR writes it.
    names = {"style_number": said.product_id, "style_identifer": said.product_id}
    return names | {"color_code": color_of(variant, config), "size": size_of(variant, config)}


def _variant(said: StockChanged) -> Variant | None:
    product: Product | None = said.product
    return next((v for v in product.variants if v.variant_id == said.variant_id), None) if product else None
