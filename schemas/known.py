"""What is known about one customer at a moment: told to a platform that wants history, from state, not from signals."""

from schemas.signals import Cart, Customer
from schemas.values import Order, Value


class KnownOrder(Value, frozen=True, kw_only=True):
    """An order as placed, and what has become of it since."""

    order: Order
    status: str | None = None
    paid: bool = False
    cancelled: bool = False
    fulfilled: bool = False


class KnownCustomer(Value, frozen=True, kw_only=True):
    """`carts` are those that are open, `orders` go by the time they were placed. `wishlist` are product ids.
    `subscribed` and `unsubscribed` are channels of the newsletter; one nobody spoke of is in neither."""

    customer: Customer
    carts: tuple[Cart, ...] = ()
    orders: tuple[KnownOrder, ...] = ()
    wishlist: tuple[str, ...] = ()
    subscribed: tuple[str, ...] = ()
    unsubscribed: tuple[str, ...] = ()
