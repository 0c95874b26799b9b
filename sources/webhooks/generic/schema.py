"""The JSON Schema of our own JSON, made from the Avro schema, whose `doc`s it carries: one truth, two forms."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from schemas.layout import load

Node = dict[str, Any]
_PLAIN: dict[str, Node] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "int": {"type": "integer"},
    "long": {"type": "integer"},
}
_AMOUNT: Node = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?\d+(\.\d{1,4})?$"}]}
_TIME: Node = {"type": "string", "format": "date-time"}
_OURS = ("shop",)  # the address says it


@cache
def json_schema() -> Node:
    """Draft 2020-12 of what `generic` takes: an event, or `events`."""
    avro = json.loads(load("shop_event.avsc"))
    records: dict[str, Node] = {}
    (union,) = (field["type"] for field in avro["fields"] if field["name"] == "payload")
    kinds = [branch["name"] for branch in union if _of(branch, records)]
    head = _record({**avro, "fields": [f for f in avro["fields"] if f["name"] not in ("payload", *_OURS)]}, records)
    head["properties"] |= {"type": {"enum": kinds}, "payload": {"type": "object"}}
    head["required"] += ["type"]
    head["allOf"] = [
        {
            "if": {"properties": {"type": {"const": kind}}},
            "then": {"properties": {"payload": {"$ref": f"#/$defs/{kind}"}}, **_needed(records[kind])},
        }
        for kind in kinds
    ]
    several = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/ShopEvent"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Shoprelay event",
        "anyOf": [
            {"$ref": "#/$defs/ShopEvent"},
            {
                "type": "object",
                "properties": {"events": several},
                "required": ["events"],
                "additionalProperties": False,
            },
        ],
        "$defs": {"ShopEvent": head, **records},
    }


def _needed(payload: Node) -> Node:
    return {"required": ["payload"]} if payload["required"] else {}


def _record(avro: Node, records: dict[str, Node]) -> Node:
    required = [field["name"] for field in avro["fields"] if "default" not in field]
    properties = {
        field["name"]: {**_of(field["type"], records), "description": field.get("doc", "")} for field in avro["fields"]
    }
    return {
        "type": "object",
        "description": avro.get("doc", ""),
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _of(avro: Any, records: dict[str, Node]) -> Node:
    if isinstance(avro, str):
        return dict(_PLAIN[avro]) if avro in _PLAIN else {"$ref": f"#/$defs/{avro.rpartition('.')[2]}"}
    if isinstance(avro, list):
        (kind,) = (_of(each, records) for each in avro if each != "null")
        return {"anyOf": [kind, {"type": "null"}]} if "null" in avro else kind
    if avro.get("logicalType") == "decimal":
        return dict(_AMOUNT)
    if avro.get("logicalType") == "timestamp-millis":
        return dict(_TIME)
    match avro["type"]:
        case "record":
            records[avro["name"]] = {}  # known by name before its fields are read
            records[avro["name"]] = _record(avro, records)
            return {"$ref": f"#/$defs/{avro['name']}"}
        case "enum":
            records[avro["name"]] = {"enum": avro["symbols"]}
            return {"$ref": f"#/$defs/{avro['name']}"}
        case "array":
            return {"type": "array", "items": _of(avro["items"], records)}
        case "map":
            return {"type": "object", "additionalProperties": _of(avro["values"], records)}
    return _of(avro["type"], records)
