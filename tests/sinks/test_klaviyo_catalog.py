"""What becomes of a product in Klaviyo's catalog, whatever Klaviyo knew of it before."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.signals import CatalogSignal
from schemas.values import Product
from sinks.contract import Call, CannotSay, Verdict
from sinks.klaviyo.product import PREFIX
from tests.sinks.folders import body, config, said
from tests.sinks.klaviyo_teller import Teller
from tests.sinks.products import LARGE, MUG, PLAIN, SMALL, changed, deleted, new, stock

DELIVERED = {Verdict.DELIVERED}


def calls(signal: CatalogSignal, **settings: Any) -> tuple[Call, ...]:
    return said(signal, config("klaviyo", **settings), "klaviyo")


def attributes(call: Call) -> dict[str, Any]:
    told: dict[str, Any] = body(call)["data"]["attributes"]
    return told


# -- what is told


def test_categories_come_before_the_item_and_the_item_before_its_variants() -> None:
    told = calls(new())

    assert [call.says for call in told] == [
        "Create Catalog Category",
        "Create Catalog Category",
        "Create Catalog Item",
        "Create Catalog Variant",
        "Create Catalog Variant",
        "Update Stock",
    ]
    assert {call.needs for call in told if "Variant" in call.says} == {"item P1"}
    assert [call.opens for call in told if call.opens] == ["item P1"]


def test_an_update_names_everything_by_its_compound_id() -> None:
    (item, *variants, gone) = calls(changed(gone=("P1-M",)), catalog_categories=False)

    assert item.path == "/api/catalog-items/%24custom%3A%3A%3A%24default%3A%3A%3AP1"
    assert body(item)["data"]["id"] == "$custom:::$default:::P1"
    assert [body(call)["data"]["id"] for call in variants] == [f"{PREFIX}P1-S", f"{PREFIX}P1-L"]
    assert (gone.method, gone.body) == ("DELETE", b"")
    assert all("external_id" not in attributes(call) for call in (item, *variants))


def test_a_variant_says_for_itself_what_it_knows_and_leaves_the_rest_to_its_product() -> None:
    bare = replace(SMALL, title=None, price=None, sku=None, url=None, quantity=None)
    (_, told) = calls(changed(replace(MUG, variants=(bare,), description="Blue.")), catalog_categories=False)

    assert attributes(told) == {
        "title": "Blue Mug",
        "description": "Blue.",
        "sku": "P1-S",
        "price": Decimal("12.5"),
        "url": "https://mugs.example/p1",
        "inventory_policy": 0,
        "published": True,
    }


def test_prices_and_quantities_are_numbers_digit_by_digit() -> None:
    huge = replace(SMALL, price=Decimal("9007199254740993.0001"), quantity=Decimal("2.50"))
    (*_, told) = calls(changed(replace(MUG, variants=(huge,))))

    assert b'"price":9007199254740993.0001' in told.body
    assert b'"inventory_quantity":2.5,' in told.body


def test_a_product_without_variants_has_one_of_its_own() -> None:
    item, own = calls(new(PLAIN))

    assert (attributes(item)["external_id"], attributes(own)["external_id"]) == ("P2", "P2")
    assert (attributes(own)["sku"], attributes(own)["inventory_quantity"]) == ("P2", 0)


def test_without_a_price_it_is_an_item_alone() -> None:
    assert [call.says for call in calls(new(replace(PLAIN, price=None)))] == ["Create Catalog Item"]


def test_a_hidden_product_is_not_published_and_neither_are_its_variants() -> None:
    told = calls(changed(replace(MUG, published=False)), catalog_categories=False)

    assert [attributes(call)["published"] for call in told] == [False] * 3


def test_an_item_without_categories_leaves_those_it_was_in() -> None:
    (item, *_) = calls(changed(replace(MUG, categories=())))

    assert body(item)["data"]["relationships"] == {"categories": {"data": []}}


def test_categories_can_be_left_out() -> None:
    told = calls(new(), catalog_categories=False)

    assert "Create Catalog Category" not in {call.says for call in told}
    assert b"relationships" not in told[0].body


@pytest.mark.parametrize(
    ("product", "reason"),
    [
        (replace(MUG, product_id=""), "^product_id is required$"),
        (replace(MUG, title=""), "^product.title is required$"),
        (replace(MUG, url=None), "^product.url is required"),
        (replace(MUG, variants=(replace(SMALL, variant_id=""),)), "^product.variants: each needs a variant_id$"),
        (replace(MUG, price=None, variants=(replace(SMALL, price=None),)), "^product.variants: each needs a price"),
        (replace(MUG, properties={"text": "x" * 100_001}), "^product.properties is larger than 100 KB$"),
        (
            replace(MUG, variants=(replace(SMALL, options={"text": "x" * 100_001}),)),
            "^product.variants: options is larger than 100 KB$",
        ),
        (replace(MUG, description="x" * 5_000_000), "^product is larger than 5 MB$"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_klaviyo_would_not_take_is_refused_by_the_name_of_its_field(product: Product, reason: str) -> None:
    for signal in (new(product), changed(product)):
        with pytest.raises(CannotSay, match=reason):
            calls(signal)


def test_a_url_can_be_made_of_the_products_id() -> None:
    (item, *_) = calls(new(replace(PLAIN, product_id="a/b", url=None)), product_url="https://m.example/{product_id}")

    assert attributes(item)["url"] == "https://m.example/a%2Fb"


def test_a_variant_told_twice_is_one_variant() -> None:
    told = calls(new(replace(MUG, variants=(SMALL, replace(SMALL, title="Tiny")))), catalog_categories=False)

    assert [call.key for call in told] == ["s1:create-catalog-item:P1", "s1:create-catalog-variant:P1-S"]
    assert attributes(told[1])["title"] == "Tiny"


def test_switched_off_nothing_is_told() -> None:
    for signal in (new(), changed(), deleted(), stock(1, variant_id="P1-S")):
        assert calls(signal, catalog=False) == ()


# -- stock


@pytest.mark.parametrize(
    ("product", "names", "variant"),
    [
        (MUG, {"variant_id": "P1-S"}, "P1-S"),
        (MUG, {"sku": "MUG-L"}, "P1-L"),
        (MUG, {"variant_id": "P1-S", "sku": "MUG-L"}, "P1-S"),
        (MUG, {"variant_id": "P1-X", "sku": "MUG-L"}, None),
        (MUG, {"sku": "MUG-X"}, None),
        (MUG, {}, None),  # of which of the two?
        (replace(MUG, variants=(LARGE,)), {}, "P1-L"),
        (PLAIN, {}, "P2"),
        (PLAIN, {"variant_id": "P2"}, "P2"),
        (PLAIN, {"sku": "GREEN"}, "P2"),
        (replace(PLAIN, price=None), {}, None),
        (None, {"variant_id": "P1-S"}, None),
    ],
)
def test_stock_is_told_of_the_variant_it_is_of(product: Product | None, names: Any, variant: str | None) -> None:
    told = calls(stock(3, product, **names))

    assert [body(call)["data"]["id"].rpartition(":::")[2] for call in told] == ([variant] if variant else [])
    assert all(attributes(call) == {"inventory_quantity": 3} for call in told)


def test_of_several_places_the_sum_is_told_or_the_one_that_is_asked_for() -> None:
    berlin, total = stock(3, PLAIN, location="berlin", total=Decimal(8)), stock(3, PLAIN)

    assert [attributes(call)["inventory_quantity"] for signal in (berlin, total) for call in calls(signal)] == [8, 3]
    assert [attributes(call) for call in calls(berlin, stock_location="berlin")] == [{"inventory_quantity": 3}]
    assert [len(calls(signal, stock_location="berlin")) for signal in (berlin, total)] == [1, 0]


# -- at the stand-in, whatever it knew before


def test_told_once_or_twice_the_catalog_is_the_same() -> None:
    once, twice = Teller(), Teller()

    assert {*once.tell(new()), *twice.tell(new()), *twice.tell(new())} == DELIVERED
    assert once.stand_in.stored() == twice.stand_in.stored()
    assert set(once.kept("catalog-variant")) == {"P1-S", "P1-L"}
    assert once.kept("catalog-item")["P1"]["categories"] == [
        "$custom:::$default:::Kitchen",
        "$custom:::$default:::Gifts",
    ]


def test_an_update_of_what_klaviyo_does_not_know_creates_it() -> None:
    created, updated = Teller(), Teller()

    assert {*created.tell(new()), *updated.tell(changed())} == DELIVERED
    assert created.kept("catalog-item") == updated.kept("catalog-item")
    assert created.kept("catalog-variant") == updated.kept("catalog-variant")


def test_a_create_of_what_klaviyo_knows_updates_it_and_keeps_a_quantity_nobody_told() -> None:
    teller = Teller()
    teller.tell(new(replace(MUG, variants=(SMALL,))))
    teller.tell(stock(9, variant_id="P1-S"))

    assert (
        set(teller.tell(new(replace(MUG, title="Bluer Mug", variants=(replace(SMALL, quantity=None),))))) == DELIVERED
    )
    assert teller.kept("catalog-item")["P1"]["title"] == "Bluer Mug"
    assert teller.kept("catalog-variant")["P1-S"]["inventory_quantity"] == 9


def test_a_known_zero_is_told_even_where_the_variant_was_there() -> None:
    teller = Teller()
    teller.tell(new(replace(MUG, variants=(replace(LARGE, quantity=Decimal(5)),))))

    assert set(teller.tell(new(replace(MUG, variants=(LARGE,))))) == DELIVERED
    assert teller.kept("catalog-variant")["P1-L"]["inventory_quantity"] == 0


def test_a_new_size_comes_and_an_old_one_goes() -> None:
    teller = Teller()
    teller.tell(new(replace(MUG, variants=(SMALL,))))

    assert set(teller.tell(changed(replace(MUG, variants=(LARGE,)), gone=("P1-S",)))) == DELIVERED
    assert set(teller.kept("catalog-variant")) == {"P1-L"}


@pytest.mark.parametrize("times", [1, 2])
def test_a_deleted_product_is_gone_however_often_it_is_deleted(times: int) -> None:
    teller = Teller()
    teller.tell(new())

    for _ in range(times):
        assert set(teller.tell(deleted())) == DELIVERED
    assert teller.kept("catalog-item") == teller.kept("catalog-variant") == {}


def test_what_was_never_told_can_be_deleted_and_its_stock_told() -> None:
    teller = Teller()

    assert set(teller.tell(deleted(None, "P9"))) == DELIVERED
    assert set(teller.tell(stock(3, variant_id="P1-S"))) == DELIVERED
    assert teller.kept("catalog-variant") == {}


def test_the_last_one_sold_is_zero_in_klaviyo() -> None:
    teller = Teller()
    teller.tell(new())
    teller.tell(stock(0, variant_id="P1-S", out_of_stock=True))

    assert teller.kept("catalog-variant")["P1-S"]["inventory_quantity"] == 0


@pytest.mark.parametrize("odd", ["a/b", "50 % off?", "c$:::d", "ü#1", "..", "%2F"])
def test_any_id_of_the_shop_finds_its_way(odd: str) -> None:
    teller, product = Teller(), replace(MUG, product_id=odd, variants=(replace(SMALL, variant_id=odd),))

    for signal in (new(product), changed(product), stock(9, product, variant_id=odd)):
        assert set(teller.tell(signal)) == DELIVERED
    assert set(teller.kept("catalog-item")) == {odd}
    assert teller.kept("catalog-variant")[odd]["inventory_quantity"] == 9
    assert set(teller.tell(deleted(product, odd))) == DELIVERED
    assert teller.kept("catalog-item") == teller.kept("catalog-variant") == {}
