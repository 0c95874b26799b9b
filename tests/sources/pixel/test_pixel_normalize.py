"""What a browser says as events: every case beside the source, and whatever else somebody may send."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sources.pixel
from schemas.events import CustomerEvent, IdentityLinked, ShopEvent
from shoprelay.certificate.purity import _impure
from sources.pixel import SOURCE
from sources.pixel.normalize import IDENTITY, LONGEST_WAIT, SIGNED
from sources.webhooks.contract import Refusal, ShopSettings, Told
from sources.webhooks.document import decoded
from streams.domain.identity import links_of
from streams.domain.policy import Policy
from streams.domain.validate import problem_of
from tests.sources.webhooks.test_any_json import JSON, SECRET, places, put
from tests.sources.webhooks.test_cases import RECEIVED, shown
from tests.thorough import examples

CASES = {
    path.stem: json.loads(path.read_text())
    for path in sorted((Path(sources.pixel.__file__).parent / "cases").glob("*.json"))
}


def told(case: dict[str, Any], at: datetime = RECEIVED) -> Told:
    headers = {name.lower(): value for name, value in case["headers"].items()}
    shop = ShopSettings(shop="mugs", **case.get("settings", {}))
    return SOURCE.normalize(headers, decoded(json.dumps(case["body"]).encode()), shop, at)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_case_says_what_stands_beside_it(case: dict[str, Any]) -> None:
    answer = told(case)

    if "refused" in case:
        assert isinstance(answer, Refusal)
        assert {"field": answer.field, "problem": answer.problem, "remedy": answer.remedy} == case["refused"]
        return
    assert isinstance(answer, tuple), answer
    assert [shown(event) for event in answer] == case["events"]
    assert {event.source for event in answer} <= {"pixel"}
    assert [problem_of(event, Policy()) for event in answer] == [None] * len(answer)


@settings(max_examples=examples(300), deadline=None)
@given(data=st.data())
def test_a_body_with_parts_replaced_by_any_json_is_events_or_a_refusal(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(list(CASES.values())))
    body = case["body"]
    for _ in range(data.draw(st.integers(1, 2))):
        body = put(body, data.draw(st.sampled_from(places(body))), data.draw(JSON | st.just(SECRET)))
    headers = data.draw(st.sampled_from([{}, {IDENTITY: SIGNED}]))
    answer = SOURCE.normalize(headers, body, ShopSettings(shop="mugs", currency="EUR"), RECEIVED)

    if isinstance(answer, Refusal):
        assert SECRET not in f"{answer.field} {answer.problem} {answer.remedy}"
        return
    for event in answer:
        assert isinstance(event, ShopEvent)
        assert RECEIVED - LONGEST_WAIT <= event.occurred_at <= RECEIVED
        assert event.event_id.startswith("pixel:")
        problem_of(event, Policy())


def test_no_key_of_a_document_stands_in_a_refusal() -> None:
    body = CASES["active"]["body"]
    for place in places(body):
        node: Any = body
        for key in place:
            node = node[key]
        if not isinstance(node, dict):
            continue
        answer = SOURCE.normalize({}, put(body, (*place, SECRET), {SECRET: 1}), ShopSettings(shop="mugs"), RECEIVED)
        assert isinstance(answer, Refusal)
        assert SECRET not in f"{answer.field} {answer.problem} {answer.remedy}"


def test_a_replay_is_the_same_events_under_the_same_ids() -> None:
    for case in CASES.values():
        first, second = told(case), told(case, RECEIVED + timedelta(days=40))
        if isinstance(first, tuple) and isinstance(second, tuple):
            assert [event.event_id for event in first] == [event.event_id for event in second]


def test_a_signed_name_links_the_browser_to_the_person_and_an_unsigned_one_links_nothing() -> None:
    def links(case: str) -> list[CustomerEvent]:
        answer = told(CASES[case])
        assert isinstance(answer, tuple)
        return [link for event in answer for link in links_of(event, RECEIVED)]

    assert links("identified-but-not-signed") == []
    keys = {(link.key.partition("/")[2][0], type(link.fact.payload)) for link in links("identified")}
    assert ("a", IdentityLinked) in keys


def test_it_is_pure() -> None:
    """No clock, no chance, no I/O, no float: asked again, the same comes out."""
    for name in ("body.py", "normalize.py"):
        tree = ast.parse((Path(sources.pixel.__file__).parent / name).read_text())
        assert [what for node in ast.walk(tree) for what in _impure(node)] == []


def test_who_did_it_keeps_it_in_order() -> None:
    assert SOURCE.entity({}, CASES["active"]["body"]) == CASES["active"]["body"]["anonymous_id"]
    assert [SOURCE.entity({}, odd) for odd in ([], {}, {"anonymous_id": 7}, None)] == [None] * 4
    assert RECEIVED.tzinfo is UTC
