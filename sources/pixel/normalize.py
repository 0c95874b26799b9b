"""What the browser said as events. Pure.

The browser's clock is not believed: an event counts from when it was received, less the time between its own `at` and
`sent_at` where that is a time an event may have waited. Nobody is somebody because the browser says so: `who` counts
only where the collector found it signed, and says so in a header that no browser can set.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from schemas.events import CartItemAdded, IdentityLinked, ProductViewed, SessionActive, ShopEvent, ShopPayload
from schemas.events import Searched as SearchedFor
from schemas.values import CustomerRef, LineItem
from sources import facts
from sources.pixel.body import Active, Added, Body, Event, Identified, Item, Searched, Viewed, read
from sources.webhooks.contract import Headers, ShopSettings, Told
from sources.webhooks.document import Unfit, rounded

NAME = "pixel"
IDENTITY, SIGNED = "x-shoprelay-identity", "signed"
LONGEST_WAIT = timedelta(minutes=30)  # for consent, or for a network


def normalize(headers: Headers, body: object, shop: ShopSettings, received: datetime) -> Told:
    """Nothing for what cannot be believed; a replayed id is the same event again."""
    try:
        return tuple(_told(read(body), headers.get(IDENTITY) == SIGNED, shop, received))
    except Unfit as unfit:
        return unfit.refusal


def entity_of(document: object) -> str | None:
    """The visitor: what one did stays in order."""
    named = document.get("anonymous_id") if isinstance(document, dict) else None
    return named if isinstance(named, str) and named else None


def _told(body: Body, signed: bool, shop: ShopSettings, received: datetime) -> Iterator[ShopEvent]:
    visitor = CustomerRef(anonymous_id=body.anonymous_id)
    person = CustomerRef()
    if signed and body.who is not None:
        person = CustomerRef(customer_id=body.who.customer_id, email=body.who.email)
    everybody = CustomerRef(
        customer_id=person.customer_id, email=person.email, anonymous_id=body.anonymous_id
    )  # fmt: skip
    for n, event in enumerate(body.events):
        is_link = isinstance(event, Identified)
        if is_link and person == CustomerRef():
            continue
        yield ShopEvent(
            event_id=facts.browser(event.id),
            shop=shop.shop,
            occurred_at=received - _waited(event, body.sent_at),
            source=NAME,
            customer=visitor if is_link else everybody,
            payload=IdentityLinked(other=person, reason="login") if is_link else _payload(event, shop, f"events[{n}]"),
        )


def _waited(event: Event, sent_at: int) -> timedelta:
    """Between the fact and its leaving, both by one clock; nothing where that cannot be."""
    if not 0 <= sent_at - event.at <= LONGEST_WAIT / timedelta(milliseconds=1):
        return timedelta(0)
    return timedelta(milliseconds=sent_at - event.at)


def _payload(event: Event, shop: ShopSettings, at: str) -> ShopPayload:
    match event:
        case Active(url=url, referrer=referrer):
            return SessionActive(url=url, referrer=referrer)
        case Viewed(item=item, currency=currency):
            return ProductViewed(item=_line(item), currency=currency or shop.currency)
        case Added(item=item, currency=currency):
            if (known := currency or shop.currency) is None:
                raise Unfit(f"{at}.currency", "is missing", f"say it, or set shops.{shop.shop}.pixel.currency")
            return CartItemAdded(item=_line(item), currency=known)
        case Searched(query=query, results=results):
            return SearchedFor(query=query, results=results)
    raise Unfit(at, "is no event there is", "see sources/pixel/README.md")


def _line(item: Item) -> LineItem:
    return LineItem(
        product_id=item.product_id,
        variant_id=item.variant_id,
        sku=item.sku,
        name=item.name,
        quantity=rounded(item.quantity),
        unit_price=None if item.unit_price is None else rounded(item.unit_price),
        url=item.url,
        image_url=item.image_url,
        brand=item.brand,
        categories=item.categories,
    )
