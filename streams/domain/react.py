"""Speak: what an event that was just remembered tells the platforms. Nothing is remembered here.

Everything said follows from the state before, the state after and the event, so a repeat says the same bytes.
"""

from collections.abc import Callable
from datetime import datetime

from schemas import events, signals
from schemas.events import CartTransferred, ShopEvent
from schemas.values import CustomerRef, LineItem, Order
from streams.domain import abandonment, order
from streams.domain.cart import NO_CURRENCY, as_told, is_open, put_in
from streams.domain.customer import CartState, Customer, OrderState
from streams.domain.evolve_cart import cart_id_of

Spoken = tuple[signals.SignalPayload, ...]
React = Callable[[Customer, Customer, ShopEvent, datetime], Spoken]


def react(before: Customer, after: Customer, fact: ShopEvent | CartTransferred, at: datetime) -> Spoken:
    if isinstance(fact, CartTransferred):
        said = _changed_carts(before, after)
    else:
        answer = REACT.get(type(fact.payload))
        said = answer(before, after, fact, at) if answer else ()
    if before.ref is not after.ref and _knows_another_name(before.ref, after.ref) and not _speaks_of_person(said):
        return (signals.CustomerChanged(new=not has_address(before.ref)), *said)
    return said


# -- person


def has_address(ref: CustomerRef) -> bool:
    return bool(ref.email or ref.phone)


def _knows_another_name(before: CustomerRef, after: CustomerRef) -> bool:
    """A platform can be told of a person who has an address, and of nothing but account, e-mail and phone."""
    if not has_address(after):
        return False
    return (before.customer_id, before.email, before.phone) != (after.customer_id, after.email, after.phone)


def _speaks_of_person(said: Spoken) -> bool:
    return any(isinstance(payload, signals.CustomerChanged) for payload in said)


def _person(before: Customer, after: Customer, fact: ShopEvent, at: datetime) -> Spoken:
    """New to the platforms: who registers, and whom nobody named before."""
    registers = isinstance(fact.payload, events.CustomerRegistered)
    return (signals.CustomerChanged(new=registers or not (before.ref.customer_id or has_address(before.ref))),)


def _newsletter(before: Customer, after: Customer, fact: ShopEvent, at: datetime) -> Spoken:
    match fact.payload:
        case events.NewsletterSubscribed(list_id=list_id, channel=channel, consented_at=consented_at):
            return (signals.NewsletterSubscribed(list_id=list_id, channel=channel, consented_at=consented_at),)
        case events.NewsletterUnsubscribed(list_id=list_id, channel=channel):
            return (signals.NewsletterUnsubscribed(list_id=list_id, channel=channel),)
    return ()


# -- browsing


def _browsing(before: Customer, after: Customer, fact: ShopEvent, at: datetime) -> Spoken:
    match fact.payload:
        case events.SessionActive() as told:
            return (signals.SessionActive(url=told.url),)
        case events.ProductViewed() as told:
            return (signals.ProductViewed(item=told.item, currency=told.currency),)
        case events.Searched() as told:
            return (signals.Searched(query=told.query, results=told.results),)
        case events.WishlistAdded() as told:
            return (signals.WishlistAdded(item=told.item, currency=told.currency),)
        case events.WishlistRemoved() as told:
            return (signals.WishlistRemoved(item=told.item),)
        case events.BackInStockRequested() as told:
            return (
                signals.BackInStockRequested(
                    product_id=told.product_id, variant_id=told.variant_id, channel=told.channel
                ),
            )
    return ()


# -- cart


def _cart(before: Customer, after: Customer, fact: ShopEvent, at: datetime) -> Spoken:
    cart_id = cart_id_of(after, fact)
    old, new = before.carts.get(cart_id), after.carts.get(cart_id)
    if new is None or (old.version if old else 0) == new.version:
        return ()
    return (signals.CartChanged(cart=as_told(cart_id, new), added=_added(old, new, fact)),)


def _added(old: CartState | None, new: CartState, fact: ShopEvent) -> LineItem | None:
    match fact.payload:
        case events.CartItemAdded(item=item):
            return item
        case events.CartReplaced() | events.CheckoutStarted():
            return put_in(old, new)
    return None


def _checkout(before: Customer, after: Customer, fact: ShopEvent, at: datetime) -> Spoken:
    payload = fact.payload
    assert isinstance(payload, events.CheckoutStarted)
    cart_id = cart_id_of(after, fact)
    cart = after.carts.get(cart_id)
    if cart is None:
        cart = CartState(version=0, currency=payload.currency or NO_CURRENCY, changed_at=at)
    started = signals.CheckoutStarted(cart=as_told(cart_id, cart), checkout_id=payload.checkout_id)
    return (*_cart(before, after, fact, at), started)


def _changed_carts(before: Customer, after: Customer) -> Spoken:
    return tuple(
        signals.CartChanged(cart=as_told(cart_id, cart))
        for cart_id, cart in after.carts.items()
        if cart.version != (before.carts[cart_id].version if cart_id in before.carts else 0)
    )


# -- order


def _ordered(before: Customer, after: Customer, fact: ShopEvent, at: datetime) -> Spoken:
    payload = fact.payload
    assert isinstance(payload, events.OrderPlaced)
    old = before.orders.get(payload.order.order_id)
    if old is not None and old.body:  # the same order told again: at most it ends carts now
        return _changed_carts(before, after)
    closed = [
        cart_id for cart_id, cart in before.carts.items() if is_open(cart) and _ended(cart, after.carts.get(cart_id))
    ]
    wrong = [
        abandonment.fact_id(after, cart_id, told)[0]
        for cart_id, cart in before.carts.items()
        if _ended(cart, after.carts.get(cart_id), contents=False)
        for told in abandonment.disproved(cart, at)
    ]
    return (signals.OrderPlaced(order=payload.order, closed_carts=tuple(closed), proved_wrong=tuple(wrong)),)


def _ended(before: CartState, after: CartState | None, contents: bool = True) -> bool:
    if after is None or before.closed_at == after.closed_at:
        return False
    return not contents or before.version != after.version


def _order_fact(before: Customer, after: Customer, fact: ShopEvent, at: datetime) -> Spoken:
    payload = fact.payload
    assert isinstance(payload, order.OrderFact)
    new = after.orders.get(payload.order_id)
    if new is None:
        return ()  # held back until the order comes
    old, placed = before.orders.get(payload.order_id), order.body_of(new)
    if isinstance(payload, events.OrderStatusChanged):
        if (old is not None and old.status == payload.status) or new.status != payload.status:
            return _changed_carts(before, after)  # it was so already, or is older than what is known
    elif old is new:
        return ()
    return (_told(payload, old or new, new, placed), *_changed_carts(before, after))


def _told(payload: order.OrderFact, old: OrderState, new: OrderState, placed: Order | None) -> signals.SignalPayload:
    match payload:
        case events.OrderPaid():
            return signals.OrderPaid(
                order_id=payload.order_id, currency=payload.currency, payment=payload.payment, order=placed
            )
        case events.OrderStatusChanged():
            return signals.OrderStatusChanged(
                order_id=payload.order_id, status=payload.status, previous=payload.previous, order=placed
            )
        case events.OrderFulfilled():
            return signals.OrderFulfilled(
                order_id=payload.order_id,
                fulfillment_id=payload.fulfillment_id,
                ordinal=new.fulfilments,
                complete=new.complete,
                lines=payload.lines,
                tracking_code=payload.tracking_code,
                carrier=payload.carrier,
                order=placed,
            )
        case events.OrderCancelled():
            return signals.OrderCancelled(order_id=payload.order_id, reason=payload.reason, order=placed)
        case events.OrderRefunded():
            return signals.OrderRefunded(
                order_id=payload.order_id,
                refund_id=payload.refund_id,
                ordinal=new.refunds,
                complete=order.all_refunded(new, payload),
                currency=payload.currency or (placed.currency if placed else None),
                amount=order.refund_amount(old, payload),
                lines=payload.lines,
                reason=payload.reason,
                order=placed,
            )


# -- wholesale and site


def _site(before: Customer, after: Customer, fact: ShopEvent, at: datetime) -> Spoken:
    match fact.payload:
        case events.WholesaleOrderApproved() as told:
            return (
                signals.WholesaleOrderApproved(
                    order=told.order, account_code=told.account_code, account_name=told.account_name
                ),
            )
        case events.StoreConnected() as told:
            return (signals.StoreConnected(system=told.system, url=told.url),)
        case events.StoreDisconnected() as told:
            return (signals.StoreDisconnected(reason=told.reason),)
    return ()


REACT: dict[type, React] = {
    events.CustomerRegistered: _person,
    events.CustomerUpdated: _person,
    events.NewsletterSubscribed: _newsletter,
    events.NewsletterUnsubscribed: _newsletter,
    events.SessionActive: _browsing,
    events.ProductViewed: _browsing,
    events.Searched: _browsing,
    events.WishlistAdded: _browsing,
    events.WishlistRemoved: _browsing,
    events.BackInStockRequested: _browsing,
    events.CartItemAdded: _cart,
    events.CartItemRemoved: _cart,
    events.CartReplaced: _cart,
    events.CheckoutStarted: _checkout,
    events.OrderPlaced: _ordered,
    events.OrderPaid: _order_fact,
    events.OrderStatusChanged: _order_fact,
    events.OrderFulfilled: _order_fact,
    events.OrderCancelled: _order_fact,
    events.OrderRefunded: _order_fact,
    events.WholesaleOrderApproved: _site,
    events.StoreConnected: _site,
    events.StoreDisconnected: _site,
}
