"""`shoprelay feed`: what the product table holds becomes a file, whole or not at all."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from schemas.values import Product, Variant
from shoprelay import cli
from shoprelay.feed import products, put, served
from sinks.feed import Written
from streams.broker.handle import EmbeddedBroker
from streams.domain.catalog import ProductState, Stock, encode, key_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MUG = Product(
    product_id="P1",
    title="Blue Mug",
    url="https://mugs.example/p1",
    image_url="https://mugs.example/p1.png",
    price=Decimal("12.50"),
    variants=(Variant(variant_id="S", sku="MUG-S"),),
)
PLATFORM = "klaviyo"  # any that fetches a feed
pytestmark = pytest.mark.skipif(
    not (Path(cli.__file__).parents[1] / "sinks" / PLATFORM / "feed.py").is_file(), reason="nobody fetches a feed"
)


def state(product: Product | None = MUG, **more: object) -> bytes:
    return encode(ProductState(product=product, told_at=NOON, **more))  # type: ignore[arg-type]


def key(product_id: str, shop: str = "mugs") -> bytes:
    return key_of(shop, product_id).encode()


def test_products_come_in_the_order_of_their_keys_without_what_is_deleted_or_of_another_shop() -> None:
    stored = [
        (key("P2"), state(MUG)),
        (key("P1"), state(MUG)),
        (key("P3"), state(None, deleted=True)),
        (key("P4"), state(None)),
        (key("P1", "cups"), state(MUG)),
    ]

    assert len(list(products(iter(stored), frozenset()))) == 3
    assert len(list(products(iter(stored), frozenset({"mugs"})))) == 2
    assert list(products(iter(stored), frozenset({"hats"}))) == []


def test_the_latest_stock_comes_last() -> None:
    later, sooner = Stock(NOON + timedelta(hours=1), Decimal(1)), Stock(NOON, Decimal(9))
    stocks = {"S\x1f\x1f": later, "\x1fMUG-S\x1fberlin": sooner}
    ((_, told),) = products(iter([(key("P1"), state(stocks=stocks))]), frozenset())

    assert [(each.variant_id, each.sku, each.location, each.quantity) for each in told] == [
        (None, "MUG-S", "berlin", 9),
        ("S", None, None, 1),
    ]


def test_a_file_takes_the_place_of_the_old_one_and_too_large_a_one_does_not(tmp_path: Path) -> None:
    file = tmp_path / "feed.json"

    assert put(file, Written(b"[1]", 1), 3)
    assert not put(file, Written(b"[12]", 1, Counter({"id is required": 2})), 3)
    assert file.read_bytes() == b"[1]"
    assert [path.name for path in tmp_path.iterdir()] == ["feed.json"]
    assert file.stat().st_mode & 0o777 == 0o644


def settings(folder: Path, bootstrap: str, platform: str = PLATFORM) -> None:
    (folder / "shoprelay.toml").write_text(
        f"""
        [kafka]
        bootstrap = "{bootstrap}"
        embedded = true
        [registry]
        url = "http://127.0.0.1:1"
        [sinks.news]
        platform = "{platform}"
        [sinks.news.config]
        api_key = "env:NEWS_KEY"
        """
    )


@pytest.mark.parametrize("every", ["soon", "-"])
def test_a_time_that_is_none_is_refused(alone: Path, monkeypatch: pytest.MonkeyPatch, every: str) -> None:
    monkeypatch.setenv("NEWS_KEY", "pk_secret")
    settings(alone, "127.0.0.1:1")

    assert CliRunner().invoke(cli.app, ["feed", "news", "--out", "feed.json", "--every", every]).exit_code == 2
    assert not Path("feed.json").exists()


@pytest.mark.embedded
def test_the_product_table_becomes_the_file(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWS_KEY", "pk_secret")
    with EmbeddedBroker() as broker:
        settings(alone, broker.bootstrap)
        producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        for name in ("P1", "P2"):
            producer.produce("catalog-changelog", key=key(name), value=state(MUG))
        producer.produce("catalog-changelog", key=key("P2"), value=state(None, deleted=True))
        assert producer.flush(20) == 0
        result = CliRunner().invoke(cli.app, ["feed", "news", "--out", "feed.json", "--variants"])

    assert result.exit_code == 0, result.output
    (entry,) = json.loads(Path("feed.json").read_text())
    assert (entry["id"], entry["title"], entry["price"]) == ("S", "Blue Mug", 12.5)


async def test_the_file_is_handed_out_and_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "secret.toml").write_text("key")
    async with served(tmp_path / "feed.json", "127.0.0.1:0") as address, aiohttp.ClientSession() as client:
        async with client.get(address) as early:
            assert early.status == 404
        (tmp_path / "feed.json").write_text("[]")
        async with client.get(address) as answer:
            assert (answer.status, answer.content_type, await answer.text()) == (200, "application/json", "[]")
            known = {"If-None-Match": answer.headers["ETag"]}
        async with client.get(address, headers=known) as again:
            assert again.status == 304
        async with client.get(address.replace("feed.json", "secret.toml")) as other:
            assert other.status == 404


@pytest.mark.parametrize("given", [("--serve", "127.0.0.1:0"), ("--serve", "nowhere", "--every", "15m")])
def test_who_serves_writes_again_and_says_where(
    alone: Path, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...]
) -> None:
    monkeypatch.setenv("NEWS_KEY", "pk_secret")
    settings(alone, "127.0.0.1:1")
    result = CliRunner().invoke(cli.app, ["feed", "news", "--out", "feed.json", *given])

    assert result.exit_code == 2
    assert "--serve takes HOST:PORT" in " ".join(result.output.split())
