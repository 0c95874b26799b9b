"""Products: what a shop told about them, what that tells the platforms, and what a cart line can borrow from them.

One state for each product. Newer tellings replace older ones, stock and description each by their own time, so two
sources may tell them in any order.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from schemas import events, signals
from schemas.events import CatalogEvent, ShopEvent, ShopPayload
from schemas.signals import CatalogSignal
from schemas.values import LineItem, Product, Variant
from streams.domain.cart import ZERO
from streams.domain.dedupe import digest, known, remember
from streams.domain.state_codec import BrokenState, UnknownStateVersion

VERSION = 1
REMEMBERED = 32
MAX_STOCKS = 500  # variants times locations of one product
_PREFIX = bytes([VERSION])

Lookup = Callable[[str], "ProductState | None"]


class Stock(msgspec.Struct, frozen=True, array_like=True, gc=False):
    at: datetime
    quantity: Decimal


class ProductState(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,
    rename={"product": "p", "told_at": "h", "deleted": "x", "stocks": "s", "recent": "m"},
):
    """`product` is `None` before it is told and after it was deleted. `stocks` go by variant, SKU and place."""

    product: Product | None = None
    told_at: datetime | None = None
    deleted: bool = False
    stocks: dict[str, Stock] = {}
    recent: bytes = b""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ProductState)


def key_of(shop: str, product_id: str) -> str:
    """The key of a product's log and state. No customer has one like it (`streams.domain.identity`)."""
    return f"{shop}/p:{product_id}"


def encode(state: ProductState) -> bytes:
    return _PREFIX + _encoder.encode(state)


def decode(stored: bytes) -> ProductState:
    """Raises `UnknownStateVersion` or `BrokenState`, as for customers."""
    if not stored or stored[0] != VERSION:
        raise UnknownStateVersion(
            f"product state version: {stored[0] if stored else 'none'}, this release reads {VERSION}; "
            "roll forward or rebuild the table from the log"
        )
    try:
        return _decoder.decode(memoryview(stored)[1:])
    except msgspec.MsgspecError as bad:
        raise BrokenState(f"product state: {type(bad).__name__}; rebuild the table from the log") from None


def fold(state: ProductState | None, event: CatalogEvent) -> tuple[ProductState | None, tuple[CatalogSignal, ...]]:
    """Total and pure. A telling that is older than what is known, or was told before, changes and says nothing."""
    fact = event.fact
    entry = digest(fact.event_id)
    before = state or ProductState()
    if known(before.recent, entry):
        return state, ()
    match fact.payload:
        case events.ProductUpserted(product=product):
            after, said = _upserted(before, product, event.at)
        case events.ProductDeleted(product_id=product_id):
            after, said = _deleted(before, product_id, event.at)
        case events.StockChanged() as stock:
            after, said = _stock(before, stock, event.at)
        case _:
            return state, ()
    after = replace(after, recent=remember(before.recent, entry, REMEMBERED))
    return after, () if said is None else (_signal(fact, event.at, said),)


Said = signals.ProductChanged | signals.ProductDeleted | signals.StockChanged | None


def _upserted(before: ProductState, product: Product, at: datetime) -> tuple[ProductState, Said]:
    if before.told_at is not None and at < before.told_at:
        return before, None
    after = replace(before, product=product, told_at=at, deleted=False)
    was = before.product.variants if before.product else ()
    there = {variant.variant_id for variant in product.variants}
    gone = tuple(variant.variant_id for variant in was if variant.variant_id not in there)
    stocked = _with_stock(product, before.stocks)
    return after, signals.ProductChanged(product=stocked, new=before.product is None, gone=gone)


def _with_stock(product: Product, stocks: Mapping[str, Stock]) -> Product:
    """With what is known of its variants' stock where its description says nothing of it."""
    if not stocks or all(variant.quantity is not None for variant in product.variants):
        return product
    variants = [
        variant if variant.quantity is not None else replace(variant, quantity=_held(variant, stocks))
        for variant in product.variants
    ]
    return replace(product, variants=tuple(variants))


def _held(variant: Variant, stocks: Mapping[str, Stock]) -> Decimal | None:
    names = {name.rpartition("\x1f")[0] for name in stocks}
    own = [name for name in names if name.startswith(f"{variant.variant_id}\x1f")]
    own = own or [name for name in names if variant.sku and name == f"\x1f{variant.sku}"]
    return total(stocks, own[0]) if own else None


def _deleted(before: ProductState, product_id: str, at: datetime) -> tuple[ProductState, Said]:
    """The deletion is remembered, so that an older description does not bring the product back."""
    if before.deleted or (before.told_at is not None and at < before.told_at):
        return before, None
    return ProductState(told_at=at, deleted=True), signals.ProductDeleted(product_id=product_id, product=before.product)


def _stock(before: ProductState, stock: events.StockChanged, at: datetime) -> tuple[ProductState, Said]:
    name = "\x1f".join((stock.variant_id or "", stock.sku or "", stock.location or ""))
    last = before.stocks.get(name)
    if last is not None and at < last.at:
        return before, None
    stocks = {**before.stocks, name: Stock(at, stock.quantity)}
    if len(stocks) > MAX_STOCKS:
        del stocks[min(stocks, key=lambda kept: (stocks[kept].at, kept))]
    return replace(before, stocks=stocks), signals.StockChanged(
        product_id=stock.product_id,
        variant_id=stock.variant_id,
        sku=stock.sku,
        quantity=stock.quantity,
        location=stock.location,
        out_of_stock=stock.quantity <= 0 and _available(before.stocks, name) and not _available(stocks, name),
        product=before.product,
        total=stock.quantity if not stock.location else total(stocks, name.rpartition("\x1f")[0]),
    )


def total(stocks: Mapping[str, Stock], item: str) -> Decimal:
    """At all its places; or what was told of all of them together, if that is newer than what was told of any."""
    places = {name.rpartition("\x1f")[2]: stock for name, stock in stocks.items() if name.rpartition("\x1f")[0] == item}
    together = places.pop("", None)
    if together is not None and all(together.at >= stock.at for stock in places.values()):
        return together.quantity
    return sum((stock.quantity for stock in places.values()), ZERO)


def _available(stocks: Mapping[str, Stock], name: str) -> bool:
    """Whether there is any of this variant, wherever it lies; what was never told may well be there."""
    item = name.rpartition("\x1f")[0]
    places = [stock.quantity for kept, stock in stocks.items() if kept.rpartition("\x1f")[0] == item]
    return not places or sum(places, ZERO) > 0


def _signal(fact: ShopEvent, at: datetime, payload: Said) -> CatalogSignal:
    assert payload is not None
    return CatalogSignal(
        signal_id=f"{fact.shop}:{fact.event_id}:{type(payload).__name__}",
        shop=fact.shop,
        occurred_at=at,
        priority=fact.priority,
        cause=fact.event_id,
        payload=payload,
    )


# -- what a line can borrow


def enrich(payload: ShopPayload, lookup: Lookup) -> ShopPayload:
    """The payload with names, prices, images, links, brands, categories and SKUs filled into lines that lack them, as
    the product was known at this moment; the very same object when there is nothing to fill."""
    match payload:
        case events.CartItemAdded() | events.ProductViewed() | events.WishlistAdded():
            item = _filled(payload.item, lookup, payload.currency)
            return payload if item is payload.item else replace(payload, item=item)
        case events.CartReplaced() | events.CheckoutStarted():
            lines = _filled_lines(payload.lines, lookup, payload.currency)
            return payload if lines is payload.lines else replace(payload, lines=lines)
        case events.OrderPlaced() | events.WholesaleOrderApproved():
            lines = _filled_lines(payload.order.lines, lookup, payload.order.currency)
            return (
                payload if lines is payload.order.lines else replace(payload, order=replace(payload.order, lines=lines))
            )
    return payload


def _filled_lines(lines: tuple[LineItem, ...], lookup: Lookup, currency: str | None) -> tuple[LineItem, ...]:
    filled = [_filled(line, lookup, currency) for line in lines]
    return lines if all(new is old for new, old in zip(filled, lines, strict=True)) else tuple(filled)


def _filled(item: LineItem, lookup: Lookup, currency: str | None) -> LineItem:
    if item.name and item.unit_price is not None and item.image_url and item.url and item.brand and item.categories:
        return item
    state = lookup(item.product_id)
    if state is None or state.product is None:
        return item
    borrowed = {
        name: value
        for name, value in _offers(state.product, item.variant_id, currency).items()
        if value and not getattr(item, name)
    }
    if item.unit_price is not None:  # a price of nothing is a price
        borrowed.pop("unit_price", None)
        borrowed.pop("compare_at_price", None)
    return replace(item, **borrowed) if borrowed else item


def _offers(product: Product, variant_id: str | None, currency: str | None) -> dict[str, object]:
    """What the variant says, else the product. Prices only in the currency of the cart or order."""
    variant = next((v for v in product.variants if v.variant_id == variant_id), None)
    offers: dict[str, object] = {
        "name": product.title,
        "sku": variant.sku if variant else None,
        "url": (variant.url if variant else None) or product.url,
        "image_url": (variant.image_url if variant else None) or product.image_url,
        "brand": product.brand,
        "categories": product.categories,
    }
    if product.currency is not None and product.currency == currency:
        priced = variant if variant is not None and variant.price is not None else product
        offers |= {"unit_price": priced.price, "compare_at_price": priced.compare_at_price}
    return offers
