"""Short words for domain tests: what a shop tells, and a world that has a log for every customer and no clock."""

from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from schemas import events, signals
from schemas.events import CustomerEvent, ShopEvent, ShopPayload
from schemas.signals import Signal, SignalPayload
from schemas.values import CustomerRef, LineItem, Order, Payment, Profile
from streams.domain.customer import Customer
from streams.domain.fold import Folded, deadline_event, fold, next_deadline
from streams.domain.identity import key_of, links_of
from streams.domain.policy import Policy

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FAR = 10_000 * DAY
ONE_STAGE = Policy(stages=(HOUR,), expires_after=3 * HOUR)
THREE_STAGES = Policy(stages=(HOUR, DAY, 3 * DAY), expires_after=3 * HOUR)

ADA = CustomerRef(customer_id="ada", email="Ada@example.com")
ADA_BY_MAIL = CustomerRef(email="ada@example.com")
BOB = CustomerRef(customer_id="bob")
COOKIE = CustomerRef(anonymous_id="cookie-1")
ADA_ON_COOKIE = CustomerRef(customer_id="ada", email="Ada@example.com", anonymous_id="cookie-1")

MUG = LineItem(product_id="mug", name="Blue mug", unit_price=Decimal("12.50"))
PLATE = LineItem(product_id="plate", name="Plate", unit_price=Decimal("8.00"))
PRODUCTS = {"mug": MUG, "plate": PLATE}


def clock(text: str) -> datetime:
    """`clock("12:40")`, on the day of all tests."""
    hours, minutes, *seconds = (int(part) for part in text.split(":"))
    return NOON.replace(hour=hours, minute=minutes, second=seconds[0] if seconds else 0)


def told(
    payload: ShopPayload,
    at: datetime | str = NOON,
    who: CustomerRef = ADA,
    event_id: str | None = None,
    priority: events.Priority = "live",
    source: str = "canonical",
) -> ShopEvent:
    """Without an `event_id` the same words at the same time are the same fact."""
    at = clock(at) if isinstance(at, str) else at
    derived = blake2b(repr((payload, at, who)).encode(), digest_size=6).hexdigest()
    return ShopEvent(
        event_id=event_id or derived,
        shop="shop",
        occurred_at=at,
        source=source,
        priority=priority,
        customer=who,
        payload=payload,
    )


def line(product: str = "mug", quantity: int | str = 1) -> LineItem:
    item = PRODUCTS.get(product) or LineItem(product_id=product, unit_price=Decimal(1))
    return LineItem(
        product_id=item.product_id, name=item.name, unit_price=item.unit_price, quantity=Decimal(str(quantity))
    )


def added(
    product: str = "mug", at: datetime | str = NOON, quantity: int = 1, cart: str | None = None, **more: Any
) -> ShopEvent:
    return told(events.CartItemAdded(cart_id=cart, item=line(product, quantity), currency="EUR"), at, **more)


def removed(
    product: str = "mug", at: datetime | str = NOON, quantity: int | None = 1, cart: str | None = None, **more: Any
) -> ShopEvent:
    less = None if quantity is None else Decimal(quantity)
    return told(events.CartItemRemoved(cart_id=cart, item=line(product), quantity=less), at, **more)


def pictured(*lines: LineItem, at: datetime | str = NOON, cart: str | None = None, **more: Any) -> ShopEvent:
    return told(events.CartReplaced(cart_id=cart, lines=lines, currency="EUR"), at, **more)


def viewed(product: str = "mug", at: datetime | str = NOON, **more: Any) -> ShopEvent:
    return told(events.ProductViewed(item=line(product)), at, **more)


def ordered(
    at: datetime | str = NOON,
    order: str = "order-1",
    cart: str | None = None,
    status: str | None = None,
    lines: tuple[LineItem, ...] = (),
    total: str = "25.00",
    **more: Any,
) -> ShopEvent:
    placed = Order(order_id=order, currency="EUR", total=Decimal(total), status=status, lines=lines or (line(),))
    return told(events.OrderPlaced(order=placed, cart_id=cart), at, **more)


def status_changed(status: str, at: datetime | str = NOON, order: str = "order-1", **more: Any) -> ShopEvent:
    return told(events.OrderStatusChanged(order_id=order, status=status), at, **more)


def paid(at: datetime | str = NOON, order: str = "order-1", payment: str | None = None, **more: Any) -> ShopEvent:
    amount = Payment(payment_id=payment, amount=Decimal("25.00"))
    return told(events.OrderPaid(order_id=order, currency="EUR", payment=amount), at, **more)


def fulfilled(
    *lines: LineItem, at: datetime | str = NOON, order: str = "order-1", name: str | None = None, **more: Any
) -> ShopEvent:
    return told(events.OrderFulfilled(order_id=order, fulfillment_id=name, lines=lines), at, **more)


def refunded(
    *lines: LineItem,
    at: datetime | str = NOON,
    amount: str | None = None,
    order: str = "order-1",
    name: str | None = None,
    **more: Any,
) -> ShopEvent:
    back = None if amount is None else Decimal(amount)
    return told(events.OrderRefunded(order_id=order, refund_id=name, amount=back, lines=lines), at, **more)


def cancelled(at: datetime | str = NOON, order: str = "order-1", **more: Any) -> ShopEvent:
    return told(events.OrderCancelled(order_id=order), at, **more)


def logged_in(at: datetime | str = NOON, who: CustomerRef = ADA_ON_COOKIE, **more: Any) -> ShopEvent:
    return told(events.SessionActive(), at, who=who, **more)


def linked(who: CustomerRef, other: CustomerRef, at: datetime | str = NOON, **more: Any) -> ShopEvent:
    return told(events.IdentityLinked(other=other), at, who=who, **more)


def updated(at: datetime | str = NOON, who: CustomerRef = ADA, **profile: Any) -> ShopEvent:
    return told(events.CustomerUpdated(profile=Profile(**profile)), at, who=who)


class World:
    """Every customer's log, folded as it grows. `deliver` is where a test may reorder what logs write to each other."""

    def __init__(
        self, policy: Policy = ONE_STAGE, through: Callable[[Customer], Customer] = lambda state: state
    ) -> None:
        self.policy = policy
        self.states: dict[str, Customer] = {}
        self.logs: dict[str, list[CustomerEvent]] = {}
        self.said: list[Signal] = []
        self.notes: list[str] = []
        self._through = through

    def tell(self, *shop_events: ShopEvent) -> list[Signal]:
        return [signal for event in shop_events for signal in self._ingest(event)]

    def _ingest(self, event: ShopEvent) -> list[Signal]:
        at = event.occurred_at
        return self.append(
            CustomerEvent(key=key_of(event.shop, event.customer), at=at, fact=event), *links_of(event, at)
        )

    def append(self, *entries: CustomerEvent) -> list[Signal]:
        """Files the entries and everything that logs answer to each other, oldest first."""
        waiting, said = deque(entries), []
        for _ in range(1_000):
            if not waiting:
                return said
            folded = self.fold(waiting.popleft())
            said.extend(folded.signals)
            waiting.extend(folded.appends)
        raise AssertionError("the logs never stop answering each other")

    def fold(self, entry: CustomerEvent) -> Folded:
        log = self.logs.setdefault(entry.key, [])
        log.append(entry)
        folded = fold(self.states.get(entry.key), entry, self.policy, len(log))
        if folded.state is None:
            self.states.pop(entry.key, None)
        else:
            self.states[entry.key] = self._through(folded.state)
        self.said.extend(folded.signals)
        self.notes.extend(folded.notes)
        return folded

    def pass_time(self, until: datetime | str) -> list[Signal]:
        """Fires every deadline up to and including `until`, each as an entry of its log."""
        until = clock(until) if isinstance(until, str) else until
        said: list[Signal] = []
        while True:
            due = [(at, key) for key, state in self.states.items() if (at := next_deadline(state)) and at <= until]
            if not due:
                return said
            said.extend(self.append(deadline_event(self.states[min(due)[1]])))

    def cart(self, cart_id: str = "default", who: CustomerRef = ADA) -> dict[str, Decimal]:
        state = self.states.get(key_of("shop", who))
        if state is None or cart_id not in state.carts:
            return {}
        return {key: kept.item.quantity for key, kept in state.carts[cart_id].lines.items() if kept.item.quantity > 0}


def given(*shop_events: ShopEvent, policy: Policy = ONE_STAGE) -> Callable[..., list[SignalPayload]]:
    """`when = given(...)`; `when(event)` and `when(until="13:00")` answer what is said then."""
    world = World(policy)
    world.tell(*shop_events)

    def when(*more: ShopEvent, until: datetime | str | None = None) -> list[SignalPayload]:
        said = world.tell(*more)
        if until is not None:
            said += world.pass_time(until)
        return [signal.payload for signal in said]

    return when


def abandoned(said: Iterable[Signal | SignalPayload]) -> list[signals.CartAbandoned]:
    payloads = [s.payload if isinstance(s, Signal) else s for s in said]
    return [payload for payload in payloads if isinstance(payload, signals.CartAbandoned)]


def kinds(said: Iterable[Signal | SignalPayload]) -> list[str]:
    return [type(s.payload if isinstance(s, Signal) else s).__name__ for s in said]


def only(said: Iterable[Any], kind: type[Any]) -> Any:
    """The one thing of this kind that was said."""
    payloads = [s.payload if isinstance(s, Signal) else s for s in said]
    (found,) = [payload for payload in payloads if isinstance(payload, kind)]
    return found
