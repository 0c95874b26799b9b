"""Remember what happens to carts: items, snapshots, checkouts, and a guest's cart that comes over.

Every function changes the copy it is given and returns a reason word when something was out of the ordinary, "" if not.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from schemas import events
from schemas.events import ShopEvent, TransferredCart
from schemas.values import LineItem
from streams.domain import abandonment
from streams.domain.cart import (
    NO_CURRENCY,
    arrived_lines,
    find,
    floor_of,
    is_open,
    same_quantities,
    united,
    with_item,
    with_snapshot,
)
from streams.domain.customer import CartState, Change, Customer
from streams.domain.policy import Policy

UNNAMED = "default"  # the cart of shops that do not name their carts
MAX_ALIASES = 8


def cart_id_of(after: Customer, fact: ShopEvent) -> str:
    """The cart an event means: the one it names, else that of its cart token, else the shop's unnamed one."""
    named = getattr(fact.payload, "cart_id", None) or fact.customer.cart_token or UNNAMED
    return find(after.carts, named)


def item_added(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
    payload = fact.payload
    assert isinstance(payload, events.CartItemAdded)
    change = Change(at, payload.item.quantity)
    return _item_changed(after, fact, payload.item, change, policy, payload.currency, payload.checkout_url)


def item_removed(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
    payload = fact.payload
    assert isinstance(payload, events.CartItemRemoved)
    by: Decimal | None = None if payload.quantity is None else -payload.quantity
    return _item_changed(after, fact, payload.item, Change(at, by), policy, None, None)


def _item_changed(
    after: Customer,
    fact: ShopEvent,
    item: LineItem,
    change: Change,
    policy: Policy,
    currency: str | None,
    checkout_url: str | None,
) -> str:
    cart_id = cart_id_of(after, fact)
    before = _cart(after, cart_id, change.at, currency, policy)
    if before.snapshot_at is not None and change.at < before.snapshot_at:
        return "late_item"  # the snapshot shows it already
    late = before.version > 0 and change.at < before.changed_at
    bought = before.closed_at is not None and change.at < before.closed_at
    cart = before if bought else with_item(before, item, change, policy)
    if not late and (currency or checkout_url):
        cart = _with_terms(cart, currency, checkout_url)
    live = fact.priority == "live"
    keep_cart(after, cart_id, abandonment.touched(before, cart, change.at, after.seen_at, policy, live), policy)
    return "late_item" if late or bought else ""


def cart_replaced(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
    payload = fact.payload
    assert isinstance(payload, events.CartReplaced | events.CheckoutStarted)
    if isinstance(payload, events.CheckoutStarted) and not payload.lines:
        return _checkout(after, fact, payload, at, policy)
    cart_id = cart_id_of(after, fact)
    before = _cart(after, cart_id, at, payload.currency, policy)
    floor = floor_of(before)
    if floor is not None and at < floor:
        return "late_snapshot"
    cart = with_snapshot(before, payload.lines[: policy.max_lines], at)
    if at >= before.changed_at:
        cart = _with_terms(cart, payload.currency, payload.checkout_url)
    if not same_quantities(before, cart):
        cart = abandonment.touched(before, cart, at, after.seen_at, policy, fact.priority == "live")
    keep_cart(after, cart_id, cart, policy)
    return ""


def _checkout(after: Customer, fact: ShopEvent, payload: events.CheckoutStarted, at: datetime, policy: Policy) -> str:
    cart_id = cart_id_of(after, fact)
    known = after.carts.get(cart_id)
    if known is not None and at >= known.changed_at:
        after.carts = {**after.carts, cart_id: _with_terms(known, payload.currency, payload.checkout_url)}
    return ""


def _with_terms(cart: CartState, currency: str | None, checkout_url: str | None) -> CartState:
    currency, checkout_url = currency or cart.currency, checkout_url or cart.checkout_url
    if currency == cart.currency and checkout_url == cart.checkout_url:
        return cart
    return replace(cart, currency=currency, checkout_url=checkout_url)


def _cart(after: Customer, cart_id: str, at: datetime, currency: str | None, policy: Policy) -> CartState:
    """The cart as known, or a new one; with it goes what a guest had put in before the customer was recognised."""
    cart = after.carts.get(cart_id)
    if cart is None:
        cart = CartState(version=0, currency=currency or NO_CURRENCY, changed_at=at, closed_at=after.bought_at)
    if cart.transferred:
        cart = replace(cart, transferred=False)
    for other_id, other in after.carts.items():
        if other.transferred and other_id != cart_id:
            cart = united(cart, other.lines, other.changed_at, policy)
            cart = replace(cart, aliases=(*cart.aliases, other_id, *other.aliases)[-MAX_ALIASES:])
            after.carts = {kept: known for kept, known in after.carts.items() if kept != other_id}
    return cart


def keep_cart(after: Customer, cart_id: str, cart: CartState, policy: Policy) -> None:
    carts = {**after.carts, cart_id: cart}
    if len(carts) > policy.max_carts:
        others = [kept for kept in carts if kept != cart_id]
        del carts[min(others, key=lambda kept: (is_open(carts[kept]), carts[kept].changed_at, kept))]
    after.carts = carts


# -- a guest's cart comes over


def cart_arrived(after: Customer, moved: TransferredCart, at: datetime, policy: Policy, live: bool) -> None:
    named = find(after.carts, moved.cart_id)
    cart_id = named if named in after.carts else _latest_open(after.carts) or moved.cart_id
    before = after.carts.get(cart_id)
    if before is None:
        before = CartState(
            version=0, currency=moved.currency, changed_at=at, closed_at=after.bought_at, transferred=True
        )
    ended = [before.closed_at, after.bought_at, before.snapshot_at if cart_id == named else None]
    if any(end is not None and end >= moved.last_change for end in ended):
        return
    cart = united(before, arrived_lines(moved), moved.last_change, policy)
    if before.version == 0:
        cart = _with_terms(cart, moved.currency, moved.checkout_url)
    if moved.cart_id != cart_id and moved.cart_id not in cart.aliases:
        cart = replace(cart, aliases=(*cart.aliases, moved.cart_id)[-MAX_ALIASES:])
    keep_cart(after, cart_id, abandonment.touched(before, cart, at, after.seen_at, policy, live), policy)


def _latest_open(carts: Mapping[str, CartState]) -> str | None:
    opened = [(cart.changed_at, cart_id) for cart_id, cart in carts.items() if is_open(cart)]
    return max(opened)[1] if opened else None
