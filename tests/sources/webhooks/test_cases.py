"""Every case beside a source: headers and body in, these events out, to the last digit; or this refusal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.events import ShopEvent
from sources.webhooks import contract
from sources.webhooks.contract import Refusal, ShopSettings, Told
from sources.webhooks.document import decoded
from streams.domain.policy import Policy
from streams.domain.validate import problem_of

WEBHOOKS = Path(contract.__file__).parent
CASES = sorted(WEBHOOKS.glob("*/cases/*.json"))
RECEIVED = datetime(2026, 11, 25, 12, tzinfo=UTC)


def told(system: str, case: dict[str, Any]) -> Told:
    headers = {name.lower(): value for name, value in case.get("headers", {}).items()}
    settings = ShopSettings(shop="mugs", **case.get("settings", {}))
    body = json.dumps(case["body"]).encode()
    return contract.load(system).normalize(headers, decoded(body), settings, RECEIVED)


def shown(event: ShopEvent) -> Any:
    """As JSON, without what every event has alike and what is as it always is."""
    written = json.loads(msgspec.json.encode(event))
    for same in ("-type", "shop", "source"):
        written.pop(same, None)
    written["payload"]["-type"] = written["payload"]["-type"].removeprefix("shoprelay.events.")
    return written


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parts[-3]}/{path.stem}")
def test_a_case_says_what_stands_beside_it(path: Path) -> None:
    system, case = path.parts[-3], json.loads(path.read_text())
    answer = told(system, case)

    if "refused" in case:
        assert isinstance(answer, Refusal)
        assert {"field": answer.field, "problem": answer.problem, "remedy": answer.remedy} == case["refused"]
        return
    assert isinstance(answer, tuple), answer
    assert [shown(event) for event in answer] == case["events"]
    assert {event.shop for event in answer} <= {"mugs"}
    assert {event.source for event in answer} <= {system}
    assert [problem_of(event, Policy()) for event in answer] == [None] * len(answer)


def test_every_system_has_cases() -> None:
    assert {path.parts[-3] for path in CASES} == set(contract.names())
