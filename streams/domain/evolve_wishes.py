"""Remember what a customer wishes for and where the newsletter may be sent: the newest word counts."""

from collections.abc import Iterable
from datetime import datetime

from schemas import events
from schemas.events import CartTransferred, ShopEvent
from streams.domain.customer import Consent, Customer, Wish
from streams.domain.policy import Policy


def wish_changed(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
    payload = fact.payload
    assert isinstance(payload, events.WishlistAdded | events.WishlistRemoved)
    _wish(after, payload.item.product_id, Wish(at, isinstance(payload, events.WishlistAdded)), policy)
    return ""


def consent_changed(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
    payload = fact.payload
    assert isinstance(payload, events.NewsletterSubscribed | events.NewsletterUnsubscribed)
    _consent(after, payload.channel, Consent(at, isinstance(payload, events.NewsletterSubscribed)))
    return ""


def wishes_arrived(after: Customer, moved: CartTransferred, policy: Policy) -> None:
    """What was known under a weaker name, where nothing newer is known here."""
    for wish in moved.wishes:
        _wish(after, wish.product_id, Wish(wish.at, True), policy)
    for consent in moved.consents:
        _consent(after, consent.channel, Consent(consent.at, consent.given))


def wished(after: Customer) -> Iterable[str]:
    """The products on the list, those wished for first coming first."""
    return (product_id for product_id, wish in after.wishlist.items() if wish.wanted)


def _wish(after: Customer, product_id: str, wish: Wish, policy: Policy) -> None:
    known = after.wishlist.get(product_id)
    if known is not None and wish.at < known.at:
        return
    wishlist = {**after.wishlist, product_id: wish}
    forgotten = wish.at - policy.late_window
    for other in [name for name, kept in wishlist.items() if not kept.wanted and kept.at < forgotten]:
        del wishlist[other]
    while len(wishlist) > policy.max_wishes:
        del wishlist[min(wishlist, key=lambda name: (wishlist[name].wanted, wishlist[name].at, name))]
    after.wishlist = wishlist


def _consent(after: Customer, channel: str, consent: Consent) -> None:
    known = after.consents.get(channel)
    if known is None or consent.at >= known.at:
        after.consents = {**after.consents, channel: consent}
