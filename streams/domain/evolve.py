"""Remember: one event changes what is known about a customer. Nothing is said here.

Every function changes the copy it is given and returns a reason word when something was out of the ordinary, "" if not.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from schemas import events
from schemas.events import CartTransferred, ShopEvent, TransferredCart
from schemas.values import LineItem, Profile
from streams.domain import abandonment, order
from streams.domain.cart import (
    NO_CURRENCY,
    arrived_lines,
    find,
    floor_of,
    is_open,
    same_quantities,
    united,
    with_item,
    with_purchase,
    with_snapshot,
)
from streams.domain.customer import CartState, Change, Customer, EarlyFact, OrderState
from streams.domain.identity import key_of, recognised
from streams.domain.policy import Policy

UNNAMED = "default"  # the cart of shops that do not name their carts
MAX_ALIASES = 8
MAX_ORIGINS = 16

Evolve = Callable[[Customer, ShopEvent, datetime, Policy], str]


def evolve(after: Customer, fact: ShopEvent | CartTransferred, at: datetime, policy: Policy) -> str:
    if isinstance(fact, CartTransferred):
        return _transferred(after, fact, at, policy)
    _recognise(after, fact, at)
    change = EVOLVE.get(type(fact.payload))
    return change(after, fact, at, policy) if change else ""


# -- person


def _recognise(after: Customer, fact: ShopEvent, at: datetime) -> None:
    told = fact.customer
    if told == after.ref:
        return
    # An event forwarded from a weaker log, or one that comes late, adds names but does not replace any.
    newest = after.seen_at is None or at >= after.seen_at
    after.ref = recognised(after.ref, told, newest and key_of(fact.shop, told) == after.key)


def _described(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
    payload = fact.payload
    assert isinstance(payload, events.CustomerRegistered | events.CustomerUpdated)
    newest = after.profile_at is None or at >= after.profile_at
    after.profile = _merged(after.profile, payload.profile, newest, policy)
    if newest:
        after.profile_at = at
    return "" if newest else "late_profile"


def _merged(known: Profile, told: Profile, overrides: bool, policy: Policy) -> Profile:
    if told == known:
        return known
    first, second = (told, known) if overrides else (known, told)
    properties = second.properties | first.properties
    if len(properties) > policy.max_properties:
        properties = dict(list(properties.items())[-policy.max_properties :])
    return Profile(
        first_name=first.first_name if first.first_name is not None else second.first_name,
        last_name=first.last_name if first.last_name is not None else second.last_name,
        locale=first.locale if first.locale is not None else second.locale,
        store_id=first.store_id if first.store_id is not None else second.store_id,
        guest=first.guest if first.guest is not None else second.guest,
        address=first.address if first.address is not None else second.address,
        tags=first.tags or second.tags,
        properties=properties,
    )


def _linked(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
    payload = fact.payload
    assert isinstance(payload, events.IdentityLinked)
    after.ref = recognised(after.ref, payload.other, overrides=False)
    return ""


def _viewed(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
    payload = fact.payload
    assert isinstance(payload, events.ProductViewed)
    _remember_view(after, payload.item, policy)
    return ""


def _remember_view(after: Customer, item: LineItem, policy: Policy) -> None:
    view = LineItem(product_id=item.product_id, variant_id=item.variant_id)
    if view not in after.views[-1:]:
        after.views = (*(known for known in after.views if known != view), view)[-policy.max_views :]


# -- cart


def cart_id_of(after: Customer, fact: ShopEvent) -> str:
    """The cart an event means: the one it names, else that of its cart token, else the shop's unnamed one."""
    named = getattr(fact.payload, "cart_id", None) or fact.customer.cart_token or UNNAMED
    return find(after.carts, named)


def _item_added(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
    payload = fact.payload
    assert isinstance(payload, events.CartItemAdded)
    change = Change(at, payload.item.quantity)
    return _item_changed(after, fact, payload.item, change, policy, payload.currency, payload.checkout_url)


def _item_removed(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
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
    _keep(after, cart_id, abandonment.touched(before, cart, change.at, after.seen_at, policy, live), policy)
    return "late_item" if late or bought else ""


def _replaced(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
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
    _keep(after, cart_id, cart, policy)
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
            cart = united(cart, other.lines, policy)
            cart = replace(cart, aliases=(*cart.aliases, other_id, *other.aliases)[-MAX_ALIASES:])
            after.carts = {kept: known for kept, known in after.carts.items() if kept != other_id}
    return cart


def _keep(after: Customer, cart_id: str, cart: CartState, policy: Policy) -> None:
    carts = {**after.carts, cart_id: cart}
    if len(carts) > policy.max_carts:
        others = [kept for kept in carts if kept != cart_id]
        del carts[min(others, key=lambda kept: (is_open(carts[kept]), carts[kept].changed_at, kept))]
    after.carts = carts


# -- a guest's cart comes over


def _transferred(after: Customer, fact: CartTransferred, at: datetime, policy: Policy) -> str:
    after.ref = recognised(after.ref, fact.ref, overrides=False)
    after.profile = _merged(after.profile, fact.profile, False, policy)
    came = [key for key in (*fact.origins, fact.from_key) if key not in after.origins]
    after.origins = (*after.origins, *came)[-MAX_ORIGINS:]
    views, after.views = after.views, ()
    for item in (*fact.views, *views):
        _remember_view(after, item, policy)
    for moved in fact.carts:
        _arrived(after, moved, at, policy, fact.priority == "live")
    return ""


def _arrived(after: Customer, moved: TransferredCart, at: datetime, policy: Policy, live: bool) -> None:
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
    cart = united(before, arrived_lines(moved), policy)
    if before.version == 0:
        cart = _with_terms(cart, moved.currency, moved.checkout_url)
    if moved.cart_id != cart_id and moved.cart_id not in cart.aliases:
        cart = replace(cart, aliases=(*cart.aliases, moved.cart_id)[-MAX_ALIASES:])
    _keep(after, cart_id, abandonment.touched(before, cart, at, after.seen_at, policy, live), policy)


def _latest_open(carts: Mapping[str, CartState]) -> str | None:
    opened = [(cart.changed_at, cart_id) for cart_id, cart in carts.items() if is_open(cart)]
    return max(opened)[1] if opened else None


# -- order


def _ordered(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
    payload = fact.payload
    assert isinstance(payload, events.OrderPlaced)
    order_id = payload.order.order_id
    state = order.placed(after.orders.get(order_id), payload.order, payload.cart_id, at)
    if policy.is_purchase(state.status):
        state = _counted(after, state, policy)
    after.orders = order.with_order(after.orders, order_id, state, policy)
    return ""


def _approved(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
    """A wholesale order: known from now on, so that its fulfilments are told with it. It buys no cart."""
    payload = fact.payload
    assert isinstance(payload, events.WholesaleOrderApproved)
    order_id = payload.order.order_id
    state = order.placed(after.orders.get(order_id), payload.order, None, at)
    after.orders = order.with_order(after.orders, order_id, replace(state, bought=True), policy)
    return ""


def _order_fact(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
    payload = fact.payload
    assert isinstance(payload, order.OrderFact)
    known = after.orders.get(payload.order_id)
    if known is None:
        after.early = (*after.early, EarlyFact(payload.order_id, at, at + policy.order_wait, fact))
        return "early_fact"
    state = order.with_fact(known, payload, at)
    repeated = state is known and not isinstance(payload, events.OrderStatusChanged)
    pays = isinstance(payload, events.OrderPaid) or (
        isinstance(payload, events.OrderStatusChanged) and policy.is_purchase(state.status)
    )
    if pays and not repeated:
        state = _counted(after, state, policy)
    after.orders = {**after.orders, payload.order_id: state}
    return "repeated" if repeated else ""


def _counted(after: Customer, state: OrderState, policy: Policy) -> OrderState:
    """The order counts as a purchase: it ends the carts as they were when it was placed."""
    if state.bought:
        return state
    if state.cart_id is None:
        after.bought_at = state.at if after.bought_at is None else max(after.bought_at, state.at)
        ended = set(after.carts)
    else:
        # A name that no event has used may be the shop's unnamed cart.
        named = find(after.carts, state.cart_id)
        ended = {named} if named in after.carts else {named, UNNAMED}
    carts = dict(after.carts)
    for cart_id in sorted(ended):
        carts[cart_id] = _bought(carts.get(cart_id), state.at)
    after.carts = carts
    return replace(state, bought=True)


def _bought(before: CartState | None, at: datetime) -> CartState:
    if before is None:
        return CartState(version=0, currency=NO_CURRENCY, changed_at=at, closed_at=at)
    cart = with_purchase(before, at)
    if not same_quantities(before, cart):
        cart = replace(cart, version=before.version + 1)
    return cart if is_open(cart) else abandonment.disarmed(cart)


EVOLVE: dict[type, Evolve] = {
    events.CustomerRegistered: _described,
    events.CustomerUpdated: _described,
    events.IdentityLinked: _linked,
    events.ProductViewed: _viewed,
    events.CartItemAdded: _item_added,
    events.CartItemRemoved: _item_removed,
    events.CartReplaced: _replaced,
    events.CheckoutStarted: _replaced,
    events.OrderPlaced: _ordered,
    events.OrderPaid: _order_fact,
    events.OrderStatusChanged: _order_fact,
    events.OrderFulfilled: _order_fact,
    events.OrderCancelled: _order_fact,
    events.OrderRefunded: _order_fact,
    events.WholesaleOrderApproved: _approved,
}
