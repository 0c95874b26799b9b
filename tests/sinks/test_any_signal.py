"""Whatever the language can say becomes calls that the strict stand-in takes, or is refused in the agreed way."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import BaseModel

from schemas.signals import Conclusion, OrderPlaced, Signal
from shoprelay.certificate.asking import taken
from sinks.contract import Answer, Call, CannotSay, Sink, Unaddressable, Verdict, load
from sinks.fake import SERVED, StandIn
from tests.sinks.folders import NAMES, cases, fake
from tests.sinks.signals import signals

NOON = 1_795_262_400.0  # 2026-11-21T12:00:00Z
TABLE = [(name, kind) for name in NAMES for kind in load(name).calls]
IDS = [f"{name}-{kind.__name__}" for name, kind in TABLE]
BASE = "http://127.0.0.1"

thorough = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def stand_in(name: str, kind: type[Conclusion]) -> tuple[StandIn, list[BaseModel]]:
    """A fresh one, with the settings that lead to it, in every variant this signal has cases for."""
    served = fake(name).app()[SERVED].stand_in
    given_settings: dict[str, Any] = served.settings(BASE)
    changes = [case.changes for case in cases(name) if type(case.signal.payload) is kind]
    return served, [load(name).config(**{**given_settings, **change}) for change in ({}, *changes)]


def told(sink: Sink, signal: Signal, config: BaseModel) -> tuple[Call, ...] | None:
    """`None` when it is refused in one of the two agreed ways."""
    try:
        return sink.calls[type(signal.payload)](signal, config)
    except (CannotSay, Unaddressable) as reason:
        event(type(reason).__name__)
        return None


def answered(served: StandIn, sink: Sink, config: BaseModel, call: Call, at: float) -> tuple[Verdict, Answer]:
    """Followed to its end."""
    return taken(sink, config, served, call, at, lambda call: call)


def together(sink: Sink, calls: tuple[Call, ...]) -> list[Call]:
    """The same, as far as they may travel together."""
    waiting = {batch: [call for call in calls if call.endpoint == batch.endpoint] for batch in sink.batches}
    return [batch.join(some) for batch, some in waiting.items() if some]


@pytest.mark.parametrize(("name", "kind"), TABLE, ids=IDS)
def test_it_becomes_calls_the_platform_takes_or_is_refused_as_agreed(name: str, kind: type[Conclusion]) -> None:
    sink = load(name)
    served, configs = stand_in(name, kind)
    joined, _ = stand_in(name, kind)
    clock = count(int(NOON), 60)

    @thorough
    @given(signals(kind), st.sampled_from(configs))
    def check(signal: Signal, config: BaseModel) -> None:
        before: tuple[Call, ...] | None = ()
        order = getattr(signal.payload, "order", None)
        if order is not None and kind is not OrderPlaced and OrderPlaced in sink.calls:
            placed = replace(signal, signal_id=signal.signal_id + "-placed", payload=OrderPlaced(order=order))
            before = told(sink, placed, config)
        calls = told(sink, signal, config)

        assert calls == told(sink, signal, config), "the same signal must become the same bytes"
        if before is None or calls is None:
            return
        event(f"{len(calls)} calls")
        for call in (*before, *calls):
            verdict, answer = answered(served, sink, config, call, next(clock))

            assert verdict is Verdict.DELIVERED, answer.body
        for request in together(sink, calls):
            verdict, answer = answered(joined, sink, config, request, next(clock))

            assert verdict is Verdict.DELIVERED, answer.body

    check()
