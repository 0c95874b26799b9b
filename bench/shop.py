"""A seeded shop: events as shops send them, the same for every system that is measured. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate

from schemas.events import CartItemAdded, CartReplaced, OrderPlaced, ProductViewed, ShopEvent, ShopPayload
from schemas.values import CustomerRef, LineItem, Order

SEED = 20261121
SHOP = "mugs"
REPEATED = 0.02  # told once more, under the same id
LOGGED_IN_LATE = 0.1  # of the customers: a view as a guest comes first, under a cookie of theirs
KINDS = {"view": 45, "add": 35, "replace": 10, "order": 10}


def events(count: int, customers: int, start: datetime, seconds: float) -> Iterator[ShopEvent]:
    """`count` events of at most `customers` people within `seconds` from `start`, the busiest with a few in a
    thousand: 45 % views, 45 % of carts with one to three lines, 10 % orders. Every line comes complete."""
    dice = random.Random(SEED)
    shelf = [_line(dice, n) for n in range(2_000)]
    weights = list(accumulate((rank + 50) ** -0.8 for rank in range(customers)))
    visits: dict[int, int] = {}
    carts: dict[int, tuple[LineItem, ...]] = {}
    told: ShopEvent | None = None
    for n in range(count):
        if told is not None and dice.random() < REPEATED:
            yield told
            continue
        who = dice.choices(range(customers), cum_weights=weights)[0]
        visits[who] = visit = visits.get(who, 0) + 1
        kind = dice.choices(list(KINDS), list(KINDS.values()))[0]
        guest = who % round(1 / LOGGED_IN_LATE) == 0
        if guest and visit == 1:
            kind, ref = "view", CustomerRef(anonymous_id=f"cookie-{who:06d}")
        else:
            ref = _known(who, cookie=guest and visit == 2)
        told = ShopEvent(
            event_id=f"evt-{n:07d}",
            shop=SHOP,
            occurred_at=start + timedelta(milliseconds=round(seconds * 1000 * n / count)),
            customer=ref,
            payload=_payload(dice, kind, who, n, shelf, carts),
        )
        yield told


def _known(who: int, cookie: bool) -> CustomerRef:
    anonymous_id = f"cookie-{who:06d}" if cookie else None
    return CustomerRef(
        customer_id=f"C{who:06d}", email=f"customer.{who:06d}@example.com", anonymous_id=anonymous_id
    )  # fmt: skip


def _line(dice: random.Random, n: int) -> LineItem:
    return LineItem(
        product_id=f"P{n:05d}",
        variant_id=f"P{n:05d}-{dice.choice('SML')}",
        sku=f"SKU-{n:05d}",
        name=f"Stoneware mug no. {n}",
        quantity=Decimal(dice.choice((1, 1, 1, 2, 3))),
        unit_price=Decimal(dice.randrange(199, 19_999)) / 100,
        url=f"https://mugs.example.com/products/stoneware-mug-{n}",
        image_url=f"https://cdn.mugs.example.com/images/{n:05d}.jpg",
        brand="Potter & Daughter",
        categories=("Kitchen", "Mugs"),
    )


def _payload(
    dice: random.Random, kind: str, who: int, n: int, shelf: list[LineItem], carts: dict[int, tuple[LineItem, ...]]
) -> ShopPayload:
    line = dice.choice(shelf)
    if kind == "view":
        return ProductViewed(item=line, currency="EUR")
    if kind == "add":
        carts[who] = (*carts.get(who, ()), line)[-3:]
        return CartItemAdded(item=line, currency="EUR", cart_id=f"cart-{who}")
    if kind == "replace":
        carts[who] = lines = tuple(dice.sample(shelf, dice.randint(1, 3)))
        return CartReplaced(lines=lines, currency="EUR", cart_id=f"cart-{who}")
    lines = carts.pop(who, (line,))
    subtotal = sum((each.quantity * (each.unit_price or 0) for each in lines), Decimal(0))
    order = Order(
        order_id=f"O-{n:07d}", currency="EUR", subtotal=subtotal, shipping=Decimal("4.90"),
        total=subtotal + Decimal("4.90"), lines=lines,
    )  # fmt: skip
    return OrderPlaced(order=order, cart_id=f"cart-{who}")
