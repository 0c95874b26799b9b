"""Products: told once, newest wins, and lines borrow what they lack."""

from datetime import datetime
from decimal import Decimal

import pytest

from schemas import events, signals
from schemas.events import CatalogEvent, ShopEvent, ShopPayload
from schemas.signals import CatalogSignal
from schemas.values import CustomerRef, LineItem, Order, Product, Variant
from streams.domain import catalog
from streams.domain.catalog import ProductState, decode, encode, enrich
from streams.domain.state_codec import BrokenState, UnknownStateVersion
from tests.domain.story import MINUTE, NOON, told

BLUE = Variant(variant_id="blue", sku="M-B", price=Decimal("13.00"), image_url="https://cdn/blue.jpg")
MUG = Product(
    product_id="mug",
    title="Mug",
    url="https://shop.example/mug",
    image_url="https://cdn/mug.jpg",
    brand="Kiln",
    categories=("Kitchen",),
    currency="EUR",
    price=Decimal("12.50"),
    variants=(BLUE,),
)


class Shelf:
    """One product's log."""

    def __init__(self) -> None:
        self.state: ProductState | None = None

    def tell(self, payload: ShopPayload, at: datetime = NOON, event_id: str | None = None) -> tuple[CatalogSignal, ...]:
        fact: ShopEvent = told(payload, at, CustomerRef(), event_id)
        self.state, said = catalog.fold(self.state, CatalogEvent(product_id="mug", at=at, fact=fact))
        if self.state is not None:
            self.state = decode(encode(self.state))
        return said


def upserted(title: str = "Mug") -> events.ProductUpserted:
    return events.ProductUpserted(product=Product(product_id="mug", title=title))


def stock(quantity: int, **more: str) -> events.StockChanged:
    return events.StockChanged(product_id="mug", quantity=Decimal(quantity), **more)


def test_a_product_is_new_once() -> None:
    shelf = Shelf()

    (first,) = shelf.tell(upserted())
    (second,) = shelf.tell(upserted("Big mug"), NOON + MINUTE)

    assert isinstance(first.payload, signals.ProductChanged)
    assert first.payload.new
    assert first.signal_id == f"shop:{first.cause}:ProductChanged"
    assert second.payload == signals.ProductChanged(product=Product(product_id="mug", title="Big mug"))


def test_a_description_without_a_variant_that_was_there_says_which_is_gone() -> None:
    shelf = Shelf()
    red, blue = Variant(variant_id="red"), Variant(variant_id="blue")
    shelf.tell(events.ProductUpserted(product=Product(product_id="mug", title="Mug", variants=(red, blue))))

    (said,) = shelf.tell(
        events.ProductUpserted(product=Product(product_id="mug", title="Mug", variants=(blue,))), NOON + MINUTE
    )

    assert isinstance(said.payload, signals.ProductChanged)
    assert said.payload.gone == ("red",)


def test_an_older_description_is_ignored() -> None:
    shelf = Shelf()
    shelf.tell(upserted("Big mug"), NOON + MINUTE)

    assert shelf.tell(upserted()) == ()
    assert shelf.state is not None
    assert shelf.state.product is not None
    assert shelf.state.product.title == "Big mug"


def test_the_same_telling_again_says_nothing() -> None:
    shelf = Shelf()
    shelf.tell(upserted(), event_id="e")

    assert shelf.tell(upserted(), event_id="e") == ()


def test_a_deleted_product_is_not_brought_back_by_an_older_description() -> None:
    shelf = Shelf()
    shelf.tell(upserted())

    (said,) = shelf.tell(events.ProductDeleted(product_id="mug"), NOON + 2 * MINUTE)

    assert said.payload == signals.ProductDeleted(product_id="mug", product=Product(product_id="mug", title="Mug"))
    assert shelf.tell(upserted(), NOON + MINUTE) == ()
    assert shelf.tell(events.ProductDeleted(product_id="mug"), NOON + 3 * MINUTE) == ()
    (back,) = shelf.tell(upserted(), NOON + 4 * MINUTE)
    assert isinstance(back.payload, signals.ProductChanged)
    assert back.payload.new


def out_of_stock(said: tuple[CatalogSignal, ...]) -> bool:
    (signal,) = said
    assert isinstance(signal.payload, signals.StockChanged)
    return signal.payload.out_of_stock


def test_the_last_one_sold_is_out_of_stock_once() -> None:
    shelf = Shelf()

    assert not out_of_stock(shelf.tell(stock(2)))
    assert out_of_stock(shelf.tell(stock(0), NOON + MINUTE))
    assert not out_of_stock(shelf.tell(stock(0), NOON + 2 * MINUTE))


def test_a_first_telling_of_none_is_out_of_stock() -> None:
    assert out_of_stock(Shelf().tell(stock(0)))


def test_what_lies_elsewhere_is_still_in_stock() -> None:
    shelf = Shelf()
    shelf.tell(stock(2, location="Graz"))
    shelf.tell(stock(1, location="Wien"))

    assert not out_of_stock(shelf.tell(stock(0, location="Graz"), NOON + MINUTE))
    assert out_of_stock(shelf.tell(stock(0, location="Wien"), NOON + 2 * MINUTE))


def test_an_older_count_is_ignored() -> None:
    shelf = Shelf()
    shelf.tell(stock(5), NOON + MINUTE)

    assert shelf.tell(stock(0)) == ()


def test_stock_is_told_with_its_product() -> None:
    shelf = Shelf()
    shelf.tell(upserted())

    (said,) = shelf.tell(stock(5, sku="M"), NOON + MINUTE)

    assert said.payload == signals.StockChanged(
        product_id="mug",
        sku="M",
        quantity=Decimal(5),
        total=Decimal(5),
        product=Product(product_id="mug", title="Mug"),
    )


def test_bytes_that_are_no_product_are_an_error() -> None:
    with pytest.raises(UnknownStateVersion):
        decode(b"\x07")
    with pytest.raises(BrokenState):
        decode(b"\x01\xff")


# -- lines borrow


def shelf_of(product_id: str) -> ProductState | None:
    return ProductState(product=MUG) if product_id == "mug" else None


def test_a_bare_line_borrows_what_the_product_says() -> None:
    added = events.CartItemAdded(item=LineItem(product_id="mug"), currency="EUR")

    enriched = enrich(added, shelf_of)

    assert isinstance(enriched, events.CartItemAdded)
    assert enriched.item == LineItem(
        product_id="mug",
        name="Mug",
        unit_price=Decimal("12.50"),
        url="https://shop.example/mug",
        image_url="https://cdn/mug.jpg",
        brand="Kiln",
        categories=("Kitchen",),
    )


def test_a_variant_knows_better_than_its_product() -> None:
    viewed = events.ProductViewed(item=LineItem(product_id="mug", variant_id="blue"), currency="EUR")

    enriched = enrich(viewed, shelf_of)

    assert isinstance(enriched, events.ProductViewed)
    assert (enriched.item.sku, enriched.item.unit_price) == ("M-B", Decimal("13.00"))
    assert enriched.item.image_url == "https://cdn/blue.jpg"


def test_what_the_line_says_stays() -> None:
    free = LineItem(product_id="mug", name="My mug", unit_price=Decimal(0))

    enriched = enrich(events.CartReplaced(lines=(free,), currency="EUR"), shelf_of)

    assert isinstance(enriched, events.CartReplaced)
    assert (enriched.lines[0].name, enriched.lines[0].unit_price) == ("My mug", Decimal(0))


def test_a_price_in_another_currency_is_not_borrowed() -> None:
    added = events.CartItemAdded(item=LineItem(product_id="mug"), currency="CHF")

    enriched = enrich(added, shelf_of)

    assert isinstance(enriched, events.CartItemAdded)
    assert enriched.item.unit_price is None


@pytest.mark.parametrize(
    "payload",
    [
        events.SessionActive(),
        events.CartItemAdded(item=LineItem(product_id="unknown"), currency="EUR"),
        events.CartReplaced(lines=(), currency="EUR"),
        events.CheckoutStarted(lines=(LineItem(product_id="unknown"),), currency="EUR"),
        events.OrderPlaced(order=Order(order_id="o", currency="EUR", total=Decimal(1), lines=())),
    ],
)
def test_with_nothing_to_borrow_it_is_the_very_same_payload(payload: ShopPayload) -> None:
    assert enrich(payload, shelf_of) is payload


def test_the_lines_of_an_order_borrow_too() -> None:
    order = Order(order_id="o", currency="EUR", total=Decimal(1), lines=(LineItem(product_id="mug"),))

    enriched = enrich(events.OrderPlaced(order=order), shelf_of)

    assert isinstance(enriched, events.OrderPlaced)
    assert enriched.order.lines[0].name == "Mug"


# -- stock at several places


def at_place(quantity: int, location: str | None = None, variant: str = "blue") -> events.StockChanged:
    return events.StockChanged(product_id="mug", variant_id=variant, quantity=Decimal(quantity), location=location)


def totals(*told: events.StockChanged) -> list[Decimal | None]:
    shelf = Shelf()
    said = [shelf.tell(each, NOON + n * MINUTE, event_id=str(n))[0].payload for n, each in enumerate(told)]
    assert all(isinstance(each, signals.StockChanged) for each in said)
    return [each.total for each in said if isinstance(each, signals.StockChanged)]


def test_the_total_is_the_sum_of_the_places_told_so_far() -> None:
    assert totals(at_place(3, "berlin"), at_place(5, "london"), at_place(0, "berlin")) == [3, 8, 5]


def test_what_is_told_of_all_places_together_is_the_total_until_a_place_is_told_again() -> None:
    assert totals(at_place(3, "berlin"), at_place(9), at_place(4, "berlin")) == [3, 9, 4]


def test_stock_of_one_variant_is_no_stock_of_another() -> None:
    assert totals(at_place(3, "berlin"), at_place(2, "berlin", "red")) == [3, 2]


def test_a_product_told_after_its_stock_brings_what_is_known_of_it() -> None:
    shelf = Shelf()
    shelf.tell(at_place(3, "berlin"), event_id="a")
    shelf.tell(at_place(4, "london"), event_id="b")
    red = Variant(variant_id="red", quantity=Decimal(1))
    mug = Product(product_id="mug", title="Mug", variants=(Variant(variant_id="blue"), red, Variant(variant_id="grey")))

    (said,) = shelf.tell(events.ProductUpserted(product=mug), NOON + MINUTE)

    assert isinstance(said.payload, signals.ProductChanged)
    assert [variant.quantity for variant in said.payload.product.variants] == [Decimal(7), Decimal(1), None]
