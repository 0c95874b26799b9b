"""A webhook's delivery: its headers on the first line, the shop's settings on the second, the body on the third."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sources.pixel
from schemas.events import ShopEvent
from schemas.samples import rendering, samples
from sources.pixel.normalize import IDENTITY, SIGNED
from sources.webhooks import contract
from sources.webhooks.contract import Refusal, ShopSettings, Source
from sources.webhooks.document import NotJson, decoded
from tests.fuzz.target import Target, ends
from tests.sources.webhooks.silence import may_say_nothing
from tests.sources.webhooks.test_any_json import cases
from tests.sources.webhooks.test_cases import RECEIVED


def line(told: Any) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode()


def delivered(data: bytes) -> tuple[dict[str, str], ShopSettings, bytes]:
    """Headers as a server hands them on, texts; settings as they are checked when they are read."""
    given, settings, *bodies = (*data.split(b"\n"), b"", b"")
    headers, said = _mapping(given), _mapping(settings)
    currency, statuses = said.get("currency"), said.get("statuses")
    texts = statuses if isinstance(statuses, dict) else {}
    shop = ShopSettings(
        shop="mugs",
        currency=currency if isinstance(currency, str) and len(currency) == 3 else None,
        statuses={str(name).lower(): value for name, value in texts.items() if isinstance(value, str) and value},
    )
    return {name.lower(): value for name, value in headers.items() if isinstance(value, str)}, shop, bodies[0]


def _mapping(said: bytes) -> dict[str, Any]:
    try:
        found = decoded(said)
    except NotJson:
        return {}
    return found if isinstance(found, dict) else {}


def asks(source: Source) -> Any:
    def one(data: bytes) -> None:
        headers, shop, body = delivered(data)
        try:
            document = decoded(body)
        except NotJson as wrong:  # the collector's 400
            assert str(wrong)
            return
        key = source.entity(headers, document)
        assert key is None or isinstance(key, str)
        told = source.normalize(headers, document, shop, RECEIVED)
        if isinstance(told, Refusal):
            assert told.problem and told.remedy
            return
        assert told or may_say_nothing(source.name, headers, document), "nothing is told of it, and nobody says why"
        for event in told:
            ends(event)

    return one


def seeds(documents: list[dict[str, Any]]) -> Iterator[bytes]:
    for case in documents:
        yield b"\n".join(line(part) for part in (case.get("headers", {}), case.get("settings", {}), case["body"]))


def _pixels() -> list[dict[str, Any]]:
    there = sorted((Path(sources.pixel.__file__).parent / "cases").glob("*.json"))
    told = [json.loads(path.read_text()) for path in there]
    return [*told, *(case | {"headers": {IDENTITY: SIGNED}} for case in told)]


def _ours() -> list[dict[str, Any]]:
    """Every kind of event there is, every field set, in our own words."""
    told = []
    for _, event in samples(ShopEvent):
        body = rendering(event)
        body["type"] = body["payload"].pop("-type").removeprefix("shoprelay.events.")
        told.append({"body": {name: body[name] for name in body if name not in ("-type", "shop")}})
    return told


def _cases(system: str) -> list[dict[str, Any]]:
    return cases(system) + (_ours() if system == "generic" else [])


TARGETS = {
    name: Target(asks(contract.load(name)), lambda name=name: seeds(_cases(name)))  # type: ignore[misc]
    for name in contract.names()
} | {"pixel": Target(asks(sources.pixel.SOURCE), lambda: seeds(_pixels()))}
