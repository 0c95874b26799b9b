"""`shoprelay listen` on the command line: every mistake is a sentence and exit 2, before Kafka is asked anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from shoprelay import cli
from shoprelay.listen.options import wanted_of


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--only", "calls"), "--only calls: one of events, signals, refused, parked"),
        (("--since", "yesterday"), "--since yesterday: neither a duration nor a time"),
        (("--no-follow",), "--no-follow: shows nothing without --since"),
        ((), "kafka.bootstrap: required"),
    ],
)
def test_a_mistake_is_a_sentence(alone: Path, given: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(cli.app, ("listen", *given))

    assert result.exit_code == 2 and said in result.stderr


def test_several_sorts_may_stand_together() -> None:
    assert wanted_of(None, None, ["events,parked", "refused"], None, True).only == {"events", "parked", "refused"}
