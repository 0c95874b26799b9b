"""The JSON Schema of our own JSON and what `generic` takes are one: every kind of event, full and bare."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import msgspec
import pytest

from schemas.events import ShopEvent
from schemas.samples import samples
from sources.webhooks import contract
from sources.webhooks.contract import Refusal, ShopSettings
from sources.webhooks.document import decoded
from sources.webhooks.generic.schema import json_schema

SCHEMA = jsonschema.Draft202012Validator(json_schema())
SHOP, NOW = ShopSettings(shop="mugs"), datetime(2026, 11, 25, tzinfo=UTC)
FULL = {name: event for name, event in samples(ShopEvent) if isinstance(event, ShopEvent)}


def written(event: ShopEvent) -> dict[str, Any]:
    """As a shop would write it."""
    told: dict[str, Any] = json.loads(msgspec.json.encode(event))
    told["type"] = told["payload"].pop("-type").removeprefix("shoprelay.events.")
    del told["-type"], told["shop"]
    return told


def taken(document: Any) -> Any:
    return contract.load("generic").normalize({}, decoded(json.dumps(document).encode()), SHOP, NOW)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json.loads(json.dumps(json_schema())) == json_schema()


@pytest.mark.parametrize("name", FULL)
def test_every_kind_of_event_passes_both_and_comes_out_as_it_went_in(name: str) -> None:
    event = FULL[name]
    SCHEMA.validate(written(event))
    SCHEMA.validate({"events": [written(event)]})

    assert taken(written(event)) == (msgspec.structs.replace(event, shop="mugs"),)


@pytest.mark.parametrize("name", FULL)
def test_what_the_schema_requires_is_required(name: str) -> None:
    told = written(FULL[name])
    kind = json_schema()["$defs"][told["type"]]
    for field in kind["required"]:
        without = {**told, "payload": {n: value for n, value in told["payload"].items() if n != field}}
        with pytest.raises(jsonschema.ValidationError):
            SCHEMA.validate(without)
        answer = taken(without)
        assert isinstance(answer, Refusal)
        assert (answer.field, answer.problem) == (f"payload.{field}", "is missing")


@pytest.mark.parametrize("field", ["event_id", "type", "occurred_at"])
def test_what_every_event_has_is_required(field: str) -> None:
    told = {name: value for name, value in written(FULL["Searched"]).items() if name != field}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told, json_schema())
    answer = taken(told)
    assert isinstance(answer, Refusal)
    assert answer.field == field
