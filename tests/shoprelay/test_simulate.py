"""The simulated hour: the same for the same seed, and no story hangs on a race between a person and a timer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from schemas.events import CartItemAdded, CartItemRemoved, CartReplaced, OrderPlaced, ProductUpserted, SessionActive
from shoprelay.demo.simulate import (
    HOUR,
    LAST_STEP,
    MARGIN,
    OUTAGE,
    STAGES,
    STORIES,
    Hour,
    Step,
    buys_during_the_outage,
    simulate,
)

SEEDS = range(10)


def people(hour: Hour) -> Iterator[list[Step]]:
    """One list for each person, in the order of telling; guests who say who they are later are one person."""
    refs = [step.ref for step in hour.steps]
    known: dict[str | None, str] = {r.anonymous_id: r.customer_id for r in refs if r.anonymous_id and r.customer_id}
    found: dict[str, list[Step]] = {}
    for step in hour.steps:
        ref = step.ref
        if who := ref.customer_id or known.get(ref.anonymous_id) or ref.anonymous_id:
            found.setdefault(who, []).append(step)
    yield from found.values()


def deadlines(steps: list[Step]) -> Iterator[tuple[float, Step | None]]:
    """Every moment at which a cart would be abandoned if the next step did not come, with that step."""
    changed: float | None = None
    for step in steps:
        matters = isinstance(step.payload, CartItemAdded | CartItemRemoved | CartReplaced | OrderPlaced)
        moves = isinstance(step.payload, SessionActive) and step.ref.anonymous_id and step.ref.customer_id
        if not (matters or moves):
            continue
        if changed is not None:
            yield from ((changed + wait, step) for wait in STAGES)
        ends = isinstance(step.payload, OrderPlaced | CartReplaced)
        changed = None if ends else step.at
    if changed is not None:
        yield from ((changed + wait, None) for wait in STAGES)


def test_the_same_seed_is_the_same_hour() -> None:
    assert simulate(7, 60) == simulate(7, 60)


def test_another_seed_is_another_hour() -> None:
    assert simulate(7, 60).steps != simulate(8, 60).steps


@pytest.mark.parametrize("seed", SEEDS)
def test_no_step_comes_near_its_own_deadline(seed: int) -> None:
    for steps in people(simulate(seed, 3 * len(STORIES))):
        for due, step in deadlines(steps):
            in_the_outage = OUTAGE[0] < due and step is not None and step.told < OUTAGE[1]
            assert step is None or in_the_outage or abs(step.told - due) > MARGIN - 0.001, step


@pytest.mark.parametrize("seed", SEEDS)
def test_every_deadline_lies_in_the_hour_and_every_step_before_its_end(seed: int) -> None:
    hour = simulate(seed, 3 * len(STORIES))

    assert max(step.told for step in hour.steps) <= LAST_STEP
    for steps in people(hour):
        assert all(due < HOUR for due, step in deadlines(steps) if step is None)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_outage_story_falls_due_and_buys_while_the_platform_is_down(seed: int) -> None:
    place = STORIES.index(buys_during_the_outage)
    hour = simulate(seed, len(STORIES))
    added, bought = (step for step in hour.steps if step.ref.customer_id == f"C{place:04d}")

    assert OUTAGE[0] < added.at + STAGES[0] < bought.told < OUTAGE[1]


def test_steps_are_told_in_order_and_never_before_they_happen() -> None:
    steps = simulate(7, 130).steps

    assert [step.told for step in steps] == sorted(step.told for step in steps)
    assert all(step.told >= step.at for step in steps)
    assert any(step.told > step.at for step in steps)


def test_products_are_known_before_anybody_meets_one() -> None:
    hour = simulate(7, 130)
    first = next(n for n, step in enumerate(hour.before) if not isinstance(step.payload, ProductUpserted))

    assert first == len(hour.products)
    assert max(step.at for step in hour.before) < 0 <= min(step.at for step in hour.steps)


def test_every_story_is_played_and_some_of_it_is_told_twice() -> None:
    hour = simulate(7, 130)

    assert len(list(people(hour))) == 130
    assert hour.broken > 0 and 0 < len(hour.repeats) < len(hour.steps) / 10
