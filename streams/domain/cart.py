"""Carts: lines that come and go, in whatever order we hear of it.

A line keeps its last changes, so an event that comes late is put where it belongs and the quantity is what it would
have been. A snapshot or a purchase sets the floor: whatever is older is already contained in it. Equal times count in
the order of the log.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter

from msgspec.structs import replace

from schemas import signals
from schemas.events import TransferredCart
from schemas.values import LineItem
from streams.domain.customer import CartLine, CartState, Change
from streams.domain.policy import Policy

ZERO = Decimal(0)
CENT_OF_CENT = Decimal("0.0001")  # amounts have at most four places
NO_CURRENCY = "XXX"  # ISO 4217 for "no currency": a checkout of a cart we know nothing of
_at = attrgetter("at")


def line_key(item: LineItem) -> str:
    """Two lines are the same line when product, variant and options are."""
    if not item.variant_id and not item.options:
        return item.product_id
    if not item.options:
        return f"{item.product_id}\x1f{item.variant_id or ''}"
    options = "".join(f"\x1f{name}={item.options[name]}" for name in sorted(item.options))
    return f"{item.product_id}\x1f{item.variant_id or ''}{options}"


def lines_of(cart: CartState) -> tuple[LineItem, ...]:
    return tuple([line.item for line in cart.lines.values() if line.item.quantity > 0])


def is_open(cart: CartState) -> bool:
    return any(line.item.quantity > 0 for line in cart.lines.values())


def total_of(lines: Iterable[LineItem]) -> Decimal:
    """The sum of quantity times unit price; a line without a price adds nothing."""
    total = ZERO
    for line in lines:
        if line.unit_price is not None:
            total += line.quantity * line.unit_price
    rounded = total.quantize(CENT_OF_CENT)
    return total if total == rounded else rounded


def as_told(cart_id: str, cart: CartState) -> signals.Cart:
    lines = lines_of(cart)
    return signals.Cart(
        cart_id=cart_id,
        version=cart.version,
        currency=cart.currency,
        lines=lines,
        total=total_of(lines),
        checkout_url=cart.checkout_url,
        changed_at=cart.changed_at,
    )


def find(carts: Mapping[str, CartState], cart_id: str) -> str:
    """The id under which the cart is kept: its own, or that of the cart it was merged into."""
    if cart_id in carts:
        return cart_id
    return next((kept for kept, cart in carts.items() if cart_id in cart.aliases), cart_id)


def floor_of(cart: CartState) -> datetime | None:
    """Before this, nothing changes what is in the cart."""
    if cart.snapshot_at is None or cart.closed_at is None:
        return cart.snapshot_at or cart.closed_at
    return max(cart.snapshot_at, cart.closed_at)


# -- one item


def with_item(cart: CartState, item: LineItem, change: Change, policy: Policy) -> CartState:
    """The cart after one item event; the caller has checked that it is not older than the floor.

    What the newest addition says about a line (price, image) is what is known about it; a removal says nothing.
    """
    key = line_key(item)
    line = cart.lines.get(key)
    if line is None:
        if len(cart.lines) >= policy.max_lines:
            return cart
        by = change.by or ZERO
        made = CartLine(item=with_quantity(item, max(by, ZERO)), changes=(change,))
    else:
        made = _changed(line, item, change, policy)
    lines = {**cart.lines, key: made}
    if made.item.quantity <= 0:
        lines = _without_old_zeros(lines, change.at, policy)
    return replace(cart, lines=lines)


def _changed(line: CartLine, item: LineItem, change: Change, policy: Policy) -> CartLine:
    changes, base, since = line.changes, line.base, line.since
    newest = changes[-1].at if changes else since
    on_time = newest is None or change.at >= newest
    if on_time:
        quantity = _after(line.item.quantity, change)
        changes = (*changes, change)
    elif since is not None and change.at < since:
        base = _after(base or ZERO, change)
        quantity = _walk(base, changes)
    else:
        place = bisect_right(changes, change.at, key=_at)
        changes = (*changes[:place], change, *changes[place:])
        quantity = _walk(base, changes)
    if len(changes) > policy.max_changes:
        base, since, changes = _after(base or ZERO, changes[0]), changes[0].at, changes[1:]
    says = item if on_time and change.by is not None and change.by > 0 else line.item
    return CartLine(item=with_quantity(says, quantity), changes=changes, base=base, since=since)


def _after(quantity: Decimal, change: Change) -> Decimal:
    return ZERO if change.by is None else max(quantity + change.by, ZERO)


def _walk(quantity: Decimal | None, changes: tuple[Change, ...]) -> Decimal:
    quantity = quantity or ZERO
    for change in changes:
        quantity = _after(quantity, change)
    return quantity


def _without_old_zeros(lines: dict[str, CartLine], now: datetime, policy: Policy) -> dict[str, CartLine]:
    oldest = now - policy.late_window
    return {
        key: line
        for key, line in lines.items()
        if line.item.quantity > 0 or (line.changes and line.changes[-1].at >= oldest)
    }


def with_quantity(item: LineItem, quantity: Decimal) -> LineItem:
    return item if item.quantity == quantity else replace(item, quantity=quantity)


# -- the whole cart


def with_snapshot(cart: CartState, items: Iterable[LineItem], at: datetime) -> CartState:
    """The cart as `items` say it was at `at`, with what was already heard of later applied on top."""
    lines: dict[str, CartLine] = {}
    for item in items:
        key = line_key(item)
        base = item.quantity + (lines[key].base or ZERO if key in lines else ZERO)
        if base > 0:
            lines[key] = CartLine(item=with_quantity(item, base), base=base)
    for key, line in cart.lines.items():
        later = _later(line, at)
        if later:
            pictured = lines.get(key)
            start = pictured.base if pictured else None
            said = line.item if pictured is None else pictured.item
            lines[key] = CartLine(item=with_quantity(said, _walk(start, later)), changes=later, base=start)
    return replace(cart, lines=lines, snapshot_at=at)


def with_purchase(cart: CartState, at: datetime) -> CartState:
    """The cart after a purchase at `at`: what was put in later stays, and a later snapshot knows better."""
    lines: dict[str, CartLine] = {}
    for key, line in cart.lines.items():
        since = line.since or cart.snapshot_at
        if line.base is not None and since is not None and since > at:
            lines[key] = line
        elif later := _later(line, at):
            lines[key] = CartLine(item=with_quantity(line.item, _walk(None, later)), changes=later)
    closed_at = at if cart.closed_at is None else max(cart.closed_at, at)
    return replace(cart, lines=lines, closed_at=closed_at)


def _later(line: CartLine, at: datetime) -> tuple[Change, ...]:
    return tuple([change for change in line.changes if change.at > at])


def same_quantities(one: CartState, other: CartState) -> bool:
    return _quantities(one) == _quantities(other)


def _quantities(cart: CartState) -> dict[str, Decimal]:
    return {key: line.item.quantity for key, line in cart.lines.items() if line.item.quantity > 0}


def put_in(before: CartState | None, after: CartState) -> LineItem | None:
    """The line a snapshot shows more of than was there before, with the difference; the last of several."""
    found = None
    for key, line in after.lines.items():
        old = before.lines.get(key) if before else None
        more = line.item.quantity - (old.item.quantity if old else ZERO)
        if more > 0:
            found = with_quantity(line.item, more)
    return found


# -- two carts become one


def united(cart: CartState, lines: Mapping[str, CartLine], changed_at: datetime, policy: Policy) -> CartState:
    """The cart with another's lines, which changed last then: of a line in both, the one that changed last counts.
    Nothing is added up. Where one cart replaces the other in the shop, the one that changed last counts as a whole."""
    if policy.cart_merge == "replace":
        return replace(cart, lines=dict(lines)) if changed_at > cart.changed_at or not is_open(cart) else cart
    merged = dict(cart.lines)
    for key, line in lines.items():
        known = merged.get(key)
        if known is None and len(merged) >= policy.max_lines:
            continue
        if known is None or _last_change(line, cart) > _last_change(known, cart):
            merged[key] = line
    return replace(cart, lines=merged)


def _last_change(line: CartLine, cart: CartState) -> datetime:
    times = [change.at for change in line.changes[-1:]]
    return max([*times, line.since or cart.snapshot_at or cart.changed_at] if line.base is not None else times)


def arrived_lines(moved: TransferredCart) -> dict[str, CartLine]:
    """A transferred cart's lines, with the time from which on they were so."""
    return {
        line_key(item): CartLine(item=item, base=item.quantity, since=moved.last_change)
        for item in moved.lines
        if item.quantity > 0
    }
