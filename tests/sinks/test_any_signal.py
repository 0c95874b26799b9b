"""Whatever the language can say becomes calls that the strict stand-in takes, or is refused in the agreed way."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from schemas.signals import AnySignal, Conclusion
from shoprelay.certificate.asking import taken
from shoprelay.certificate.material import before, borrowed
from shoprelay.certificate.subject import Subject, load
from sinks.contract import Call, CannotSay, Sink, Unaddressable, Verdict
from tests.sinks.folders import NAMES
from tests.sinks.signals import signals
from tests.thorough import examples

pytestmark = pytest.mark.thorough

NOON = 1_795_262_400.0  # 2026-11-21T12:00:00Z
SUBJECTS = {name: load(name) for name in NAMES}
TABLE = [(name, kind) for name, subject in SUBJECTS.items() for kind in subject.table]
IDS = [f"{name}-{kind.__name__}" for name, kind in TABLE]

thorough = settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def variants(subject: Subject, kind: type[Conclusion]) -> list[BaseModel]:
    """The settings that lead to the stand-in, in every variant this signal has cases for."""
    changes = [case.changes for case in subject.cases if type(case.signal.payload) is kind]
    return [subject.config(**change) for change in ({}, *changes)]


def told(subject: Subject, signal: AnySignal, config: BaseModel) -> tuple[Call, ...] | None:
    """`None` when it is refused in one of the two agreed ways."""
    try:
        return subject.said(signal, config) if type(signal.payload) in subject.table else ()
    except (CannotSay, Unaddressable) as reason:
        event(type(reason).__name__)
        return None


def together(sink: Sink, calls: tuple[Call, ...]) -> list[Call]:
    """The same, as far as they may travel together."""
    waiting = {batch: [call for call in calls if call.endpoint == batch.endpoint] for batch in sink.batches}
    return [batch.join(some) for batch, some in waiting.items() if some]


@pytest.mark.parametrize(("name", "kind"), TABLE, ids=IDS)
def test_it_becomes_calls_the_platform_takes_or_is_refused_as_agreed(name: str, kind: type[Conclusion]) -> None:
    subject = SUBJECTS[name]
    configs, clock = variants(subject, kind), count(int(NOON), 60)
    first = next(iter(subject.cases)).signal
    ways = [(served, borrowed(subject, configs[0], served, first)) for served in (subject.stand_in() for _ in "12")]

    @thorough
    @given(signals(kind), st.sampled_from(configs))
    def check(signal: AnySignal, config: BaseModel) -> None:
        earlier = [told(subject, each, config) for each in before(signal)]
        calls = told(subject, signal, config)

        assert calls == told(subject, signal, config), "the same signal must become the same bytes"
        if calls is None or None in earlier:
            return
        event(f"{len(calls)} calls")
        alone = [call for each in earlier if each for call in each] + list(calls)
        for (served, put), requests in zip(ways, (alone, together(subject.sink, calls)), strict=True):
            for request in requests:
                verdict, answer = taken(subject.sink, config, served, request, next(clock), put)

                assert verdict is Verdict.DELIVERED, answer.body

    check()
