"""The certificate itself: Acme is certified, and every planted bug is seen by the behaviour it breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoprelay.certificate.certify import BEHAVIOURS, Outcome, certify, find
from shoprelay.certificate.subject import load
from tests.certificate.planted import PLANTED, Ground, Planted

pytestmark = pytest.mark.thorough

ACME = load("acme", "tests.certificate")
NUMBERS = [behaviour.number for behaviour in BEHAVIOURS]
BY_NUMBER = {behaviour.number: behaviour for behaviour in BEHAVIOURS}


def test_acme_keeps_every_behaviour_and_declares_what_can_be_declared() -> None:
    findings = [(finding.behaviour.number, finding.outcome, finding.note) for finding in certify(ACME)]

    assert [(number, Outcome.KEPT, "") for number in NUMBERS] == findings


def test_there_are_about_forty_and_each_has_a_number_of_its_own() -> None:
    assert len(set(NUMBERS)) == len(NUMBERS) >= 40


def test_every_behaviour_has_a_planted_bug() -> None:
    assert {planted.number for planted in PLANTED} == set(NUMBERS)


@pytest.mark.parametrize("planted", PLANTED, ids=str)
def test_the_planted_bug_is_seen(planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = planted.plant(ACME, Ground(tmp_path, monkeypatch))

    finding = find(BY_NUMBER[planted.number], subject)

    assert finding.outcome is Outcome.BROKEN, finding


@pytest.mark.slow
@pytest.mark.parametrize("planted", PLANTED, ids=str)
def test_nobody_else_complains(planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = planted.plant(ACME, Ground(tmp_path, monkeypatch))

    broken = {finding.behaviour.number for finding in certify(subject) if finding.outcome is Outcome.BROKEN}

    assert broken - {planted.number} == planted.also
