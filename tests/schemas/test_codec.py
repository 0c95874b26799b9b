"""What others rely on: framing, refusals with reasons, one fetch per miss, splicing, a registry that goes away."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Any

import httpx
import pytest

from schemas.codec import (
    REASONS,
    Codec,
    SchemaMissing,
    Undecodable,
    Unwritable,
    splice_catalog_event,
    splice_customer_event,
)
from schemas.events import CartReplaced, CatalogEvent, CustomerEvent, DeadlineReached, SessionActive, ShopEvent
from schemas.layout import load
from schemas.quantities import Unreadable, raw_long
from schemas.registry import Registry, RegistryUnavailable
from schemas.samples import samples
from schemas.signals import Signal
from schemas.values import CustomerRef, LineItem
from tests.schemas.conftest import Running

NOON = datetime(2026, 11, 21, 12, 0, 0, 5000, tzinfo=UTC)
MUG = LineItem(product_id="mug", name="Häferl ☕", unit_price=Decimal("9.9"), options={"colour": "blue"})
CART = CartReplaced(cart_id="c-1", lines=(MUG, MUG), currency="EUR")
EVENT = ShopEvent(
    event_id="e-1", shop="demo", occurred_at=NOON, customer=CustomerRef(email="a@b.example"), payload=CART
)


def shop_codec(registry: Registry, **options: Any) -> Codec[ShopEvent]:
    return Codec(registry, "shop-events-value", "shop_event.avsc", ShopEvent, **options)


@pytest.fixture
async def codec(registry: Registry) -> Codec[ShopEvent]:
    made = shop_codec(registry)
    await made.prepare()
    return made


def changed(edit: Callable[[dict[str, Any]], None], file: str = "shop_event.avsc") -> str:
    schema = json.loads(load(file))
    edit(schema)
    return json.dumps(schema)


def refused(codec: Codec[Any], data: bytes | None) -> Undecodable:
    with pytest.raises(Undecodable) as caught:
        codec.decode(data)
    assert caught.value.problem and caught.value.remedy and caught.value.reason in REASONS
    return caught.value


async def foreign(codec: Codec[Any], schema: str, data: bytes) -> bytes:
    """The body of `data` under the id of another schema, fetched."""
    await codec.registry.set_level("NONE", "elsewhere")
    schema_id = await codec.registry.register("elsewhere", schema)
    with pytest.raises(SchemaMissing) as missing:
        codec.decode(b"\x00" + schema_id.to_bytes(4, "big") + data[5:])
    assert missing.value.schema_id == schema_id
    await codec.fetch(schema_id)
    return b"\x00" + schema_id.to_bytes(4, "big") + data[5:]


# -- there and back


async def test_an_event_comes_back_from_confluents_framing(codec: Codec[ShopEvent]) -> None:
    data = codec.encode(EVENT)
    assert data[0] == 0 and int.from_bytes(data[1:5], "big") == await codec.prepare()
    assert codec.decode(data) == EVENT
    assert codec.decode(memoryview(data)) == EVENT


async def test_equal_objects_give_equal_bytes(codec: Codec[ShopEvent]) -> None:
    def event(price: str, options: dict[str, str]) -> ShopEvent:
        line = LineItem(product_id="p", unit_price=Decimal(price), options=options, quantity=Decimal("1.0"))
        return ShopEvent(event_id="e", shop="s", occurred_at=NOON, payload=CartReplaced(lines=(line,), currency="EUR"))

    one, other = event("9.9", {"a": "1", "b": "2"}), event("9.9000", {"b": "2", "a": "1"})
    assert one == other
    assert codec.encode(one) == codec.encode(other)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("9.9", "9.90"),
        ("9.9000", "9.90"),
        ("9.125", "9.125"),
        ("0", "0.00"),
        ("-0.0001", "-0.0001"),
        ("1E+3", "1000.00"),
    ],
)
async def test_equal_amounts_are_read_with_equal_places(codec: Codec[ShopEvent], written: str, read: str) -> None:
    line = LineItem(product_id="p", unit_price=Decimal(written))
    event = ShopEvent(event_id="e", shop="s", occurred_at=NOON, payload=CartReplaced(lines=(line,), currency="EUR"))
    payload = codec.decode(codec.encode(event)).payload
    assert isinstance(payload, CartReplaced)
    assert str(payload.lines[0].unit_price) == read


async def test_amounts_do_not_depend_on_the_decimal_context(codec: Codec[ShopEvent]) -> None:
    line = LineItem(product_id="p", unit_price=Decimal("-9876543210123456.7891"))
    event = ShopEvent(event_id="e", shop="s", occurred_at=NOON, payload=CartReplaced(lines=(line,), currency="EUR"))
    with localcontext() as context:
        context.prec = 3
        assert codec.decode(codec.encode(event)) == event


async def test_five_megabytes_pass(codec: Codec[ShopEvent]) -> None:
    lines = tuple(LineItem(product_id=f"p{n}", name="n" * 400, unit_price=Decimal(n) / 100) for n in range(12_000))
    event = ShopEvent(event_id="e", shop="s", occurred_at=NOON, payload=CartReplaced(lines=lines, currency="EUR"))
    data = codec.encode(event)
    assert len(data) > 5_000_000
    assert codec.decode(data) == event


# -- what does not fit


@pytest.mark.parametrize(
    ("line", "field", "problem"),
    [
        (LineItem(product_id="p", unit_price=Decimal("1.00001")), "LineItem.unit_price", "more than 4 places"),
        (LineItem(product_id="p", unit_price=Decimal(10) ** 16), "LineItem.unit_price", "more than 16 digits"),
        (LineItem(product_id="p", quantity=Decimal("1E+999999")), "LineItem.quantity", "more than 16 digits"),
        (LineItem(product_id="p", unit_price=Decimal("NaN")), "LineItem.unit_price", "finite"),
        (LineItem(product_id="p", unit_price=9.99), "LineItem.unit_price", "float"),  # type: ignore[arg-type]
        (LineItem(product_id=7), "payload.lines[0].product_id", "Expected `str`, got `int`"),  # type: ignore[arg-type]
        (LineItem(product_id="\ud800"), "ShopEvent", "cannot hold"),
    ],
)
async def test_a_value_that_does_not_fit_is_named(
    codec: Codec[ShopEvent], line: LineItem, field: str, problem: str
) -> None:
    event = ShopEvent(event_id="e", shop="s", occurred_at=NOON, payload=CartReplaced(lines=(line,), currency="EUR"))
    with pytest.raises(Unwritable, match=problem) as caught:
        codec.encode(event)
    assert caught.value.field == field


async def test_a_time_without_a_zone_and_a_stranger_are_refused(codec: Codec[ShopEvent]) -> None:
    naive = ShopEvent(event_id="e", shop="s", occurred_at=NOON.replace(tzinfo=None), payload=SessionActive())
    with pytest.raises(Unwritable, match="zone") as caught:
        codec.encode(naive)
    assert caught.value.field == "ShopEvent.occurred_at"
    with pytest.raises(Unwritable, match=r"payload: a DeadlineReached has no place"):
        deadline: Any = DeadlineReached(event_id="e", shop="s", cart_id="c", due_at=NOON)
        codec.encode(ShopEvent(event_id="e", shop="s", occurred_at=NOON, payload=deadline))
    with pytest.raises(Unwritable, match="a LineItem where a ShopEvent belongs"):
        codec.encode(MUG)  # type: ignore[arg-type]


async def test_nothing_is_written_before_prepare(registry: Registry) -> None:
    with pytest.raises(RuntimeError, match="shop-events-value is not prepared"):
        shop_codec(registry).encode(EVENT)


def test_file_and_class_must_belong_together() -> None:
    with pytest.raises(TypeError, match=r"signal\.avsc does not describe ShopEvent"):
        Codec(Registry("http://localhost:1"), "s", "signal.avsc", ShopEvent)


# -- what cannot be read


async def test_bytes_that_will_never_be_read_say_why(codec: Codec[ShopEvent]) -> None:
    data = codec.encode(EVENT)
    assert refused(codec, None).reason == "empty"
    assert refused(codec, b"").reason == "empty"
    assert refused(codec, b'{"event": 1}').reason == "not-framed"
    assert refused(codec, b"\x00\x00").reason == "not-framed"
    assert refused(codec, data + b"\x00").reason == "trailing-bytes"
    assert {refused(codec, data[:end]).reason for end in range(5, len(data))} == {"truncated"}


def damaged(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) == 1 and len(old) == len(new)
    return data.replace(old, new)


async def test_damage_inside_is_named(codec: Codec[ShopEvent]) -> None:
    data = codec.encode(EVENT)
    source = b"\x12canonical\x00"
    assert (
        refused(codec, damaged(data, b"Acanonical"[1:], b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7")).reason == "bad-text"
    )
    assert refused(codec, damaged(data, source, source[:-1] + b"\x04")).reason == "unknown-symbol"
    assert refused(codec, damaged(data, b"\x08demo", b"\x07demo")).reason == "bad-length"
    late = ShopEvent(event_id="e", shop="s", occurred_at=NOON, payload=SessionActive())
    stamp = codec.encode(late)[5 + 4 : 5 + 4 + 6]
    never = refused(codec, codec.encode(late).replace(stamp, b"\xff" * 8 + b"\x01"))
    assert (never.reason, never.field) == ("bad-date", "ShopEvent.occurred_at")
    branch = refused(codec, codec.encode(late)[:-3] + b"\x70\x00\x00")
    assert (branch.reason, branch.field) == ("bad-branch", "ShopEvent.payload")


async def test_an_amount_of_too_many_digits_is_named(codec: Codec[ShopEvent]) -> None:
    line = LineItem(product_id="p", unit_price=Decimal("9999999999999999.9999"))
    event = ShopEvent(event_id="e", shop="s", occurred_at=NOON, payload=CartReplaced(lines=(line,), currency="EUR"))
    most = (10**20 - 1).to_bytes(9, "big")
    why = refused(codec, damaged(codec.encode(event), most, (10**20).to_bytes(9, "big")))
    assert (why.reason, why.field) == ("bad-amount", "LineItem.unit_price")


async def test_a_schema_of_another_kind_is_refused() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        kept = {"schema": "{}", "schemaType": "JSON"}
        return httpx.Response(200, json=kept if request.method == "GET" else {"id": 1})

    codec = shop_codec(Registry("http://registry.test", transport=httpx.MockTransport(answer)))
    await codec.prepare()
    await codec.fetch(2)
    assert refused(codec, b"\x00\x00\x00\x00\x02body").reason == "not-avro"


async def test_an_id_the_registry_does_not_know_is_asked_for_again_after_a_minute(
    registry: Registry, running: Running
) -> None:
    clock = [100.0]
    codec = shop_codec(registry, now=lambda: clock[0])
    await codec.prepare()
    data = b"\x00\x00\x00\x00\x09" + codec.encode(EVENT)[5:]
    with pytest.raises(SchemaMissing):
        codec.decode(data)
    await codec.fetch(9)
    assert refused(codec, data).reason == "unknown-schema"
    clock[0] += 61
    with pytest.raises(SchemaMissing):
        codec.decode(data)
    for k in range(9 - len(running.shelf.schemas)):
        running.shelf.schemas.append(changed(lambda schema, k=k: schema.update(doc=f"{k}.")))  # type: ignore[misc]
    await codec.fetch(9)
    assert codec.decode(data) == EVENT


async def test_schemas_of_something_else_are_refused(codec: Codec[ShopEvent]) -> None:
    data = codec.encode(EVENT)
    assert refused(codec, await foreign(codec, load("signal.avsc"), data)).reason == "wrong-record"
    assert refused(codec, await foreign(codec, '"string"', data)).reason == "wrong-record"

    def recursive(schema: dict[str, Any]) -> None:
        schema["fields"].append({"name": "cause", "type": ["null", "ShopEvent"], "default": None})

    codec.registry._ids.clear()
    with pytest.raises(Exception, match="contains itself"):
        await codec.registry.register("elsewhere", changed(recursive))


# -- other writers' schemas


async def test_an_older_writers_missing_fields_take_the_defaults(codec: Codec[ShopEvent], registry: Registry) -> None:
    def older(schema: dict[str, Any]) -> None:
        schema["fields"] = [f for f in schema["fields"] if f["name"] not in ("source", "priority")]

    event = ShopEvent(event_id="e", shop="s", occurred_at=NOON, payload=SessionActive(url="u"))
    body = codec.encode(event)[5:].replace(b"\x12canonical\x00", b"")
    assert codec.decode(await foreign(codec, changed(older), b"     " + body)) == event


async def test_a_newer_writers_fields_are_skipped_and_its_symbols_take_the_default(codec: Codec[ShopEvent]) -> None:
    extras: list[tuple[Any, bytes]] = [
        ("double", b"12345678"),
        ({"type": "fixed", "name": "Digest", "size": 3}, b"abc"),
        ({"type": "array", "items": {"type": "map", "values": "long"}}, b"\x02\x02\x02k\xac\x02\x00\x00"),
        (["null", "string", "float", {"type": "enum", "name": "E", "symbols": ["A"]}], b"\x04\x00\x00\x00\x00"),
        ({"type": "record", "name": "R", "fields": [{"name": "b", "type": "bytes"}]}, b"\x04xy"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, b"\x02\x07"),
    ]

    def newer(schema: dict[str, Any]) -> None:
        schema["fields"][4]["type"]["symbols"].append("urgent")
        schema["fields"] += [{"name": f"x{k}", "type": kind} for k, (kind, _) in enumerate(extras)]

    event = ShopEvent(event_id="e", shop="s", occurred_at=NOON, payload=SessionActive(url="u"))
    body = codec.encode(event).replace(b"canonical\x00", b"canonical\x04") + b"".join(more for _, more in extras)
    data = await foreign(codec, changed(newer), body)
    assert codec.decode(data) == event
    assert not codec.writer_is_ours(data)


async def test_a_branch_from_the_future_fails_only_when_it_comes(codec: Codec[ShopEvent]) -> None:
    def newer(schema: dict[str, Any]) -> None:
        future = {"type": "record", "name": "CartPraised", "fields": [{"name": "stars", "type": "int"}]}
        schema["fields"][-1]["type"].insert(0, future)

    event = ShopEvent(event_id="e", shop="s", occurred_at=NOON, payload=SessionActive(url="u"))
    branch = 6
    body = codec.encode(event)
    assert body[-5] == branch * 2
    known = body[:-5] + bytes([branch * 2 + 2]) + body[-4:]
    assert codec.decode(await foreign(codec, changed(newer), known)) == event
    future = refused(codec, (await foreign_again(codec, changed(newer))) + body[5:-5] + b"\x00\x08")
    assert (future.reason, future.field) == ("unknown-branch", "ShopEvent.payload")
    assert "CartPraised" in future.problem and "upgrade" in future.remedy


async def foreign_again(codec: Codec[Any], schema: str) -> bytes:
    schema_id = await codec.registry.lookup("elsewhere", schema)
    return b"\x00" + schema_id.to_bytes(4, "big")


async def test_a_schema_that_lacks_what_we_need_is_refused(codec: Codec[ShopEvent]) -> None:
    def without_shop(schema: dict[str, Any]) -> None:
        schema["fields"] = [f for f in schema["fields"] if f["name"] != "shop"]

    def cents(schema: dict[str, Any]) -> None:
        schema["fields"][2]["type"] = "long"

    data = codec.encode(EVENT)
    for edit, field in ((without_shop, "ShopEvent.shop"), (cents, "ShopEvent.occurred_at")):
        why = refused(codec, await foreign(codec, changed(edit), data))
        assert (why.reason, why.field) == ("incompatible-schema", field)


async def test_a_schema_that_differs_in_its_words_only_counts_as_ours(codec: Codec[ShopEvent]) -> None:
    data = await foreign(codec, changed(lambda schema: schema.update(doc="Other words.")), codec.encode(EVENT))
    assert codec.writer_is_ours(data)
    assert codec.decode(data) == EVENT


# -- the registry behind it


async def test_a_hundred_concurrent_misses_are_one_fetch(
    codec: Codec[ShopEvent], registry: Registry, running: Running
) -> None:
    schema_id = await registry.register("other", changed(lambda schema: schema.update(doc="x.")))
    running.asked.clear()
    await asyncio.gather(*(codec.fetch(schema_id) for _ in range(100)))
    assert running.asked == [f"GET /schemas/ids/{schema_id}"]


async def test_caches_are_bounded_and_never_lose_our_own_schema(registry: Registry) -> None:
    codec = shop_codec(registry, keep=3)
    await codec.prepare()
    data = codec.encode(EVENT)
    for k in range(8):
        shown = await foreign(codec, changed(lambda schema, k=k: schema.update(doc=f"{k}.")), data)  # type: ignore[misc]
        assert codec.decode(shown) == EVENT
        await codec.fetch(900 + k)
        assert len(codec._readers) <= 3 and len(codec._refused) <= 3
    assert codec.decode(data) == EVENT


async def test_without_a_registry_prepare_waits_for_its_caller(registry: Registry, running: Running) -> None:
    codec = shop_codec(registry)
    await running.stop()
    with pytest.raises(RegistryUnavailable, match="SHOPRELAY_REGISTRY"):
        await codec.prepare()
    await running.start()
    await codec.prepare()
    assert codec.decode(codec.encode(EVENT)) == EVENT


async def test_a_registry_that_goes_away_stops_only_what_is_not_known_yet(
    codec: Codec[ShopEvent], registry: Registry, running: Running
) -> None:
    schema_id = await registry.register("other", changed(lambda schema: schema.update(doc="x.")))
    data = codec.encode(EVENT)
    other = b"\x00" + schema_id.to_bytes(4, "big") + data[5:]
    await running.stop()
    assert codec.decode(data) == EVENT
    with pytest.raises(RegistryUnavailable):
        await codec.fetch(schema_id)
    with pytest.raises(SchemaMissing):
        codec.decode(other)
    await running.start()
    await codec.fetch(schema_id)
    assert codec.decode(other) == EVENT


# -- splicing


async def test_spliced_events_equal_encoded_ones(codec: Codec[ShopEvent], registry: Registry) -> None:
    log = Codec(registry, "customer-events-value", "customer_event.avsc", CustomerEvent)
    catalog = Codec(registry, "catalog-events-value", "catalog_event.avsc", CatalogEvent)
    await log.prepare()
    await catalog.prepare()
    for _, event in samples(ShopEvent):
        assert isinstance(event, ShopEvent)
        data = codec.encode(event)
        assert codec.writer_is_ours(data)
        key = "demo\x1fkäthe@shop.example"
        filed = CustomerEvent(key=key, at=NOON, fact=event)
        assert splice_customer_event(log, key, NOON, memoryview(data)[5:]) == log.encode(filed)
        told = CatalogEvent(product_id="p-1", at=NOON, fact=event)
        assert splice_catalog_event(catalog, "p-1", NOON, data[5:]) == catalog.encode(told)


async def test_signals_have_a_codec_too(registry: Registry) -> None:
    codec = Codec(registry, "customer-signals-value", "signal.avsc", Signal)
    await codec.prepare()
    for branch, said in samples(Signal):
        assert isinstance(said, Signal)
        assert codec.decode(codec.encode(said)) == said, branch


@pytest.mark.parametrize(("last", "fits"), [(0x00, True), (0x01, True), (0x02, False), (0x7F, False)])
def test_a_number_has_64_bits_and_no_more(last: int, fits: bool) -> None:
    """Ten bytes have room for 70: what is more is damage, and could not be written again."""
    data = b"\xff" * 9 + bytes([last])
    if fits:
        assert raw_long(data, 0) == ((1 << 63) - 1 | last << 63, 10)
        return
    with pytest.raises(Unreadable, match="longer than 64 bits"):
        raw_long(data, 0)
