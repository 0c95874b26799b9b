"""One delivery as a source sees it: whose it is, what tells it, and events made of both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from schemas.events import OrderPlaced, OrderStatusChanged, ShopEvent, ShopPayload
from schemas.values import CustomerRef
from sources import facts
from sources.webhooks.contract import ShopSettings
from sources.webhooks.document import Document, Unfit

NOBODY = CustomerRef()
NO_CURRENCY = "XXX"
"""ISO 4217 for "none": an emptied cart has no prices."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """`source` is the system's name; `received` is when it came in, for documents that carry no time of their own."""

    source: str
    shop: ShopSettings
    received: datetime

    def event(self, event_id: str, at: datetime, payload: ShopPayload, who: CustomerRef = NOBODY) -> ShopEvent:
        return ShopEvent(
            event_id=event_id,
            shop=self.shop.shop,
            occurred_at=at,
            source=self.source,
            customer=who,
            payload=payload,
        )

    def order(
        self, placed: OrderPlaced, placed_at: datetime, at: datetime, who: CustomerRef, *, is_new: bool
    ) -> list[ShopEvent]:
        """That it was placed, and who by; of one told again, its status and what it looks like at `at`."""
        order_id, status = placed.order.order_id, placed.order.status
        said = [self.event(facts.order_placed(order_id), placed_at, placed, who)]
        said += self.link(order_id, placed_at, who)
        if is_new:
            return said
        if status:
            changed = OrderStatusChanged(order_id=order_id, status=status)
            said.append(self.event(facts.order_status(order_id, status), at, changed, who))
        if at > placed_at:
            said.append(self.event(facts.order(order_id, at), at, placed, who))
        return said

    def link(self, order_id: str, at: datetime, who: CustomerRef) -> tuple[ShopEvent, ...]:
        """The order's own name leads to the customer; nothing where there is nobody to lead to."""
        if not (who.customer_id or who.email):
            return ()
        return (facts.order_link(order_id, self.shop.shop, at, who, source=self.source),)

    def currency(self, document: Document, *names: str) -> str:
        """What the document says, else the settings. Unfit when nobody does."""
        code = document.first(*names) or self.shop.currency
        if code is None:
            remedy = f"set shops.{self.shop.shop}.hooks.{self.source}.currency"
            raise Unfit(document.at(names[0] if names else "currency"), "is missing", remedy)
        return code.upper()


def total_of(documents: list[Document], name: str) -> Decimal | None:
    """The sum of this amount; None where no document has it."""
    amounts = [amount for each in documents if (amount := each.amount(name)) is not None]
    return sum(amounts, Decimal(0)) if amounts else None
