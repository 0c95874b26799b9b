"""Every sink there is keeps every behaviour: a new folder is under test as soon as it is there."""

from __future__ import annotations

import pytest

from shoprelay.certificate.behaviour import Behaviour
from shoprelay.certificate.certify import BEHAVIOURS, Outcome, find
from shoprelay.certificate.subject import load, names

SUBJECTS = {name: load(name) for name in names()}


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: f"{behaviour.number} {behaviour.title}")
@pytest.mark.parametrize("name", SUBJECTS)
def test_the_sink_keeps_it(name: str, behaviour: Behaviour) -> None:
    finding = find(behaviour, SUBJECTS[name])

    if finding.outcome is Outcome.UNFILLED:  # which CI forbids: what is there must be finished
        pytest.skip(f"an empty form: {finding.note}")
    assert finding.outcome in (Outcome.KEPT, Outcome.NOT_APPLICABLE), finding.note
