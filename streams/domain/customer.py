"""What is remembered about one customer. The only state there is; everything else is derived from the log."""

from datetime import datetime
from decimal import Decimal

import msgspec

from schemas.events import ShopEvent
from schemas.values import CustomerRef, LineItem, Profile


class Change(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One item event: so much more (or less) of a line; `by=None` takes the whole line out."""

    at: datetime
    by: Decimal | None


class CartLine(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    gc=False,
    rename={"item": "i", "changes": "c", "base": "b", "since": "s"},
):
    """A line and how it came to its quantity, so that an event that comes late still finds its place.

    `item.quantity` is the quantity now. `base` was the quantity at `since`, before the first of `changes`; `since` is
    the time of the cart's last snapshot or purchase when left out. A line at zero is remembered for a while.
    """

    item: LineItem
    changes: tuple[Change, ...] = ()
    base: Decimal | None = None
    since: datetime | None = None


class Told(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A `CartAbandoned` that was said: its version and stage, when it was due, and the cart change it counts from."""

    version: int
    stage: int
    due: datetime
    since: datetime


class CartState(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,
    rename={
        "version": "v",
        "currency": "y",
        "changed_at": "h",
        "lines": "l",
        "checkout_url": "u",
        "snapshot_at": "n",
        "closed_at": "x",
        "stage": "g",
        "due": "d",
        "told": "t",
        "aliases": "a",
        "transferred": "f",
    },
):
    """One cart, by its id in `Customer.carts`.

    `stage` counts from 1 and is the next one to come, due at `due`; without `due` nothing is armed. `closed_at` is the
    last purchase that ended this cart, `snapshot_at` the last full picture. `aliases` are ids of carts that were merged
    into this one; `transferred` marks a guest's cart that no event of the customer has touched yet.
    """

    version: int
    currency: str
    changed_at: datetime
    lines: dict[str, CartLine] = {}
    checkout_url: str | None = None
    snapshot_at: datetime | None = None
    closed_at: datetime | None = None
    stage: int = 0
    due: datetime | None = None
    told: tuple[Told, ...] = ()
    aliases: tuple[str, ...] = ()
    transferred: bool = False


class OrderState(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,
    rename={
        "at": "h",
        "body": "b",
        "status": "s",
        "status_at": "w",
        "bought": "p",
        "cart_id": "c",
        "fulfilled": "q",
        "fulfilments": "f",
        "complete": "e",
        "refunded": "r",
        "refunds": "n",
        "paid": "m",
        "cancelled": "x",
        "told": "t",
    },
):
    """One order, by its id in `Customer.orders`.

    `body` is the order as placed, as msgpack, decoded only when something is said about it; empty when it was placed
    before we listened. `fulfilled` holds quantities by line key; `told` remembers payment, fulfilment and refund ids.
    """

    at: datetime
    body: bytes = b""
    status: str | None = None
    status_at: datetime | None = None
    bought: bool = False
    cart_id: str | None = None
    fulfilled: dict[str, Decimal] = {}
    fulfilments: int = 0
    complete: bool = False
    refunded: Decimal | None = None
    refunds: int = 0
    paid: Decimal | None = None
    cancelled: bool = False
    told: bytes = b""


class EarlyFact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A fact about an order that is not known yet, held back until the order comes or `until` has passed."""

    order_id: str
    at: datetime
    until: datetime
    fact: ShopEvent


class Wish(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Whether a product is on the wishlist, as of `at`; one taken off is remembered for what may still come late."""

    at: datetime
    wanted: bool


class Consent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Whether the newsletter may be sent on a channel, as of `at`."""

    at: datetime
    given: bool


class Customer(
    msgspec.Struct,
    kw_only=True,
    omit_defaults=True,
    gc=False,
    rename={
        "key": "k",
        "shop": "s",
        "ref": "r",
        "profile": "p",
        "profile_at": "w",
        "carts": "c",
        "orders": "o",
        "early": "e",
        "recent": "m",
        "views": "v",
        "wishlist": "i",
        "consents": "y",
        "bought_at": "b",
        "seen_at": "h",
        "tidy_at": "t",
        "resting": "q",
        "link": "l",
        "origins": "a",
        "offset": "n",
    },
):
    """Everything known about the customer of one log.

    `ref` are all identities known, `recent` the digests of the last event ids, `wishlist` goes by product and
    `consents` by channel. `bought_at` is the last purchase that closed every cart, `seen_at` the newest time of any
    event, `tidy_at` when the quiet customer shrinks or goes (`resting`: has shrunk already). `link` is the key this log
    forwards to, `origins` the keys of logs that moved into this one or whose names gave way to others in `ref`.
    `offset` is the last log record folded.
    Not frozen, so that a fold may work on its own copy; what was handed to a fold is never changed.
    """

    key: str
    shop: str
    ref: CustomerRef = CustomerRef()
    profile: Profile = Profile()
    profile_at: datetime | None = None
    carts: dict[str, CartState] = {}
    orders: dict[str, OrderState] = {}
    early: tuple[EarlyFact, ...] = ()
    recent: bytes = b""
    views: tuple[LineItem, ...] = ()
    wishlist: dict[str, Wish] = {}
    consents: dict[str, Consent] = {}
    bought_at: datetime | None = None
    seen_at: datetime | None = None
    tidy_at: datetime | None = None
    resting: bool = False
    link: str | None = None
    origins: tuple[str, ...] = ()
    offset: int | None = None
