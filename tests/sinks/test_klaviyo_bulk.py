"""However calls are put into batches, the strict stand-in keeps the same as when they come one by one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from schemas import signals
from schemas.values import CustomerRef, Profile
from sinks.contract import Answer, Ask, Batch, Call, Verdict, classify
from sinks.fake import Received
from sinks.klaviyo.batches import EVENTS, PROFILES
from sinks.klaviyo.fake import KlaviyoStandIn
from tests.sinks.folders import config
from tests.sinks.test_klaviyo import MUG, SINK, calls
from tests.sinks.test_klaviyo import order as of_mugs

NOON = 1_795_262_400.0  # 2026-11-21T12:00:00Z
EVE = "eve@example.com"  # Klaviyo does not want her
PEOPLE = ("ada@example.com", "bob@example.com", EVE)


class Teller:
    """Sends as the runner is to: what a refused batch spares goes again, and halves go where nobody is blamed."""

    def __init__(self, **options: Any) -> None:
        self.stand_in = KlaviyoStandIn(limits=(), **{"unwanted": frozenset({EVE}), **options})
        self._config = config("klaviyo", **self.stand_in.settings("http://127.0.0.1"))
        self.at = NOON
        self.parked: list[str] = []
        self.asked = 0

    def answer(self, call: Call) -> Answer:
        self.asked += 1
        headers = {name.lower(): value for name, value in SINK.headers(self._config).items()}
        reply = self.stand_in.answer(Received(self.at, call.method, call.path, headers, call.body))
        return Answer(reply.status, reply.headers, reply.body)

    def alone(self, call: Call) -> None:
        verdict = classify(self.answer(call), SINK.rules)
        assert verdict in (Verdict.DELIVERED, Verdict.REJECTED)
        if verdict is Verdict.REJECTED:
            self.parked.append(call.key)

    def together(self, batch: Batch, told: Sequence[Call]) -> None:
        if len(told) == 1:
            return self.alone(told[0])
        answers = [self.answer(batch.join(told))]
        while isinstance(said := batch.read(told, answers), Ask):
            self.at += said.seconds
            answers.append(self.answer(said.call))
        verdicts = said or (classify(answers[-1], SINK.rules),) * len(told)
        if said is None and verdicts[0] is Verdict.REJECTED:
            self.together(batch, told[: len(told) // 2])
            return self.together(batch, told[len(told) // 2 :])
        assert set(verdicts) <= {Verdict.DELIVERED, Verdict.REJECTED, Verdict.THROTTLED}
        self.parked += [call.key for call, verdict in zip(told, verdicts, strict=True) if verdict is Verdict.REJECTED]
        again = [call for call, verdict in zip(told, verdicts, strict=True) if verdict is Verdict.THROTTLED]
        assert len(again) < len(told), "each round settles somebody"
        return self.together(batch, again) if again else None


def kept(teller: Teller) -> list[Any]:
    """The events; not in their order, and not whose: ids of profiles are given as they come."""
    return sorted(str({**event, "profile": ""}) for event in teller.stand_in.stored()["events"])


@st.composite
def events(draw: st.DrawFn, emails: tuple[str, ...]) -> list[Call]:
    """Orders placed and cancelled by several people whose names change, in any order, each call once."""
    told: dict[str, Call] = {}
    for number in range(draw(st.integers(1, 6))):
        order = msgspec.structs.replace(of_mugs(*[MUG] * draw(st.integers(0, 3))), order_id=str(number))
        who = CustomerRef(email=draw(st.sampled_from(emails)))
        for payload in (signals.OrderPlaced(order=order), signals.OrderCancelled(order_id=order.order_id, order=order)):
            known = Profile(first_name=draw(st.sampled_from(["Ada", "Eve", None])))
            priority = draw(st.sampled_from(["live", "backfill"]))
            told |= {call.key: call for call in calls(payload, ref=who, profile=known, priority=priority)}
    return draw(st.permutations(list(told.values())))


def changed(email: str) -> Call:
    (call,) = calls(signals.CustomerChanged(), ref=CustomerRef(email=email))
    return structs.replace(call, key=email)


@st.composite
def people(draw: st.DrawFn) -> list[Call]:
    emails = draw(st.lists(st.sampled_from([f"{n}@example.com" for n in range(30)] + [EVE]), min_size=1, unique=True))
    return [changed(email) for email in emails]


def split(draw: st.DrawFn, told: Sequence[Call]) -> list[Sequence[Call]]:
    cuts = sorted(draw(st.sets(st.integers(0, len(told)))) | {0, len(told)})
    return [told[start:end] for start, end in pairwise(cuts)]


thorough = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@thorough
@given(st.data(), events(PEOPLE[:2]))
def test_any_split_into_batches_keeps_the_same_events(data: st.DataObject, told: list[Call]) -> None:
    one_by_one, at_once = Teller(), Teller()
    batches = split(data.draw, told)
    for call in told:
        one_by_one.alone(call)
    for batch in batches:
        at_once.together(EVENTS, batch)

    assert at_once.stand_in.stored() == one_by_one.stand_in.stored()
    assert at_once.asked == len(batches)
    assert not at_once.parked


@thorough
@given(st.data(), events(PEOPLE), st.booleans())
def test_with_events_nobody_wants_and_events_told_before_it_ends_the_same(
    data: st.DataObject, told: list[Call], repeats_refused: bool
) -> None:
    one_by_one, at_once = Teller(), Teller(repeats_refused=repeats_refused)
    before = data.draw(st.lists(st.sampled_from(told), unique_by=lambda call: call.key))
    for teller in (one_by_one, at_once):
        for call in before:
            teller.alone(call)
        teller.parked.clear()
    for call in told:
        one_by_one.alone(call)
    for batch in split(data.draw, told):
        at_once.together(EVENTS, batch)

    assert kept(at_once) == kept(one_by_one)
    assert at_once.stand_in.stored()["profiles"] == one_by_one.stand_in.stored()["profiles"]
    assert sorted(at_once.parked) == sorted(one_by_one.parked)


@thorough
@given(st.data(), people())
def test_any_split_into_jobs_keeps_the_same_people(data: st.DataObject, told: list[Call]) -> None:
    one_by_one, at_once = Teller(), Teller()
    for call in told:
        one_by_one.alone(call)
    for batch in split(data.draw, told):
        at_once.together(PROFILES, batch)

    assert at_once.stand_in.stored() == one_by_one.stand_in.stored()
    assert at_once.parked == one_by_one.parked


@pytest.mark.parametrize("failing", [0, 1, 100, 250])
def test_a_job_of_many_tells_of_each_that_failed(failing: int) -> None:
    """250 errors are three pages."""
    emails = [f"{n}@example.com" for n in range(300)]
    teller = Teller(unwanted=frozenset(emails[:failing]))

    teller.together(PROFILES, [changed(email) for email in emails])

    assert teller.parked == emails[:failing]
    assert teller.stand_in.stored()["profiles"] == 300 - failing
    assert teller.asked <= 1 + 3 + -(-failing // 100)
