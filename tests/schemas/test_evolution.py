"""The gate: what was published stays readable, and changes that would lose something are refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas import evolution
from schemas.language import FILES
from schemas.layout import HERE, load, parse
from schemas.records import Parked
from schemas.resolution import differences
from schemas.samples import rendering

STEMS = [file.removesuffix(".avsc") for file in FILES]


def test_nothing_speaks_against_the_schemas_as_they_are() -> None:
    assert evolution.check() == []


@pytest.mark.parametrize("stem", STEMS)
def test_every_published_record_is_read_by_todays_classes(stem: str) -> None:
    folder = evolution.PUBLISHED / stem
    versions = sorted(int(path.stem) for path in folder.glob("*.avsc"))
    assert versions == list(range(1, len(versions) + 1)) and versions
    for version in versions:
        read = list(evolution.read_published(folder, version, parse(load(f"{stem}.avsc"))))
        assert read
        for branch, obj, then in read:
            assert isinstance(obj, FILES[f"{stem}.avsc"])
            if version == versions[-1]:
                assert rendering(obj) == then, branch
            else:
                assert agree(rendering(obj), then), branch


def agree(today: Any, then: Any) -> bool:
    """What both know is equal; fields may have come and gone since."""
    if isinstance(today, dict):
        return isinstance(then, dict) and all(agree(today[key], then[key]) for key in today.keys() & then.keys())
    if isinstance(today, list):
        return len(today) == len(then) and all(map(agree, today, then))
    return bool(today == then)


def test_every_branch_has_a_published_record() -> None:
    def branches(stem: str) -> list[str]:
        lines = (evolution.PUBLISHED / stem / "1.jsonl").read_text().splitlines()
        return [json.loads(line)["branch"] for line in lines]

    assert len(branches("shop_event")) == 28
    assert len(branches("signal")) == 22
    assert len(branches("catalog_signal")) == 3
    assert branches("customer_event")[-2:] == ["DeadlineReached", "CartTransferred"]
    assert len(branches("customer_event")) == 30


# -- the table of changes


def record(*fields: dict[str, Any], name: str = "R", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(kind: Any, name: str = "f", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


def amount(precision: int, scale: int) -> dict[str, Any]:
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
A, B = record(field("string"), name="A"), record(field("long"), name="B")

ACCEPTED: dict[str, tuple[Any, Any]] = {
    "nothing changed": (record(field("string")), record(field("string"))),
    "other documentation": (record(field("string")), record(field("string", doc="new"), doc="new")),
    "field added with default": (record(), record(field("string", default=""))),
    "field removed with default": (record(field("string", default="")), record()),
    "field removed without default": (record(field("string")), record()),
    "fields in another order": (
        record(field("string", "a"), field("long", "b")),
        record(field("long", "b"), field("string", "a")),
    ),
    "field renamed with alias": (record(field("string", "old")), record(field("string", "new", aliases=["old"]))),
    "field became optional": (record(field("string")), record(field(["null", "string"]))),
    "branch added": (record(field([A])), record(field([A, B]))),
    "branches in another order": (record(field([A, B])), record(field([B, A]))),
    "record renamed with alias": (record(field([A, B])), record(field([{**A, "name": "N", "aliases": ["A"]}, B]))),
    "one branch left of a union that had one": (record(field([A])), record(field(A))),
    "symbol added": (record(field(enum("a"))), record(field(enum("a", "b")))),
    "symbol removed with default": (record(field(enum("a", "b"))), record(field(enum("a", default="a")))),
    "int to long": (record(field("int")), record(field("long"))),
    "long to double": (record(field("long")), record(field("double"))),
    "float to double": (record(field("float")), record(field("double"))),
    "string to bytes": (record(field("string")), record(field("bytes"))),
    "int to long in an array": (
        record(field({"type": "array", "items": "int"})),
        record(field({"type": "array", "items": "long"})),
    ),
}

REFUSED: dict[str, tuple[Any, Any, str]] = {
    "field added without default": (record(), record(field("string")), "R.f: is new and has no default"),
    "field renamed without alias": (record(field("string", "a")), record(field("string", "b")), "R.b: is new"),
    "record renamed": (record(name="A"), record(name="B"), "A: was A, is B"),
    "namespace changed": (record(namespace="x"), record(namespace="y"), "x.R: was x.R, is y.R"),
    "branch removed": (record(field([A, B])), record(field([A])), "R.f: the branch B has gone"),
    "null removed": (record(field(["null", "string"])), record(field("string")), "R.f: the branch null has gone"),
    "change inside a branch": (
        record(field([A, B])),
        record(field([A, record(field("string"), name="B")])),
        "R.f.B.f: was long, is string",
    ),
    "symbol removed without default": (record(field(enum("a", "b"))), record(field(enum("a"))), "the symbols b have"),
    "long to int": (record(field("long")), record(field("int")), "R.f: was long, is int"),
    "double to long": (record(field("double")), record(field("long")), "R.f: was double, is long"),
    "string to long": (record(field("string")), record(field("long")), "R.f: was string, is long"),
    "scale changed": (record(field(amount(20, 4))), record(field(amount(20, 2))), "decimal(20, 4), is decimal(20, 2)"),
    "precision changed": (record(field(amount(20, 4))), record(field(amount(18, 4))), "is decimal(18, 4)"),
    "decimal lost": (record(field(amount(20, 4))), record(field("bytes")), "was decimal(20, 4), is bytes"),
    "millis to micros": (record(field(MILLIS)), record(field(MICROS)), "was long (timestamp-millis)"),
    "time lost": (record(field(MILLIS)), record(field("long")), "is long"),
    "array items": (
        record(field({"type": "array", "items": "string"})),
        record(field({"type": "array", "items": "long"})),
        "R.f[]: was string, is long",
    ),
    "map values": (
        record(field({"type": "map", "values": "long"})),
        record(field({"type": "map", "values": "boolean"})),
        "R.f[]: was long, is boolean",
    ),
    "array to map": (
        record(field({"type": "array", "items": "string"})),
        record(field({"type": "map", "values": "string"})),
        "was array of string, is map of string",
    ),
    "fixed of another size": (
        record(field({"type": "fixed", "name": "F", "size": 2})),
        record(field({"type": "fixed", "name": "F", "size": 3})),
        "R.f: was F, is F",
    ),
}


@pytest.mark.parametrize("change", ACCEPTED)
def test_compatible_changes_are_accepted(change: str) -> None:
    then, now = ACCEPTED[change]
    assert list(differences(parse(json.dumps(then)), parse(json.dumps(now)))) == []


@pytest.mark.parametrize("change", REFUSED)
def test_incompatible_changes_are_refused_and_named(change: str) -> None:
    then, now, says = REFUSED[change]
    found = [str(each) for each in differences(parse(json.dumps(then)), parse(json.dumps(now)))]
    assert len(found) == 1 and says in found[0], found


# -- publishing


@pytest.fixture
def copies(tmp_path: Path) -> tuple[Path, Path]:
    current, published = tmp_path / "avro", tmp_path / "published"
    shutil.copytree(HERE, current)
    shutil.copytree(evolution.PUBLISHED, published)
    return current, published


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    schema = json.loads(path.read_text(encoding="utf-8"))
    change(schema)
    path.write_text(json.dumps(schema), encoding="utf-8")


def test_a_compatible_change_must_be_published_and_then_is(copies: tuple[Path, Path]) -> None:
    current, published = copies
    versions = len(list((published / "refused").glob("*.avsc")))
    edit(current / "refused.avsc", lambda schema: schema.update(doc="Other words."))
    said = [str(problem) for problem in evolution.check(current, published)]
    assert said == ["refused.avsc: not published as it is now: publish it with `shoprelay schemas publish`"]
    assert evolution.publish(current, published) == [published / "refused" / f"{versions + 1}.avsc"]
    assert evolution.check(current, published) == []
    assert evolution.publish(current, published) == []


def test_an_incompatible_change_is_not_published_nor_is_anything_beside_it(copies: tuple[Path, Path]) -> None:
    current, published = copies
    before = sorted(published.rglob("*"))
    edit(current / "refused.avsc", lambda schema: schema.update(doc="Other words."))
    edit(current / "shop_event.avsc", lambda schema: schema["fields"][-1]["type"].pop())
    with pytest.raises(evolution.NotPublishable, match="StoreDisconnected has gone"):
        evolution.publish(current, published)
    assert sorted(published.rglob("*")) == before
    assert any("StoreDisconnected" in problem.says for problem in evolution.check(current, published))


def test_every_older_version_counts_not_only_the_last(copies: tuple[Path, Path]) -> None:
    current, published = copies
    folder = published / "catalog_signal"
    last = max(int(path.stem) for path in folder.glob("*.avsc"))
    for ending in ("avsc", "jsonl"):
        shutil.copy(folder / f"{last}.{ending}", folder / f"{last + 1}.{ending}")
    edit(folder / f"{last}.avsc", lambda schema: schema["fields"][1].update(type="long"))
    said = evolution.check(current, published)
    assert [(each.file, each.version) for each in said] == [("catalog_signal.avsc", last)]
    assert said[0].says == "shoprelay.signals.CatalogSignal.shop: was long, is string"


def test_a_published_record_that_cannot_be_read_is_a_problem(copies: tuple[Path, Path]) -> None:
    current, published = copies
    kept = published / "parked" / "1.jsonl"
    line = json.loads(kept.read_text(encoding="utf-8"))
    kept.write_text(json.dumps({**line, "body": line["body"][:-8]}) + "\n", encoding="utf-8")
    assert [each.file for each in evolution.check(current, published)] == ["parked.avsc"]


def test_a_file_that_is_no_schema_is_a_problem(copies: tuple[Path, Path]) -> None:
    current, published = copies
    (current / "signal.avsc").write_text("{", encoding="utf-8")
    (current / "parked.avsc").unlink()
    assert {each.file for each in evolution.check(current, published)} == {"signal.avsc", "parked.avsc"}


def test_a_call_parked_before_it_said_what_it_opens_opens_nothing_and_waits_for_nobody() -> None:
    today = parse(load("parked.avsc"))
    ((_, before, _),) = evolution.read_published(evolution.PUBLISHED / "parked", 1, today)
    ((_, since, _),) = evolution.read_published(evolution.PUBLISHED / "parked", 2, today)
    assert isinstance(before, Parked) and isinstance(since, Parked)
    assert (before.opens, before.behind) == (None, None)
    assert (since.opens, since.behind) == ("a opens", "a behind")
