"""`kill -9` of a worker in the two moments that matter. Say, remember, ack: each other order fails here.

Between say and remember: the same signals are said again, byte for byte. Between remember and ack: nothing is said
twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from schemas.events import CartItemAdded
from schemas.signals import CartChanged
from tests.system.procs import until
from tests.system.running import Running, event, mug, repeats_are_equal

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
CUSTOMERS, ROUNDS = 12, 4


async def killed(system: Running, moment: str) -> dict[str, list[bytes]]:
    """Signals by id, with their bytes whenever they were said, after a worker was killed in the middle of many adds."""
    assert await system.processes["worker"].terminate() == 0
    system.begin("worker", "tests.system.dying_worker", SHOPRELAY_TEST_DIE=f"{moment}:2")
    people = [f"{moment}-{n}" for n in range(CUSTOMERS)]
    for turn in range(ROUNDS):
        adding = CartItemAdded(cart_id="c", item=mug(quantity=Decimal(turn + 1)), currency="EUR")
        await system.tell(*(event(who, adding, f"{who}-{turn}") for who in people))
    assert await system.processes["worker"].ended(30) == -9
    system.begin("worker")
    await system.stored_for(set(people), "Added to Cart")
    said: dict[str, list[bytes]] = defaultdict(list)

    async def everything() -> bool:
        said.clear()
        for value, signal in await system.signals():
            if signal.customer.ref.customer_id in people:
                said[signal.signal_id].append(value)
        return len(said) == CUSTOMERS * ROUNDS

    await until(everything, 30, "every add is said")
    last = {
        signal.customer.ref.customer_id: signal.payload
        for _, signal in await system.signals()
        if signal.customer.ref.customer_id in people
    }
    for cart in last.values():
        assert isinstance(cart, CartChanged)
        assert cart.cart.version == ROUNDS
        assert [line.quantity for line in cart.cart.lines] == [sum(range(ROUNDS + 1))], "every add is counted once"
    return said


async def test_between_say_and_remember_the_same_signals_are_said_again(system: Running) -> None:
    said = await killed(system, "before")
    repeated = [values for values in said.values() if len(values) > 1]
    assert repeated
    assert all(len(set(values)) == 1 for values in repeated), "a repeat differs from what was said first"

    async def told_again() -> bool:
        calls = [call for call in await system.calls(says="Added to Cart") if call.customer.startswith("before-")]
        return repeats_are_equal(calls) == sum(len(values) - 1 for values in repeated)

    await until(told_again, 30, "the platform hears the repeats under the same key, with the same body")


async def test_between_remember_and_ack_nothing_is_said_twice(system: Running) -> None:
    said = await killed(system, "after")
    assert Counter(map(len, said.values())) == {1: CUSTOMERS * ROUNDS}
    assert await system.metric("shoprelay_fold_notes_total", "worker", note="repeated") > 0, "they did come again"
