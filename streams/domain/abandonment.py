"""When a cart is abandoned: arming, disarming, and what is said when time passes.

A cart that changed and is not empty is armed: stage 1 is due `stages[0]` after its last change, and so on. Emptying,
buying and moving away disarm it, the next change arms it again. What comes late arms nothing into the past.
"""

from datetime import datetime

from msgspec.structs import replace

from schemas import signals
from schemas.signals import Signal
from streams.domain.cart import as_told, is_open
from streams.domain.customer import CartState, Customer, Told
from streams.domain.dedupe import derived_id
from streams.domain.policy import Policy

REMEMBERED = 8  # facts kept per cart, to find out later that they were wrong


def touched(
    before: CartState, after: CartState, at: datetime, seen_at: datetime | None, policy: Policy, live: bool
) -> CartState:
    """`after` as the next version of `before`, changed at `at`, armed or not. `seen_at` is the newest time known for
    this customer. History (`live=False`) never arms, and disarms what it is newer than."""
    late = before.version > 0 and at < before.changed_at
    changed_at = before.changed_at if late else at
    after = replace(after, version=before.version + 1, changed_at=changed_at)
    if not is_open(after):
        return disarmed(after)
    if late and (is_open(before) or not live):
        return after
    if not live:
        return disarmed(after)
    overtaken = late or any(told.due > at for told in before.told)
    return _armed(after, 0, policy, not_before=seen_at if overtaken else None)


def _armed(cart: CartState, passed: int, policy: Policy, not_before: datetime | None = None) -> CartState:
    """Armed for the first stage after `passed`; with `not_before`, for the first that lies after it."""
    for stage, wait in enumerate(policy.stages[passed:], passed + 1):
        due = cart.changed_at + wait
        if not_before is None or due > not_before:
            return replace(cart, stage=stage, due=due)
    return disarmed(cart)


def disarmed(cart: CartState) -> CartState:
    return cart if cart.due is None else replace(cart, stage=0, due=None)


def fired(cart: CartState, policy: Policy) -> CartState:
    """The cart after its current deadline was said."""
    assert cart.due is not None
    told = Told(cart.version, cart.stage, cart.due, cart.changed_at)
    return _armed(replace(cart, told=(*cart.told, told)[-REMEMBERED:]), cart.stage, policy)


def disproved(cart: CartState, bought_at: datetime) -> tuple[Told, ...]:
    """What was said about this cart and would not have been, had the purchase been known in time."""
    return tuple(told for told in cart.told if told.since <= bought_at < told.due)


def deadline_id(key: str, cart_id: str, due: datetime, version: int = 0, stage: int = 0) -> str:
    """The id of the deadline, whoever notices that it has passed."""
    return "deadline-" + derived_id(key, cart_id, str(version), str(stage), due.isoformat())


def fact_id(customer: Customer, cart_id: str, told: Told) -> tuple[str, str]:
    """The ids of a `CartAbandoned` and of the deadline that caused it. They follow from customer, cart, version and
    stage, and from the due time: a customer who was forgotten and came back starts again at version 1."""
    cause = deadline_id(customer.key, cart_id, told.due, told.version, told.stage)
    return f"{customer.shop}:{cause}:CartAbandoned", cause


def signal(
    customer: Customer, cart_id: str, cart: CartState, told: Told, policy: Policy, who: signals.Customer
) -> Signal:
    signal_id, cause = fact_id(customer, cart_id, told)
    return Signal(
        signal_id=signal_id,
        shop=customer.shop,
        occurred_at=told.due,
        cause=cause,
        customer=who,
        payload=signals.CartAbandoned(
            cart=as_told(cart_id, cart),
            stage=told.stage,
            due_at=told.due,
            expires_at=told.due + policy.expires_after,
        ),
    )


def next_due(customer: Customer) -> tuple[datetime, str] | None:
    """The cart whose deadline comes first, with its due time; of equals the one whose id sorts first."""
    armed = [(cart.due, cart_id) for cart_id, cart in customer.carts.items() if cart.due is not None]
    return min(armed) if armed else None
