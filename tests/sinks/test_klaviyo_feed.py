"""The catalog as a feed: the shape of Klaviyo's own sample, nothing blank, nothing nested."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.signals import StockChanged
from schemas.values import Product
from sinks.feed import written
from sinks.klaviyo.feed import FEED
from tests.sinks.folders import config
from tests.sinks.products import LARGE, MUG, PLAIN, SMALL

PICTURED = replace(MUG, description="A mug, and blue.", image_url="https://mugs.example/p1.png")


def told(product: Product, *stocks: StockChanged, variants: bool = False, **settings: Any) -> list[dict[str, Any]]:
    made = written(FEED, [(product, stocks)], config("klaviyo", **settings), variants=variants)
    entries: list[dict[str, Any]] = json.loads(made.body)
    assert len(entries) == made.entries
    return entries


def stock(quantity: int, **names: Any) -> StockChanged:
    return StockChanged(product_id="P1", quantity=Decimal(quantity), **names)


def test_a_product_is_one_entry_with_all_its_variants_in_stock() -> None:
    assert told(PICTURED) == [
        {
            "id": "P1",
            "title": "Blue Mug",
            "link": "https://mugs.example/p1",
            "description": "A mug, and blue.",
            "image_link": "https://mugs.example/p1.png",
            "price": 12.5,
            "categories": ["Kitchen", "Gifts"],
            "inventory_quantity": 4,
            "inventory_policy": 0,
        }
    ]


def test_or_each_variant_is_an_entry_of_its_own() -> None:
    small, large = told(PICTURED, variants=True, inventory_policy=1)

    assert (small["id"], small["title"], small["price"]) == ("P1-S", "Blue Mug - Small", 12.5)
    assert (large["id"], large["title"], large["price"]) == ("P1-L", "Blue Mug - Large", 14)
    assert [each["inventory_quantity"] for each in (small, large)] == [4, 0]
    assert {each["inventory_policy"] for each in (small, large)} == {1}


@pytest.mark.parametrize(
    ("stocks", "quantity"),
    [
        ((), 4),
        ((stock(7, variant_id="P1-S"),), 7),
        ((stock(7, variant_id="P1-S"), stock(1, sku="MUG-L")), 8),
        ((stock(7, variant_id="P1-S"), stock(2, variant_id="P1-S")), 2),  # the later one
        ((stock(7, variant_id="P1-S", location="berlin"),), 7),
        ((stock(7, variant_id="P1-S", location="berlin", total=Decimal(9)),), 9),
        ((stock(7, variant_id="P1-X"),), 4),
    ],
)
def test_stock_is_what_was_last_told(stocks: tuple[StockChanged, ...], quantity: int) -> None:
    (entry,) = told(PICTURED, *stocks)

    assert entry["inventory_quantity"] == quantity


def test_stock_of_one_place_is_told_where_it_is_asked_for() -> None:
    (entry,) = told(PICTURED, stock(7, variant_id="P1-S", location="berlin"), stock_location="berlin")

    assert entry["inventory_quantity"] == 7


def test_a_quantity_nobody_told_is_not_made_up() -> None:
    bare = tuple(replace(each, quantity=None) for each in (SMALL, LARGE))

    assert "inventory_quantity" not in told(replace(PICTURED, variants=bare))[0]


def test_a_hidden_product_is_in_no_feed() -> None:
    assert told(replace(PICTURED, published=False)) == []


@pytest.mark.parametrize(
    ("product", "reason"),
    [
        (MUG, "image_link is required"),
        (replace(PICTURED, title=""), "product.title is required"),
        (
            replace(PICTURED, url=None),
            "product.url is required; the setting product_url can make one of the product's id",
        ),
        (replace(PICTURED, product_id=""), "id is required"),
    ],
)
def test_what_would_be_blank_leaves_the_product_out_with_a_reason(product: Product, reason: str) -> None:
    made = written(FEED, [(product, ()), (PICTURED, ())], config("klaviyo"), variants=False)

    assert (made.entries, made.left_out) == (1, {reason: 1})


def test_a_title_stands_in_for_a_description_and_numbers_leave_digit_by_digit() -> None:
    dear = replace(PLAIN, image_url="https://m.example/2.png", price=Decimal("9007199254740993.0001"))
    made = written(FEED, [(dear, ())], config("klaviyo"), variants=False)

    assert b'"description":"Green Mug"' in made.body
    assert b'"price":9007199254740993.0001' in made.body


def test_an_empty_shop_is_an_empty_list() -> None:
    assert json.loads(written(FEED, [], config("klaviyo"), variants=False).body) == []


@pytest.mark.real
def test_its_entries_are_as_klaviyos_sample_has_them(real_data: Path) -> None:
    sample = json.loads((real_data / "klaviyo-examples" / "custom-catalog-feed.json").read_text())
    shape = {name: type(value) for name, value in sample[0].items()}
    (entry,) = told(PICTURED)

    assert set(entry) == set(shape)
    assert {name: type(value) for name, value in entry.items()} == shape
