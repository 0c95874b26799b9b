"""The golden cases: each signal becomes exactly the calls written beside it."""

from __future__ import annotations

import re

import pytest

from sinks.contract import CannotSay, Unaddressable, load
from tests.sinks.folders import CASES, NAMES, Case, cases, said, shown


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_signal_becomes_exactly_these_calls(case: Case) -> None:
    if case.unaddressable:
        with pytest.raises(Unaddressable):
            said(case.signal, case.config, case.sink)
    elif case.cannot_say is not None:
        with pytest.raises(CannotSay, match=f"^{re.escape(case.cannot_say)}$"):
            said(case.signal, case.config, case.sink)
    else:
        calls = [shown(call) for call in said(case.signal, case.config, case.sink)]

        assert case.calls == calls


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_file_is_named_after_its_signal(case: Case) -> None:
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(case.signal.payload).__name__).lower()

    assert re.fullmatch(rf"{kind}--[a-z0-9_]+", case.path.stem)


@pytest.mark.parametrize("name", NAMES)
def test_each_signal_in_the_table_has_a_case_with_calls_or_silence(name: str) -> None:
    told = {type(case.signal.payload) for case in cases(name) if case.calls is not None}

    assert set(load(name).calls) == told
