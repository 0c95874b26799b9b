"""A shop hour, made from a seed: people who look, buy, hesitate, log in late, and the trouble that real shops make.

Pure: the same seed gives the same hour. Times are seconds of the simulated hour; `play` scales them onto the present.
Stories keep clear of their own deadlines by `MARGIN`, so that what must come out does not hang on a race between a
person and a timer; the trials in `tests/` are where that race is run on purpose.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from schemas.events import (
    CartItemAdded,
    CartItemRemoved,
    CartReplaced,
    CheckoutStarted,
    CustomerRegistered,
    CustomerUpdated,
    NewsletterSubscribed,
    NewsletterUnsubscribed,
    OrderCancelled,
    OrderFulfilled,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    ProductUpserted,
    ProductViewed,
    Searched,
    SessionActive,
    ShopPayload,
    StockChanged,
    WishlistAdded,
    WishlistRemoved,
)
from schemas.values import Address, CustomerRef, LineItem, Order, Payment, Product, Profile, Variant

HOUR = 3600.0
STAGES = (12 * 60.0, 30 * 60.0)  # a cart is abandoned after this much silence, and again after this much
EXPIRES = 10 * 60.0
MARGIN = 4 * 60.0  # how far from a deadline a story's next step stays
LAST_STEP = 42 * 60.0
SHIPPING = Decimal("4.90")
DAY = 86_400.0
LONG_KNOWN, FIRST_KNOWN = 8, 9_000  # people who were here before, and the number of the first
OUTAGE = (20 * 60.0, 26 * 60.0)  # Klaviyo's stand-in answers 503 in this stretch

NOUNS = [
    "Mug",
    "Teapot",
    "Kettle",
    "Tray",
    "Bowl",
    "Plate",
    "Jug",
    "Spoon",
    "Candle",
    "Vase",
    "Lamp",
    "Basket",
    "Towel",
    "Apron",
    "Napkin",
    "Coaster",
]
ADJECTIVES = ["Blue", "Stoneware", "Linen", "Oak", "Brass", "Striped", "Small", "Large"]
NAMES = [
    "Ada",
    "Grace",
    "Alan",
    "Edsger",
    "Barbara",
    "Donald",
    "Katherine",
    "Linus",
    "Margaret",
    "Niklaus",
    "Radia",
    "Tim",
]
CITIES = ["London", "Athens", "Berlin", "Lisbon", "Oslo", "Turin", "Gent", "Graz"]


@dataclass(frozen=True, slots=True)
class Step:
    """Something somebody did at `at`, and when the shop got round to telling it (`told`, at or after `at`)."""

    at: float
    told: float
    ref: CustomerRef
    payload: ShopPayload


@dataclass(frozen=True, slots=True)
class Hour:
    """`steps` in the order they are told; `repeats` are indices of steps that the shop tells twice. `before` is what
    the
    shop knew already: its products, and what a few people did in other months."""

    products: tuple[Product, ...]
    steps: tuple[Step, ...]
    repeats: frozenset[int]
    broken: int
    before: tuple[Step, ...] = ()


def simulate(seed: int, people: int) -> Hour:
    """An hour with `people` customers. `broken` counts the records nobody can understand that are mixed in."""
    dice = random.Random(seed)
    products = tuple(_product(dice, n) for n in range(40))
    known = [Step(-DAY, -DAY, CustomerRef(), ProductUpserted(product=p)) for p in products]
    for n in range(LONG_KNOWN):
        known += was_here(Person(dice, FIRST_KNOWN + n, products))
    steps: list[Step] = []
    for n in range(people):
        story = STORIES[n % len(STORIES)]
        person = Person(dice, n, products)
        steps += story(person)
    steps.sort(key=lambda step: step.told)
    told_twice = frozenset(i for i in range(len(steps)) if dice.random() < 0.03)
    return Hour(products, tuple(steps), told_twice, broken=5, before=tuple(known))


def _product(dice: random.Random, n: int) -> Product:
    name = f"{ADJECTIVES[n % len(ADJECTIVES)]} {NOUNS[n % len(NOUNS)]}"
    return Product(
        product_id=f"P{n:03d}",
        title=name,
        url=f"https://shop.example/p/{n:03d}",
        image_url=f"https://shop.example/i/{n:03d}.jpg",
        brand="Potter & Daughter",
        categories=("Home", NOUNS[n % len(NOUNS)]),
        currency="EUR",
        price=(price := Decimal(dice.randrange(300, 9000)) / 100),
        variants=(Variant(variant_id=variant_of(n), sku=f"SKU{n:03d}", price=price),),
    )


def variant_of(n: int) -> str:
    return f"9{n:03d}"


class Person:
    """Hands out steps for one customer; keeps their cart so that an order can hold what was in it."""

    def __init__(self, dice: random.Random, n: int, products: tuple[Product, ...]) -> None:
        self.dice, self.n, self.products = dice, n, products
        self.ref = CustomerRef(customer_id=f"C{n:04d}", email=f"{NAMES[n % len(NAMES)].lower()}.{n}@example.com")
        self.cart: dict[str, LineItem] = {}
        self.ordered: tuple[LineItem, ...] = ()
        self.orders = 0

    def between(self, low: float, high: float) -> float:
        return self.dice.uniform(low * 60, high * 60)

    def step(self, at: float, payload: ShopPayload, ref: CustomerRef | None = None, told: float | None = None) -> Step:
        return Step(at, at if told is None else told, ref or self.ref, payload)

    def registers(self, at: float, *, wholesale: bool = False) -> Step:
        profile = Profile(
            first_name=NAMES[self.n % len(NAMES)],
            last_name="Example",
            locale="en-GB",
            address=self.address,
            tags=("WHOLESALE",) if wholesale else (),
        )
        return self.step(at, CustomerRegistered(profile=profile))

    @property
    def address(self) -> Address:
        return Address(
            first_name=NAMES[self.n % len(NAMES)],
            last_name="Example",
            address1=f"{self.n + 1} High Street",
            city=CITIES[self.n % len(CITIES)],
            country="United Kingdom",
            country_code="GB",
            zip="AB1 2CD",
        )

    def looks(self, at: float) -> Step:
        return self.step(at, ProductViewed(item=self._line(bare=True), currency="EUR"))

    def adds(self, at: float, ref: CustomerRef | None = None) -> Step:
        line = self._line(bare=self.dice.random() < 0.3)
        held = self.cart.get(line.product_id)
        quantity = line.quantity + (held.quantity if held else 0)
        full = self._full(line.product_id, quantity)
        self.cart[line.product_id] = full
        return self.step(at, CartItemAdded(item=line, currency="EUR"), ref)

    def removes(self, at: float) -> Step:
        product_id = next(iter(self.cart))
        del self.cart[product_id]
        return self.step(at, CartItemRemoved(item=LineItem(product_id=product_id)))

    def checks_out(self, at: float) -> Step:
        return self.step(at, CheckoutStarted(checkout_id=f"K{self.n:04d}", currency="EUR"))

    def buys(self, at: float, told: float | None = None) -> Step:
        self.orders += 1
        lines = tuple(self.cart.values()) or (self._full("P000", Decimal(1)),)
        self.cart, self.ordered = {}, lines
        subtotal = sum((line.quantity * (line.unit_price or 0) for line in lines), Decimal(0))
        total = subtotal + SHIPPING
        card = Payment(
            payment_id=f"M{self.order_id}", method="card", amount=total, processor="Demo Pay", captured=False
        )
        order = Order(
            order_id=self.order_id,
            currency="EUR",
            subtotal=subtotal,
            shipping=SHIPPING,
            shipping_method="parcel",
            total=total,
            lines=lines,
            payments=(card,),
            prices_include_tax=True,
            shipping_address=self.address,
            billing_address=self.address,
        )
        return self.step(at, OrderPlaced(order=order), told=told)

    @property
    def order_id(self) -> str:
        return f"O{self.n:04d}-{self.orders}"

    def _line(self, bare: bool) -> LineItem:
        product = self.dice.choice(self.products)
        quantity = Decimal(self.dice.choice((1, 1, 1, 2, 3)))
        return LineItem(product_id=product.product_id, quantity=quantity) if bare else self._full(
            product.product_id, quantity
        )  # fmt: skip

    def _full(self, product_id: str, quantity: Decimal) -> LineItem:
        product = next(p for p in self.products if p.product_id == product_id)
        return LineItem(
            product_id=product_id,
            name=product.title,
            quantity=quantity,
            unit_price=product.price,
            url=product.url,
            image_url=product.image_url,
            brand=product.brand,
            categories=product.categories,
        )


def was_here(who: Person) -> Iterator[Step]:
    """Weeks ago: not told as if it happened now, but known to whoever asks what was before."""
    t = -DAY * (30 + who.n % 7)
    yield who.registers(t)
    yield who.step(t + 60, NewsletterSubscribed())
    yield who.step(t + 120, WishlistAdded(item=LineItem(product_id="P002"), currency="EUR"))
    yield who.buys(t + 600)
    yield who.step(t + DAY, OrderFulfilled(order_id=who.order_id))


# -- stories. Each starts after the products are known (1:30) and leaves time for every deadline it wants to see.


def buys_at_once(who: Person) -> Iterator[Step]:
    t = who.between(1.5, 20)
    yield who.registers(t)
    yield who.step(t + 5, SessionActive(url="https://shop.example/"))
    yield who.looks(t + 20)
    yield who.adds(t + 40)
    yield who.adds(t + 80)
    yield who.checks_out(t + 120)
    yield who.buys(t + 240)
    paid = Payment(payment_id=f"M{who.n}", method="card", amount=Decimal("1.00"))
    yield who.step(t + 260, OrderPaid(order_id=who.order_id, currency="EUR", payment=paid))
    yield who.step(t + 900, OrderFulfilled(order_id=who.order_id, tracking_code=f"TR{who.n}"))


def leaves_the_cart(who: Person) -> Iterator[Step]:
    t = who.between(1.5, 18)
    yield who.registers(t)
    yield who.looks(t + 10)
    yield who.adds(t + 30)
    yield who.adds(t + 90)


def leaves_and_returns(who: Person) -> Iterator[Step]:
    t = who.between(1.5, 7)  # reminded before the outage
    yield who.adds(t)
    back = t + STAGES[0] + MARGIN + who.between(0, 5)
    yield who.adds(back)
    yield who.buys(back + 120)


def changes_their_mind(who: Person) -> Iterator[Step]:
    t = who.between(1.5, 18)
    yield who.adds(t)
    yield who.adds(t + 60)
    if len(who.cart) > 1:
        yield who.removes(t + 60 + 5 * 60)


def empties_the_cart(who: Person) -> Iterator[Step]:
    t = who.between(1.5, 30)
    yield who.adds(t)
    yield who.looks(t + 30)
    yield who.step(t + 4 * 60, CartReplaced(lines=(), currency="EUR"))


def logs_in_late(who: Person) -> Iterator[Step]:
    t = who.between(1.5, 15)
    guest = CustomerRef(anonymous_id=f"cookie-{who.n:04d}")
    yield who.adds(t, guest)
    both = CustomerRef(customer_id=who.ref.customer_id, email=who.ref.email, anonymous_id=guest.anonymous_id)
    yield who.step(t + 6 * 60, SessionActive(), both)


def logs_in_and_buys(who: Person) -> Iterator[Step]:
    t = who.between(1.5, 25)
    guest = CustomerRef(anonymous_id=f"cookie-{who.n:04d}")
    yield who.adds(t, guest)
    both = CustomerRef(customer_id=who.ref.customer_id, email=who.ref.email, anonymous_id=guest.anonymous_id)
    yield who.step(t + 3 * 60, SessionActive(), both)
    yield who.buys(t + 6 * 60)


def never_says_who(who: Person) -> Iterator[Step]:
    t = who.between(1.5, 25)
    yield who.adds(t, CustomerRef(anonymous_id=f"cookie-{who.n:04d}"))


def is_told_late(who: Person) -> Iterator[Step]:
    """The purchase happened in time, and the shop says so only after the reminder has gone out."""
    t = who.between(1.5, 5)
    yield who.adds(t)
    yield who.buys(t + STAGES[0] - 2 * 60, told=t + STAGES[0] + MARGIN)


def buys_during_the_outage(who: Person) -> Iterator[Step]:
    """Abandoned while the platform is down, bought before it is back: the reminder must not leave."""
    due = OUTAGE[0] + who.between(1.5, 2.5)
    yield who.adds(due - STAGES[0])
    yield who.buys(due + 2 * 60)


def sends_it_back(who: Person) -> Iterator[Step]:
    t = who.between(1.5, 15)
    yield who.adds(t)
    yield who.adds(t + 30)
    yield who.buys(t + 120)
    first, *rest = who.ordered
    yield who.step(t + 600, OrderFulfilled(order_id=who.order_id, fulfillment_id="F1", lines=(first,)))
    if rest:
        yield who.step(t + 900, OrderFulfilled(order_id=who.order_id, fulfillment_id="F2", lines=tuple(rest)))
    refund = OrderRefunded(
        order_id=who.order_id,
        refund_id="R1",
        currency="EUR",
        amount=first.unit_price,
        lines=(first,),
        reason="chipped",
    )
    yield who.step(t + 1300, refund)


def cancels(who: Person) -> Iterator[Step]:
    t = who.between(1.5, 30)
    yield who.adds(t)
    yield who.buys(t + 60)
    yield who.step(t + 400, OrderCancelled(order_id=who.order_id, reason="No longer needed"))


def wishes(who: Person) -> Iterator[Step]:
    """Never buys, and is told of things all the same: by the newsletter, until it is too much."""
    t = who.between(1.5, 20)
    mug = LineItem(product_id="P001", name=who.products[1].title)
    yield who.registers(t)
    yield who.step(t + 10, Searched(query="mug", results=3))
    yield who.step(t + 20, WishlistAdded(item=mug, currency="EUR"))
    yield who.step(t + 40, NewsletterSubscribed())
    yield who.step(t + 500, WishlistRemoved(item=mug))
    yield who.step(t + 900, NewsletterUnsubscribed())


def buys_wholesale(who: Person) -> Iterator[Step]:
    """A boutique: carries the tag that JOOR is told of, and moves once."""
    t = who.between(1.5, 20)
    yield who.registers(t, wholesale=True)
    yield who.step(t + 300, CustomerUpdated(profile=Profile(store_id="boutique")))


def watches_stock(who: Person) -> Iterator[Step]:
    t = who.between(1.5, 30)
    yield who.looks(t)
    n = who.n % len(who.products)
    change = StockChanged(
        product_id=who.products[n].product_id, variant_id=variant_of(n), sku=f"SKU{n:03d}", quantity=Decimal(7)
    )
    yield Step(t + 10, t + 10, CustomerRef(), change)


STORIES: tuple[Callable[[Person], Iterator[Step]], ...] = (
    buys_at_once,
    leaves_the_cart,
    leaves_and_returns,
    changes_their_mind,
    empties_the_cart,
    logs_in_late,
    logs_in_and_buys,
    never_says_who,
    is_told_late,
    buys_during_the_outage,
    sends_it_back,
    cancels,
    watches_stock,
    wishes,
    buys_wholesale,
)
