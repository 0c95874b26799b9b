"""What should come out of a simulated hour, by a plain model that shares no line with the product.

It knows the whole hour at once, so it needs no log, no deadlines and no tables: it takes one customer after the other,
goes through what they did, and reads the answer off. Each call that must have been stored, once, becomes a small tuple:
platform, what is said, about whom, and the figures that matter. `compare.py` brings what the stand-ins received into
the same form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from schemas import events as e
from schemas.values import LineItem, Order, Product
from shoprelay.demo.simulate import OUTAGE, STAGES, Hour, Step

Told = tuple[Any, ...]
AT_JOOR = (("JOOR-7001", Decimal(2)), ("JOOR-7002", Decimal(2)))  # approved there, and how many pieces; by its stand-in
Lines = tuple[tuple[str, Decimal, Decimal], ...]  # product, quantity, unit price; by product


@dataclass(slots=True)
class Expected:
    """`calls` that must be stored once each; `told_at` when the shop told what caused them (seconds of the hour), but
    for reminders, which silence causes; `reminders` by what becomes of them; `refused` records."""

    calls: Counter[Told] = field(default_factory=Counter)
    told_at: dict[Told, float] = field(default_factory=dict)
    reminders: Counter[str] = field(default_factory=Counter)
    refused: int = 0


def expected(hour: Hour) -> Expected:
    result = Expected(refused=hour.broken)
    shelf = {product.product_id: product for product in hour.products}
    catalog(hour, result)
    for steps in _by_person(hour.before):
        person = Person(shelf, result, long_ago=True)
        for step in steps:
            person.does(step)
        known_before(person)
    result.calls.update(("shopify", *order) for order in AT_JOOR)
    at_newstore = [told for told in result.calls if told[0] == "newstore" and told[1] in ("order", "profile")]
    for nth, (_, what, name, *_) in enumerate(at_newstore):
        if nth % 7 == 0:  # the shop's backend looks some of them up
            result.calls["gateway", "order" if what == "order" else "customer", name] = 1
    for steps in _by_person(hour.steps):
        person = Person(shelf, result)
        for step in steps:
            person.does(step)
        person.now = None
        person.silence_until(float("inf"))
    return result


def catalog(hour: Hour, result: Expected) -> None:
    """What becomes of products, which nobody in particular does."""
    stock = {variant(product): Decimal(0) for product in hour.products}
    for step in hour.steps:
        if isinstance(payload := step.payload, e.StockChanged):
            assert payload.variant_id is not None
            stock[payload.variant_id] = payload.quantity
            result.calls["waymore", "ProductStockUpdate", payload.product_id, payload.quantity] += 1
            result.calls["joor", "stock", payload.variant_id, payload.quantity] = 1
    result.calls.update(("klaviyo", "stock", each, left) for each, left in stock.items())
    for product in hour.products:
        result.calls["klaviyo", "item", product.product_id, product.title, product.price] += 1
        result.calls["waymore", "products", product.product_id] += 1
        for kind in ("products", "prices"):
            result.calls["newstore", kind, variant(product)] += 1


def variant(product: Product) -> str:
    """Here every product has at most one."""
    return product.variants[0].variant_id if product.variants else product.product_id


def known_before(person: Person) -> None:
    """What WayMore is told at once, when the shop is connected."""
    said = person.result.calls
    said["waymore", "customers", person.account] += 1
    said["waymore", "subscribers", person.email] += 1
    said["waymore", "wishlist", person.account, ("P002",)] += 1
    for order in person.orders.values():
        said["waymore", "orders", person.account, order.order_id, "fulfilled"] += 1


def _by_person(steps: Iterable[Step]) -> Iterable[list[Step]]:
    """A guest who later says who they are is one person from the beginning. In the order of telling."""
    known: dict[str | None, str] = {
        s.ref.anonymous_id: s.ref.customer_id for s in steps if s.ref.anonymous_id and s.ref.customer_id
    }
    people: dict[str, list[Step]] = {}
    for step in steps:
        if who := step.ref.customer_id or known.get(step.ref.anonymous_id) or step.ref.anonymous_id:
            people.setdefault(who, []).append(step)
    return people.values()


@dataclass(slots=True)
class Person:
    """One customer as the model sees them: a basket, when it last changed, and what was ordered."""

    shelf: dict[str, Product]
    result: Expected
    guest: str | None = None
    account: str | None = None
    email: str | None = None
    basket: dict[str, Decimal] = field(default_factory=dict)
    changed: float | None = None
    stage: int = 0
    reminded: list[float] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    sent: dict[str, list[LineItem]] = field(default_factory=dict)
    now: float | None = None
    tags: tuple[str, ...] = ()
    long_ago: bool = False

    @property
    def who(self) -> str | None:
        return self.account or self.guest

    def tell(self, platform: str, *what: Any) -> None:
        if platform == "june" and not self.account:
            return  # JUNE knows nobody without an id
        if self.long_ago and platform in ("waymore", "newstore"):
            return  # the one is told of the past at once, the other has no use for it
        self.result.calls[(platform, *what)] += 1
        if self.now is not None and not self.long_ago:
            self.result.told_at[(platform, *what)] = self.now

    def lines(self) -> Lines:
        return tuple(sorted((pid, n, self.shelf[pid].price or Decimal(0)) for pid, n in self.basket.items()))

    # -- what they do

    def does(self, step: Step) -> None:
        late = isinstance(step.payload, e.OrderPlaced) and step.told > step.at
        self.now = None
        self.silence_until(step.told if late else step.at)
        self.now = step.told
        self.guest = self.guest or step.ref.anonymous_id
        if step.ref.customer_id and not self.account:
            self.account, self.email = step.ref.customer_id, step.ref.email
            if isinstance(step.payload, e.CustomerRegistered):
                self.tags = step.payload.profile.tags
            self.is_known(new=True)
            if self.basket:  # what the guest had put in is theirs now, and logging in was a sign of life
                self.cart_changes(step.at)
        self.follows(step)

    def is_known(self, *, new: bool = False) -> None:
        self.tell("klaviyo", "profile", self.account)
        self.tell("june", "customer", self.account)
        self.tell("waymore", "CustomerAdd" if new else "CustomerUpdate", self.account)
        self.result.calls["newstore", "profile", self.email] = 1  # one for each, however often it is told
        if "WHOLESALE" in self.tags:
            self.result.calls["joor", "connection", self.account] = 1

    def follows(self, step: Step) -> None:
        who = self.who
        match step.payload:
            case e.CustomerUpdated():
                self.is_known()
            case e.SessionActive():
                self.tell("klaviyo", "Active on Site", who)
            case e.ProductViewed(item=item):
                self.tell("klaviyo", "Viewed Product", who, item.product_id)
            case e.CartItemAdded(item=item):
                self.basket[item.product_id] = self.basket.get(item.product_id, Decimal(0)) + item.quantity
                self.cart_changes(step.at)
                self.tell("klaviyo", "Added to Cart", who, item.product_id, self.lines())
            case e.CartItemRemoved(item=item):
                del self.basket[item.product_id]
                self.cart_changes(step.at)
            case e.CartReplaced():
                self.basket.clear()
                self.cart_changes(step.at)
            case e.CheckoutStarted():
                self.tell("klaviyo", "Started Checkout", who, self.lines())
            case e.OrderPlaced(order=order):
                self.orders_this(order, step)
            case e.OrderPaid(order_id=order_id):
                self.tell("june", "order", who, order_id, self.orders[order_id].total)
                self.tell("waymore", "OrderPaymentConfirmed", self.account or 0, order_id)
            case _:
                self.wants(step.payload)
                self.after_the_order(step.payload)

    def wants(self, payload: object) -> None:
        who = self.who
        match payload:
            case e.Searched(query=query):
                self.tell("klaviyo", "Searched Site", who, query)
                self.tell("waymore", "Search", self.account or "", query)
            case e.WishlistAdded(item=item):
                self.tell("klaviyo", "Added to Wishlist", who, item.product_id)
                self.tell("waymore", "WishlistAdd", who, item.product_id)
            case e.WishlistRemoved(item=item):
                self.tell("klaviyo", "Removed from Wishlist", who, item.product_id)
                self.tell("waymore", "WishlistDelete", who, item.product_id)
            case e.NewsletterSubscribed():
                self.tell("klaviyo", "subscribe", self.email)
                self.tell("waymore", "Newsletter", self.account or 0, self.email, True)
            case e.NewsletterUnsubscribed():
                self.tell("klaviyo", "unsubscribe", self.email)
                self.tell("waymore", "Newsletter", self.account or 0, self.email, False)

    def cart_changes(self, at: float) -> None:
        self.changed, self.stage = at, 0
        self.tell("june", "cart", self.who, self.lines())
        self.tell("waymore", "CartUpdate", self.account or 0, many(self.lines()))

    def orders_this(self, order: Order, step: Step) -> None:
        self.orders[order.order_id] = order
        self.tell("klaviyo", "Placed Order", self.who, order.order_id, order.total, ordered(order.lines))
        for line in order.lines:
            value = line.quantity * (line.unit_price or 0)
            self.tell("klaviyo", "Ordered Product", self.who, order.order_id, line.product_id, value)
        self.tell("june", "order", self.who, order.order_id, order.total)
        bought = many(ordered(order.lines))
        self.tell("waymore", "OrderAdd", self.account or 0, order.order_id, order.total, bought)
        self.tell("newstore", "order", order.order_id, sum((n for _, n in bought), Decimal(0)))
        self.result.reminders["proved wrong"] += sum(due > step.at for due in self.reminded)
        self.basket, self.changed, self.stage = {}, None, 0

    def after_the_order(self, payload: object) -> None:
        who = self.who
        match payload:
            case e.OrderFulfilled(order_id=order_id, lines=lines):
                sent = ordered(lines or self.orders[order_id].lines)
                self.tell("klaviyo", "Fulfilled Order", who, order_id, sent)
                self.sent.setdefault(order_id, []).extend(lines or self.orders[order_id].lines)
                self.tell("june", "fulfillment", who, order_id, ordered(self.sent[order_id]))  # one record per order
                whole = ordered(self.sent[order_id]) == ordered(self.orders[order_id].lines)
                self.status(order_id, "fulfilled" if whole else "partially fulfilled")
            case e.OrderCancelled(order_id=order_id, reason=reason):
                self.tell("klaviyo", "Cancelled Order", who, order_id, reason)
                self.status(order_id, "cancelled")
                self.tell("newstore", "cancelled", order_id)
            case e.OrderRefunded(order_id=order_id, amount=amount, reason=reason):
                self.tell("klaviyo", "Refunded Order", who, order_id, amount, reason)
                whole = amount is None or amount == self.orders[order_id].total
                self.status(order_id, "refunded" if whole else "partially refunded")

    def status(self, order_id: str, status: str) -> None:
        self.tell("waymore", "OrderStatusUpdate", self.account or 0, order_id, status)

    # -- what they do not do

    def silence_until(self, until: float) -> None:
        """Nothing happened up to `until`: carts become abandoned, and somebody with an address is reminded."""
        while self.changed is not None and self.basket and self.stage < len(STAGES):
            due = self.changed + STAGES[self.stage]
            if due >= until:
                return
            self.stage += 1
            outcome = self.becomes_of(due, until)
            self.result.reminders[outcome] += 1
            if outcome == "sent":
                self.reminded.append(due)
                self.tell("klaviyo", "Abandoned Cart", self.who, self.stage, self.lines())

    def becomes_of(self, due: float, next_step: float) -> str:
        if not self.account:
            return "unaddressable"
        down, up = OUTAGE
        if down <= due < up and next_step < up:
            return "withheld"
        return "sent"


def ordered(lines: Iterable[LineItem]) -> Lines:
    return tuple(sorted((line.product_id, line.quantity, line.unit_price or Decimal(0)) for line in lines))


def many(lines: Lines) -> tuple[tuple[str, Decimal], ...]:
    """Where no price is told."""
    return tuple((product_id, quantity) for product_id, quantity, _ in lines)


def difference(should: Counter[Told], did: Counter[Told]) -> Iterator[tuple[str, Told, int]]:
    """Every difference, as ("missing" or "too many", the call, how often)."""
    for told in sorted({*should, *did}, key=repr):
        if gap := should[told] - did[told]:
            yield ("missing" if gap > 0 else "too many", told, abs(gap))
