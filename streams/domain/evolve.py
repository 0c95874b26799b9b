"""Remember: one event changes what is known about a customer. Nothing is said here.

Every function changes the copy it is given and returns a reason word when something was out of the ordinary, "" if not.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from schemas import events
from schemas.events import CartTransferred, ShopEvent
from schemas.values import LineItem, Profile
from streams.domain.customer import Customer
from streams.domain.evolve_cart import cart_arrived, cart_replaced, item_added, item_removed
from streams.domain.evolve_order import order_fact, order_placed, wholesale_approved
from streams.domain.evolve_wishes import consent_changed, wish_changed, wishes_arrived
from streams.domain.identity import is_stronger, key_of, let_go, recognised
from streams.domain.policy import Policy

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
    known, after.ref = after.ref, recognised(after.ref, told, newest and key_of(fact.shop, told) == after.key)
    # The log of a name that has no place any more still forwards to us: an erasure must find it.
    forgotten = [key_of(fact.shop, name) for name in let_go(after.ref, known, told)]
    if forgotten:
        _remember_origins(after, (key for key in forgotten if is_stronger(after.key, key)))


def _remember_origins(after: Customer, keys: Iterable[str]) -> None:
    came = [key for key in dict.fromkeys(keys) if key not in after.origins]
    after.origins = (*after.origins, *came)[-MAX_ORIGINS:]


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


# -- a guest's cart comes over


def _transferred(after: Customer, fact: CartTransferred, at: datetime, policy: Policy) -> str:
    after.ref = recognised(after.ref, fact.ref, overrides=False)
    after.profile = _merged(after.profile, fact.profile, False, policy)
    _remember_origins(after, (*fact.origins, fact.from_key))
    views, after.views = after.views, ()
    for item in (*fact.views, *views):
        _remember_view(after, item, policy)
    wishes_arrived(after, fact, policy)
    for moved in fact.carts:
        cart_arrived(after, moved, at, policy, fact.priority == "live")
    return ""


EVOLVE: dict[type, Evolve] = {
    events.CustomerRegistered: _described,
    events.CustomerUpdated: _described,
    events.IdentityLinked: _linked,
    events.ProductViewed: _viewed,
    events.WishlistAdded: wish_changed,
    events.WishlistRemoved: wish_changed,
    events.NewsletterSubscribed: consent_changed,
    events.NewsletterUnsubscribed: consent_changed,
    events.CartItemAdded: item_added,
    events.CartItemRemoved: item_removed,
    events.CartReplaced: cart_replaced,
    events.CheckoutStarted: cart_replaced,
    events.OrderPlaced: order_placed,
    events.OrderPaid: order_fact,
    events.OrderStatusChanged: order_fact,
    events.OrderFulfilled: order_fact,
    events.OrderCancelled: order_fact,
    events.OrderRefunded: order_fact,
    events.WholesaleOrderApproved: wholesale_approved,
}
