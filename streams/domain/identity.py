"""Who is who: the key of a customer's log, which identity is the stronger, and the links between logs.

A key is the shop plus one identity: `shop/c:` account, `shop/e:` e-mail in lower case, `shop/a:` cookie, `shop/t:` cart
token, from strong to weak; `shop/site` is the log of what concerns no customer. A log is only ever linked to a strictly
stronger one, so following links must end: no chain can loop, whatever the shop tells.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from schemas.events import CustomerEvent, IdentityLinked, ShopEvent
from schemas.values import CustomerRef
from streams.domain.dedupe import derived_id, digest

OURS = "shoprelay"  # the source of events that only we write; refused at the front door
_STRENGTH = {"c": 4, "e": 3, "a": 2, "t": 1}


def key_of(shop: str, ref: CustomerRef) -> str:
    """The key of the best identity in `ref`; the shop's own log when there is none."""
    if ref.customer_id:
        return f"{shop}/c:{ref.customer_id}"
    if ref.email:
        return f"{shop}/e:{ref.email.strip().lower()}"
    if ref.anonymous_id:
        return f"{shop}/a:{ref.anonymous_id}"
    if ref.cart_token:
        return f"{shop}/t:{ref.cart_token}"
    return f"{shop}/site"


def ref_of(key: str) -> CustomerRef:
    """The identity a key is made of; an e-mail as it stands there."""
    kind, _, name = key.partition("/")[2].partition(":")
    match kind:
        case "c":
            return CustomerRef(customer_id=name)
        case "e":
            return CustomerRef(email=name)
        case "a":
            return CustomerRef(anonymous_id=name)
        case "t":
            return CustomerRef(cart_token=name)
    return CustomerRef()


def is_stronger(key: str, than: str) -> bool:
    """A strict order on the keys of one shop. Two accounts are never one person; of two other equals the key that
    sorts first is the stronger, so that every log comes to the same answer."""
    strength, other = _strength(key), _strength(than)
    if strength != other:
        return strength > other
    return 0 < strength < _STRENGTH["c"] and key < than


def _strength(key: str) -> int:
    return _STRENGTH.get(key.partition("/")[2].partition(":")[0], 0)


def is_guest(key: str) -> bool:
    return _strength(key) < _STRENGTH["e"]


def names(ref: CustomerRef) -> Iterator[CustomerRef]:
    """Each identity that can be a key, alone."""
    if ref.customer_id:
        yield CustomerRef(customer_id=ref.customer_id)
    if ref.email:
        yield CustomerRef(email=ref.email)
    if ref.anonymous_id:
        yield CustomerRef(anonymous_id=ref.anonymous_id)
    if ref.cart_token:
        yield CustomerRef(cart_token=ref.cart_token)


def strongest_of(event: ShopEvent) -> CustomerRef:
    """The strongest identity an event speaks of. Only `IdentityLinked` can name a stronger one than its header does."""
    payload = event.payload
    if isinstance(payload, IdentityLinked) and is_stronger(
        key_of(event.shop, payload.other), key_of(event.shop, event.customer)
    ):
        return payload.other
    return event.customer


def links_of(
    event: ShopEvent, at: datetime, is_news: Callable[[str, str], bool] | None = None
) -> tuple[CustomerEvent, ...]:
    """What ingest appends beside an event that carries several identities: one link into each weaker one's log.

    The log the event itself goes to needs none: there the event speaks for itself. `is_news` is asked with the weaker
    key and that of the event's own log, and a link that is none is not made. A link is ours where the stronger log has
    the event itself and so all these names; one that the shop told may lie in a weaker log alone and stays the shop's,
    because then the names have still to move.
    """
    ref = strong = event.customer
    home = key_of(event.shop, ref)
    if isinstance(event.payload, IdentityLinked):
        strong = strongest_of(event)
        target = key_of(event.shop, strong)
        weaker = {key: name for key, name in _all_names(event) if key != home and is_stronger(target, key)}
    else:
        weaker = {key_of(event.shop, name): name for name in _beside_the_best(ref)}
    return tuple(
        [_link(event, key, name, strong, at) for key, name in weaker.items() if is_news is None or is_news(key, home)]
    )


def _beside_the_best(ref: CustomerRef) -> list[CustomerRef]:
    """`names` but the first; of one person's names, each kind is weaker than the one before."""
    found = []
    if ref.email and ref.customer_id:
        found.append(CustomerRef(email=ref.email))
    if ref.anonymous_id and (ref.customer_id or ref.email):
        found.append(CustomerRef(anonymous_id=ref.anonymous_id))
    if ref.cart_token and (ref.customer_id or ref.email or ref.anonymous_id):
        found.append(CustomerRef(cart_token=ref.cart_token))
    return found


def _all_names(event: ShopEvent) -> Iterator[tuple[str, CustomerRef]]:
    yield from _keys(event.shop, event.customer)
    if isinstance(event.payload, IdentityLinked):
        header, other = key_of(event.shop, event.customer), key_of(event.shop, event.payload.other)
        if is_stronger(header, other) or is_stronger(other, header):
            yield from _keys(event.shop, event.payload.other)


def _keys(shop: str, ref: CustomerRef) -> Iterator[tuple[str, CustomerRef]]:
    for name in names(ref):
        yield key_of(shop, name), name


def _link(event: ShopEvent, key: str, name: CustomerRef, strong: CustomerRef, at: datetime) -> CustomerEvent:
    return CustomerEvent(
        key=key,
        at=at,
        fact=ShopEvent(
            event_id="link-" + derived_id(event.event_id, key),
            shop=event.shop,
            occurred_at=event.occurred_at,
            source=event.source if isinstance(event.payload, IdentityLinked) else OURS,
            priority=event.priority,
            customer=name,
            payload=IdentityLinked(other=strong),
        ),
    )


def masked(key: str) -> str:
    """A key as logs may show it: the same key gives the same text, and nobody can read the person in it."""
    shop, _, name = key.partition("/")
    kind, colon, identity = name.partition(":")
    return f"{shop}/{kind}:#{digest(identity).hex()}" if colon else key


def let_go(kept: CustomerRef, *told: CustomerRef) -> Iterator[CustomerRef]:
    """The names in `told` that are not `kept`, for want of a second place; an account is never let go."""
    for ref in told:
        if ref.email and ref.email != kept.email:
            yield CustomerRef(email=ref.email)
        if ref.anonymous_id and ref.anonymous_id != kept.anonymous_id:
            yield CustomerRef(anonymous_id=ref.anonymous_id)
        if ref.cart_token and ref.cart_token != kept.cart_token:
            yield CustomerRef(cart_token=ref.cart_token)


def recognised(known: CustomerRef, told: CustomerRef, overrides: bool) -> CustomerRef:
    """`known` with what `told` adds; where both know a name, `told` wins only if it `overrides`."""
    if told == known:
        return known
    first, second = (told, known) if overrides else (known, told)
    merged = CustomerRef(
        customer_id=first.customer_id or second.customer_id,
        email=first.email or second.email,
        phone=first.phone or second.phone,
        anonymous_id=first.anonymous_id or second.anonymous_id,
        cart_token=first.cart_token or second.cart_token,
    )
    return known if merged == known else merged
