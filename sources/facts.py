"""The names of facts: the same fact has the same `event_id`, whoever tells it (webhook, database, history file).

An id is the fact's word, what it happened to, and for what can happen to it again a version. Rules a source relies on:

- What happens once is named by what it happens to: `order-placed:1001`. Told again, it is known and does nothing.
- A snapshot carries the time of its last change: `cart:c1-9f:2026-11-25T10:00:00Z`. Told again it is known; an older
  one that comes late has an id of its own and is left to the domain, which goes by `occurred_at`.
- Ids of entities are the shop's own, as it writes them in its interface: the number `1001`, never `gid://…/1001`.
- Without a time a snapshot is named by its content (`print_of`), never by when it came.

docs/event-ids.md lists them all. Pure; ids hold no e-mail and no name.
"""

from datetime import UTC, datetime
from hashlib import blake2b

from schemas.events import IdentityLinked, Priority, ShopEvent
from schemas.values import CustomerRef

# -- versions


def stamp(at: datetime) -> str:
    """A time as ids carry it: UTC, to the second, with milliseconds only where there are any."""
    utc = at.astimezone(UTC)
    whole = utc.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{utc.microsecond // 1000:03}Z" if utc.microsecond >= 1000 else f"{whole}Z"


def print_of(*parts: str) -> str:
    """Stands for `parts`, and shows nothing of them: the version of a snapshot that has no time."""
    return blake2b("\x1f".join(parts).encode(), digest_size=12).hexdigest()


Version = datetime | str
"""When the snapshot was taken, or what else tells it from the next one (a revision, `print_of` its content)."""


def _versioned(word: str, name: str, version: Version) -> str:
    return f"{word}:{name}:{stamp(version) if isinstance(version, datetime) else version}"


# -- people


def customer(customer_id: str, version: Version) -> str:
    """A picture of the account. The first one, too: `customer_registered` is another fact."""
    return _versioned("customer", customer_id, version)


def customer_registered(customer_id: str) -> str:
    return f"customer-registered:{customer_id}"


def customer_erased(customer_id: str) -> str:
    return f"customer-erased:{customer_id}"


def consent(customer_id: str, channel: str, state: str, version: Version) -> str:
    """`state` is `subscribed` or `unsubscribed`; the version is when the person said so, not when it was told."""
    return _versioned(f"consent-{channel}", f"{customer_id}:{state}", version)


# -- carts


def cart(token: str, version: Version) -> str:
    """The whole cart as it was then."""
    return _versioned("cart", token, version)


def checkout_started(token: str) -> str:
    return f"checkout-started:{token}"


def checkout(token: str, version: Version) -> str:
    """The contents of a checkout as they were then; that it was entered is `checkout_started`."""
    return _versioned("checkout", token, version)


# -- orders


def order_placed(order_id: str) -> str:
    """The one id of every telling whose `occurred_at` is when the order was placed, whatever else it shows by then."""
    return f"order-placed:{order_id}"


def order(order_id: str, version: Version) -> str:
    """A later picture of the order (edited lines, totals). Tell `order_placed` first: who hears of the order only now
    must not take the time of the change for that of the purchase. And `order_status`: what the picture has shown is
    no news any more."""
    return _versioned("order", order_id, version)


def order_status(order_id: str, status: str) -> str:
    """That the order reached this status. One that comes back to an earlier status is told by `order` only."""
    return f"order-status:{order_id}:{status}"


def order_paid(order_id: str, payment_id: str) -> str:
    """Money taken. A shop that names no payments has one for each order: `payment_id` is then `all`."""
    return f"order-paid:{order_id}:{payment_id}"


def order_cancelled(order_id: str) -> str:
    return f"order-cancelled:{order_id}"


def order_refunded(order_id: str, refund_id: str) -> str:
    """Money given back. Of a shop that names no refunds it is `all`, for the whole order."""
    return f"order-refunded:{order_id}:{refund_id}"


def order_fulfilled(order_id: str, fulfillment_id: str) -> str:
    """Sent. Of a shop that names no shipments it is `all`, for the whole order."""
    return f"order-fulfilled:{order_id}:{fulfillment_id}"


# -- catalog


def product(product_id: str, version: Version) -> str:
    return _versioned("product", product_id, version)


def product_deleted(product_id: str, version: Version) -> str:
    """Versioned, because a product may come back and go again; the version is the deletion's, or the delivery's."""
    return _versioned("product-deleted", product_id, version)


def stock(product_id: str, variant_id: str | None, location: str | None, version: Version) -> str:
    """What is available of one variant at one place. The empty text stands for "no variants" and "everywhere"."""
    return _versioned("stock", f"{product_id}:{variant_id or ''}:{location or ''}", version)


# -- whose order is it?


def order_ref(order_id: str) -> CustomerRef:
    """Whom a fact belongs to that names its order and nobody (a refund, a shipment, an invoice): the order's own name,
    which `order_link` has made a name of the customer. Weaker than every other name; facts wait there for the link."""
    return CustomerRef(cart_token=f"order:{order_id}")


def order_link(
    order_id: str, shop: str, at: datetime, who: CustomerRef, *, source: str, priority: Priority = "live"
) -> ShopEvent:
    """To be told beside `order_placed` by a source whose later facts name only the order. `who` names somebody; the
    link leads to the strongest name, the others are linked by the order itself."""
    strongest = CustomerRef(customer_id=who.customer_id) if who.customer_id else CustomerRef(email=who.email)
    return ShopEvent(
        event_id=f"order-of:{order_id}",
        shop=shop,
        occurred_at=at,
        source=source,
        priority=priority,
        customer=order_ref(order_id),
        payload=IdentityLinked(other=strongest),
    )
