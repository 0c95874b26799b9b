"""A publisher's schema is text from outside, and readers are compiled from it: nothing in it may become code."""

import json
from pathlib import Path

import pytest

from schemas.events import ShopEvent
from schemas.language import CLASSES
from schemas.layout import BadSchema, Record, load, parse
from schemas.reading import compile_reader

TRAP = 'x"); __import__("pathlib").Path({target!r}).touch() #'


def schema_with(target: Path, where: str) -> str:
    schema = json.loads(load("shop_event.avsc"))
    trap = TRAP.format(target=str(target))
    match where:
        case "field":
            schema["fields"].insert(0, {"name": trap, "type": "string"})
        case "record":
            schema["fields"].insert(0, {"name": "extra", "type": {"type": "record", "name": trap, "fields": []}})
        case "symbol":
            schema["fields"].insert(0, {"name": "extra", "type": {"type": "enum", "name": "E", "symbols": [trap, "A"]}})
        case "default":
            schema["fields"].insert(0, {"name": "extra", "type": "string", "default": trap})
        case "fixed":
            schema["fields"].insert(0, {"name": "extra", "type": {"type": "fixed", "name": "F", "size": trap}})
        case "precision":
            amount = {"type": "bytes", "logicalType": "decimal", "precision": trap, "scale": 0}
            schema["fields"].insert(0, {"name": "extra", "type": amount})
        case "logical":
            schema["fields"].insert(0, {"name": "extra", "type": {"type": "long", "logicalType": trap}})
    return json.dumps(schema)


@pytest.mark.parametrize("where", ["field", "record", "symbol", "default", "fixed", "precision", "logical"])
def test_no_text_of_a_foreign_schema_becomes_code(tmp_path: Path, where: str) -> None:
    target = tmp_path / "touched"
    try:
        layout = parse(schema_with(target, where))
        ours = parse(load("shop_event.avsc"))
        assert isinstance(layout, Record)
        read = compile_reader(layout, ours, CLASSES)
        for body in (b"", b"\x00" * 200, b"\x02a" * 100):
            try:
                read(body, 0)
            except Exception as harmless:
                assert not isinstance(harmless, SyntaxError | NameError), harmless
    except BadSchema:
        pass

    assert not target.exists()


def test_the_trap_would_be_seen(tmp_path: Path) -> None:
    """The text above does touch the file when it is run: the test before this one can fail."""
    target = tmp_path / "touched"
    exec('str("' + TRAP.format(target=str(target)))

    assert target.exists()
    assert ShopEvent is CLASSES["shoprelay.events.ShopEvent"]
