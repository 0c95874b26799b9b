"""What WayMore is told at the beginning: which items a customer or a product gives, and the parts they travel in."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.known import KnownCustomer, KnownOrder
from schemas.signals import Cart
from schemas.values import LineItem, Product
from shoprelay.certificate import madeup
from sinks.waymore import mass
from tests.sinks.folders import body, config
from tests.sinks.waymore import COOKIE, GUEST, MUG, NOON, ORDER, PRODUCT, Registered, customer, sandbox

pytestmark = pytest.mark.thorough

ADAS = KnownCustomer(customer=customer())
SETTINGS = sandbox()


def cart(cart_id: str, hours: int, *lines: LineItem) -> Cart:
    at = NOON + timedelta(hours=hours)
    return Cart(cart_id=cart_id, version=1, currency="EUR", lines=lines, total=Decimal(0), changed_at=at)


def test_a_customer_brings_the_cart_that_changed_last() -> None:
    older, newer, emptied = cart("c1", 1, MUG), cart("c2", 2, replace(MUG, product_id="2")), cart("c3", 3)
    (item,) = mass.customers(replace(ADAS, carts=(newer, older, emptied)), SETTINGS)

    assert item["cart"] == {"cart_products": [{"product_id": "2", "quantity": "2"}]}
    assert mass.customers(ADAS, SETTINGS)[0]["cart"] == {}


@pytest.mark.parametrize("ref", [GUEST, COOKIE])
def test_a_guest_is_no_customer_and_has_no_wishlist_but_may_have_ordered(ref: Any) -> None:
    known = KnownCustomer(customer=customer(ref), orders=(KnownOrder(order=ORDER),), wishlist=("778",))

    assert (mass.customers(known, SETTINGS), mass.wishlists(known, SETTINGS)) == ((), ())
    (item,) = mass.orders(known, SETTINGS)
    assert item["order_details"]["customer_id"] == 0


def test_subscribers_are_those_of_the_newsletter_by_email() -> None:
    (member,) = mass.subscribers(replace(ADAS, subscribed=("email", "sms")), sandbox(shop_id="7"))
    (guest,) = mass.subscribers(KnownCustomer(customer=customer(GUEST), subscribed=("email",)), SETTINGS)

    assert member["subscriber"] == {
        "id": "42",
        "id_shop": "7",
        "id_shop_group": "7",
        "email": "ada@example.com",
        "newsletter_date_add": "",
        "ip_registration_newsletter": "N/A",
        "http_referer": "N/A",
        "active": 1,
    }
    assert guest["subscriber"]["id"] == 0
    for known in (ADAS, replace(ADAS, subscribed=("sms",)), replace(ADAS, unsubscribed=("email",))):
        assert mass.subscribers(known, SETTINGS) == ()
    assert mass.subscribers(KnownCustomer(customer=customer(COOKIE), subscribed=("email",)), SETTINGS) == ()


def test_a_wishlist_is_one_item_of_all_its_products() -> None:
    assert mass.wishlists(replace(ADAS, wishlist=("778", "", "779")), SETTINGS) == (
        {"customer_id": "42", "product_id": ["778", "779"]},
    )
    assert mass.wishlists(ADAS, SETTINGS) == ()


def test_an_order_is_one_item_each_and_its_total_a_text() -> None:
    placed = replace(ORDER, placed_at=NOON, shipping_method="carrier")
    items = mass.orders(replace(ADAS, orders=(KnownOrder(order=placed), KnownOrder(order=ORDER))), SETTINGS)

    assert items[0] == {
        "order_details": {
            "customer_id": "42",
            "order_id": "1234",
            "order_status": "pending",
            "shipping_method": "carrier",
            "payment_method": "",
            "total_price": "24.97",
            "order_create_date": "2026-11-21 12:00:00",
        },
        "order_products": [{"product_id": "1111", "quantity": "2"}],
    }
    assert "order_create_date" not in items[1]["order_details"]


@pytest.mark.parametrize(
    ("become", "words", "status"),
    [
        ({}, {}, "new"),
        ({"status": "packed"}, {}, "packed"),
        ({"status": "packed", "fulfilled": True}, {}, "fulfilled"),
        ({"fulfilled": True, "cancelled": True}, {}, "cancelled"),
        ({"status": "packed", "fulfilled": True}, {"fulfilled_status": ""}, "packed"),
    ],
)
def test_an_order_has_the_status_that_it_came_to(become: Any, words: Any, status: str) -> None:
    known = KnownOrder(order=replace(ORDER, status="new"), **become)
    (item,) = mass.orders(replace(ADAS, orders=(known,)), sandbox(**words))

    assert item["order_details"]["order_status"] == status


def test_a_product_is_told_as_in_events() -> None:
    (item,) = mass.products(PRODUCT, SETTINGS)

    assert (item["product_id"], item["name"]) == ("778", "Mug")
    assert mass.products(replace(PRODUCT, product_id=""), SETTINGS) == ()


def test_a_part_is_one_entry_of_its_kind() -> None:
    (kind, *_) = mass.kinds(SETTINGS)
    items = mass.customers(ADAS, SETTINGS)
    call = mass.join(kind, items, SETTINGS)

    assert (call.says, call.method) == ("Mass Customers", "POST")
    assert body(call) == {
        "uuid": "",
        "data": [{"name": "customers", "description": "shop customers", "object": list(items)}],
    }
    assert mass.join(kind, [*items, *items], SETTINGS).key != call.key


def test_the_words_for_kinds_are_settings() -> None:
    chosen = sandbox(kind_case="capital", wishlist_kind="wishlists")

    names = [kind.name for kind in mass.kinds(chosen)]

    assert names == ["Customers", "Subscribers", "Products", "Wishlists", "Orders"]
    assert [mass.join(kind, [], chosen).says for kind in mass.kinds(chosen)][3] == "Mass Wishlists"


@given(st.randoms(use_true_random=False))
def test_whatever_is_known_the_stand_in_takes_it(random: Random) -> None:
    site = Registered()
    known: dict[str, Any] = {
        "customers": madeup.value(KnownCustomer, random),
        "products": madeup.value(Product, random),
        "orders": madeup.value(KnownCustomer, random),
    }
    for kind in mass.kinds(site.config):
        items = kind.items(known[kind.of], site.config)
        if items:
            answer = site.tell(mass.join(kind, items, site.config))

            assert answer.status == 200, answer.body


def test_items_survive_being_kept_as_json() -> None:
    """Whoever collects items may keep them as bytes until a part is full."""
    (kind, *_) = mass.kinds(config("waymore"))
    items = mass.customers(ADAS, SETTINGS)

    assert mass.join(kind, json.loads(json.dumps(items)), SETTINGS) == mass.join(kind, items, SETTINGS)
