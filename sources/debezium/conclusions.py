"""Events made of what is known: of a whole order or cart, and of a fact. Each says only what was not said before.

Ids are those of `sources.facts`, so a webhook that tells the same fact tells it under the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec
from msgspec.structs import replace

from schemas.events import (
    CartReplaced,
    CustomerErased,
    CustomerRegistered,
    CustomerUpdated,
    OrderCancelled,
    OrderFulfilled,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderStatusChanged,
    Priority,
    ProductDeleted,
    ProductUpserted,
    ShopEvent,
    ShopPayload,
    StockChanged,
)
from schemas.values import CustomerRef, LineItem, Order, Payment
from sources import facts
from sources.debezium.pieces import CartRow, Fact, OrderRow, Piece
from sources.debezium.state import SOURCE, Rules, State
from sources.facts import Version, print_of, stamp

WHOLE = "all"
NO_CURRENCY = "XXX"
Named = Callable[[Version], str]
Said = tuple[State, tuple[ShopEvent, ...]]


def of_whole(state: State, rules: Rules) -> Said:
    """Of an order or cart of which everything is there."""
    match state.head:
        case OrderRow() as head if not state.gone and not head.draft:
            return _order(state, head, rules)
        case CartRow() as head:
            return _cart(state, head, rules)
    return state, ()  # an order that is deleted or in the bin was cancelled before, or never was one


def _event(
    rules: Rules, event_id: str, at: datetime, payload: ShopPayload, who: CustomerRef, *, live: bool
) -> ShopEvent:
    return ShopEvent(
        event_id=event_id,
        shop=rules.shop,
        occurred_at=at,
        source=SOURCE,
        priority="live" if live else "backfill",
        customer=who,
        payload=payload,
    )


def _print(*parts: object) -> str:
    return print_of(*(msgspec.json.encode(part, order="deterministic").decode() for part in parts))


def _sorted(lines: dict[str, LineItem]) -> tuple[LineItem, ...]:
    """As their numbers count up."""
    return tuple(lines[line_id] for line_id in sorted(lines, key=lambda each: (len(each), each)))


# -- orders


def _order(state: State, head: OrderRow, rules: Rules) -> Said:
    order = replace(head.order, lines=_sorted(state.lines))
    if state.placed and not order.lines:  # an order loses its lines when somebody tidies up, not by a sale
        return state, ()
    order_id, placed_at = order.order_id, order.placed_at
    assert placed_at is not None
    changed_at = max(head.updated_at or state.seen[f"orders:{order_id}"].at, placed_at)
    payload, content, events = OrderPlaced(order=order, cart_id=head.cart_id), _print(order), []
    is_news = state.said.get("order") != content if state.placed else not head.is_new and changed_at > placed_at
    if is_news or not state.placed:
        # in front of each picture, or whoever has forgotten the order would take it for another purchase
        placed = facts.order_placed(order_id)
        events.append(_event(rules, placed, placed_at, payload, head.who, live=state.live))
    if not state.placed and (head.who.customer_id or head.who.email):
        priority: Priority = "live" if state.live else "backfill"
        events.append(facts.order_link(order_id, rules.shop, placed_at, head.who, source=SOURCE, priority=priority))
    if is_news:
        named: Named = lambda version: facts.order(order_id, version)  # noqa: E731
        event_id, at = _version(state, "order", named, changed_at, content, again=changed_at == placed_at)
        state = replace(state, ids={**state.ids, "order": event_id})
        events.append(_event(rules, event_id, at, payload, head.who, live=state.live))
    is_first = not state.placed and not is_news
    once = list(state.once)
    for event in _once(order, head, changed_at, rules, live=state.live):
        if event.event_id not in once:
            once.append(event.event_id)
            events += [] if is_first and isinstance(event.payload, OrderStatusChanged) else [event]
    said = {**state.said, "order": content}
    return replace(state, said=said, once=tuple(once), placed=True), tuple(events)


def _once(order: Order, head: OrderRow, at: datetime, rules: Rules, *, live: bool) -> Iterator[ShopEvent]:
    """What happens to an order once, as far as its row shows it."""
    order_id = order.order_id

    def event(event_id: str, when: datetime, payload: ShopPayload) -> ShopEvent:
        return _event(rules, event_id, when, payload, head.who, live=live)

    if order.status:
        changed = OrderStatusChanged(order_id=order_id, status=order.status)
        yield event(facts.order_status(order_id, order.status), at, changed)
    if (head.paid or head.paid_at) and order.total > 0:
        paid_at = head.paid_at or at
        payment = Payment(payment_id=WHOLE, method=head.payment_method, amount=order.total, paid_at=paid_at)
        paid = OrderPaid(order_id=order_id, currency=order.currency, payment=payment)
        yield event(facts.order_paid(order_id, WHOLE), paid_at, paid)
    if head.fulfilled:
        sent = OrderFulfilled(order_id=order_id, fulfillment_id=WHOLE)
        yield event(facts.order_fulfilled(order_id, WHOLE), at, sent)
    if head.cancelled:
        yield event(facts.order_cancelled(order_id), at, OrderCancelled(order_id=order_id))


def _version(
    state: State, name: str, named: Named, at: datetime, content: str, *, again: bool = False
) -> tuple[str, datetime]:
    """Another picture under the time of the one before has its print beside the time: two changes in one second."""
    event_id = named(at)
    if again or event_id == state.ids.get(name):
        at = max(at, state.newest)
        event_id = named(f"{stamp(at)}.{content}")
    return event_id, at


# -- carts


def _cart(state: State, head: CartRow, rules: Rules) -> Said:
    """One that is no longer active became an order, which says so itself; one that is gone is empty."""
    lines = () if state.gone else _sorted(state.lines)
    if (not head.active and not state.gone) or (not lines and "cart" not in state.said):
        return state, ()
    cart_id = state.owner.partition(":")[2]
    replaced = CartReplaced(cart_id=cart_id, lines=lines, currency=head.currency or NO_CURRENCY, checkout_url=head.url)
    content = _print(replaced)
    if state.said.get("cart") == content:
        return state, ()
    at = state.newest if state.gone or head.updated_at is None else head.updated_at
    event_id, at = _version(state, "cart", lambda version: facts.cart(cart_id, version), at, content)
    state = replace(state, said={**state.said, "cart": content}, ids={**state.ids, "cart": event_id})
    return state, (_event(rules, event_id, at, replaced, head.who, live=state.live),)


# -- facts that are whole by themselves


def of_fact(state: State, fact: Fact, piece: Piece, rules: Rules) -> Said:
    """Nothing where the same was said before, whatever change it came with."""
    payload, live = fact.payload, not piece.snapshot
    name, at = fact.name, fact.updated_at or piece.at
    content = _print(getattr(payload, "profile", payload), fact.who)
    if isinstance(payload, CustomerErased | ProductDeleted):
        event = _event(rules, _named(state, fact, at), at, payload, fact.who, live=live)
        said = {known: value for known, value in state.said.items() if known != name}
        return replace(state, said=said, product=None), (event,)
    is_once = isinstance(payload, OrderRefunded | OrderFulfilled)
    if state.said.get(name) == content or (is_once and name in state.said):
        return state, ()
    version: Version = at if fact.updated_at else ".".join(map(str, piece.position))
    event_id = _named(state, fact, version)
    if event_id == state.ids.get(name) and not is_once:
        at = max(at, piece.at)
        event_id = _named(state, fact, f"{stamp(at)}.{content}")
    state = replace(state, said={**state.said, name: content}, ids={**state.ids, name: event_id})
    return state, (_event(rules, event_id, at, payload, fact.who, live=live),)


def _named(state: State, fact: Fact, version: Version) -> str:
    subject = state.owner.partition(":")[2]
    match fact.payload:
        case CustomerRegistered():
            return facts.customer_registered(subject)
        case CustomerUpdated():
            return facts.customer(subject, version)
        case CustomerErased():
            return facts.customer_erased(subject)
        case OrderRefunded(refund_id=refund_id):
            return facts.order_refunded(subject, refund_id or WHOLE)
        case OrderFulfilled(fulfillment_id=sent_id):
            return facts.order_fulfilled(subject, sent_id or WHOLE)
        case ProductUpserted():
            return facts.product(subject, version)
        case ProductDeleted():
            return facts.product_deleted(subject, version)
        case StockChanged(variant_id=variant, location=location):
            return facts.stock(subject, variant, location, version)
