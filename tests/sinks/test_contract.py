"""How sinks are found. What each must do stands in `docs/specs/sink.md`, and is tried in `tests/certificate`."""

from __future__ import annotations

import pytest

from sinks.contract import load
from tests.sinks.folders import NAMES


def test_a_sink_is_found_by_its_folder() -> None:
    assert [load(name).name for name in NAMES] == NAMES


def test_a_sink_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(LookupError, match=", ".join(NAMES)):
        load("nobody")
