"""One shop's answers to "when is a cart abandoned, what is a purchase, how much is remembered"."""

from datetime import timedelta
from typing import Literal

import msgspec

# An order told with one of these is an attempt, not a purchase, whatever the shop's list says.
NEVER_A_PURCHASE = frozenset(
    {"failed", "declined", "cancelled", "canceled", "expired", "voided", "draft", "checkout-draft", "auto-draft"}
)


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Built by the settings, one for each shop; may change between two events without a restart.

    `stages` are measured from the last cart change and must rise. `grace` is how long after a deadline's due time the
    deadlines' clock waits for late sources; the fold itself knows no grace. `expires_after` is added to a deadline's
    due time: no reminder leaves after that. `purchase_statuses` are lower-case order statuses that count as a purchase;
    `None` means all but those in `NEVER_A_PURCHASE`; an order told without a status always counts. `order_wait` is how
    long a fact about an unknown order is held back. A customer who is quiet for `rest_after` is shrunk to what is
    needed to speak about them, and forgotten after `ttl` (`guest_ttl` where only a cookie or a cart is known).
    `late_window` is how long an emptied cart line is remembered for events that are still under way.
    `future_tolerance` is how far a stamp may lie ahead of our clock before it is clamped. `cart_merge` is what the shop
    does with a guest's cart when its owner logs in and has one: unites the two, or keeps the newer one. The bounds
    (`max_…`, `remembered_events`) keep one customer's state small whatever a shop sends, and are at least 1.
    """

    stages: tuple[timedelta, ...] = (timedelta(hours=1), timedelta(hours=24), timedelta(hours=72))
    grace: timedelta = timedelta(seconds=30)
    expires_after: timedelta = timedelta(hours=12)
    purchase_statuses: frozenset[str] | None = None
    order_wait: timedelta = timedelta(hours=1)
    rest_after: timedelta = timedelta(days=30)
    ttl: timedelta = timedelta(days=400)
    guest_ttl: timedelta = timedelta(days=60)
    late_window: timedelta = timedelta(hours=1)
    future_tolerance: timedelta = timedelta(seconds=5)

    cart_merge: Literal["unite", "replace"] = "unite"

    max_carts: int = 10
    max_lines: int = 300
    max_changes: int = 12
    max_orders: int = 20
    max_early: int = 20
    max_views: int = 5
    max_wishes: int = 200
    max_properties: int = 50
    remembered_events: int = 128

    def is_purchase(self, status: str | None) -> bool:
        if status is None:
            return True
        status = status.lower()
        if self.purchase_statuses is None:
            return status not in NEVER_A_PURCHASE
        return status in self.purchase_statuses

    @property
    def grace_ms(self) -> int:
        return self.grace // timedelta(milliseconds=1)
