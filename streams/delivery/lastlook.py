"""The last look: whether a reminder may still leave, given what is known behind it in its lane. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from schemas.signals import (
    AnySignal,
    CartAbandoned,
    CartChanged,
    CheckoutStarted,
    CustomerErased,
    NewsletterSubscribed,
    NewsletterUnsubscribed,
    OrderPlaced,
)

EXPIRED = "expired"
ERASED = "erased"
BOUGHT = "bought"
EMPTIED = "emptied"
CHANGED = "changed"
LATER_STAGE = "later_stage"
UNSUBSCRIBED = "unsubscribed"
SENT_AGAIN = "sent_again"  # it was parked: what came since is told already, and cannot be looked at any more
REASONS = (ERASED, BOUGHT, EMPTIED, CHANGED, LATER_STAGE, UNSUBSCRIBED, EXPIRED)


def withheld(reminder: AnySignal, behind: Iterable[AnySignal], now: datetime) -> str | None:
    """One of `REASONS`, or `None` when it may leave. `behind` is in the order of the log; `now` is the wall clock."""
    payload = reminder.payload
    if not isinstance(payload, CartAbandoned):
        return None
    found: set[str] = set()
    for later in behind:
        if later.shop != reminder.shop:
            continue
        if isinstance(later.payload, NewsletterSubscribed):
            found.discard(UNSUBSCRIBED)
        elif reason := _overtakes(reminder.signal_id, payload, later):
            found.add(reason)
    if now >= payload.expires_at:
        found.add(EXPIRED)
    return next((reason for reason in REASONS if reason in found), None)


def _overtakes(reminder_id: str, reminder: CartAbandoned, later: AnySignal) -> str | None:
    payload, cart = later.payload, reminder.cart
    match payload:
        case CustomerErased():
            return ERASED
        case OrderPlaced() if _bought(reminder_id, reminder, payload, later.occurred_at):
            return BOUGHT
        case CartChanged() if payload.cart.cart_id == cart.cart_id and payload.cart.version > cart.version:
            return CHANGED if payload.cart.lines else EMPTIED
        case CheckoutStarted() if payload.cart.cart_id == cart.cart_id and payload.cart.version > cart.version:
            return CHANGED
        case CartAbandoned() if payload.cart.cart_id == cart.cart_id:
            if payload.cart.version > cart.version:
                return CHANGED
            return LATER_STAGE if (payload.cart.version, payload.stage) > (cart.version, reminder.stage) else None
        case NewsletterUnsubscribed(channel="email"):
            return UNSUBSCRIBED
    return None


def _bought(reminder_id: str, reminder: CartAbandoned, order: OrderPlaced, at: datetime) -> bool:
    """An order that names no cart may have ended any: after such a purchase, later than this cart's last change, nobody
    wants to be reminded of it. (Without that comparison an order out of the history would silence a new cart.)"""
    if reminder_id in order.proved_wrong or reminder.cart.cart_id in order.closed_carts:
        return True
    return not order.closed_carts and at >= reminder.cart.changed_at
