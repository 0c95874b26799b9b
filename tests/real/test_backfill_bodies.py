"""Documents that nobody here wrote, as history: each is told, and under the ids its webhook gives."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas.events import OrderPlaced
from shoprelay.backfill.formats import FORMATS
from shoprelay.backfill.grouping import groups
from shoprelay.backfill.reading import Source
from shoprelay.backfill.run import found_in
from sources.backfill.bodies import SYSTEMS
from sources.backfill.format import Fact, Telling
from sources.webhooks.contract import Refusal, ShopSettings, load
from streams.domain.policy import Policy

pytestmark = pytest.mark.real
TELLING = Telling("mugs", "", UTC, datetime(2026, 1, 1, tzinfo=UTC))
DUMPS = {
    "shopify": ("order", "orders", "order_with_transaction", "customer", "product"),
    "woocommerce": ("orders/list-all-orders", "customers/list-all-customers", "products/list-all-products"),
}
FOLDERS = {"shopify": "shopify-go-fixtures", "woocommerce": "woocommerce-rest-v2"}
CASES = [(system, name) for system, names in DUMPS.items() for name in names]


def documents(folder: Path, name: str) -> list[Any]:
    found = []
    for file in sorted(folder.glob(f"{name}.json")) + sorted(folder.glob(f"{name}__item*.json")):
        read = json.loads(file.read_text(), parse_float=Decimal)
        (inside,) = read.values() if len(read) == 1 else (read,)
        found += inside if isinstance(inside, list) else [inside]
    return found


@pytest.mark.parametrize(("system", "name"), CASES)
def test_a_dump_is_told_under_the_ids_its_webhooks_give(
    real_data: Path, tmp_path: Path, system: str, name: str
) -> None:
    bodies, format = documents(real_data / FOLDERS[system], name), FORMATS[system]
    dump = tmp_path / "dump.json"
    dump.write_text(json.dumps(bodies, default=str))
    with Source(dump) as source:
        found = [
            each for group in groups(source.rows(format), format) for each in found_in(group, format, TELLING, Policy())
        ]

    assert bodies and all(isinstance(each, Fact) for each in found), found
    told = [each.event for each in found if isinstance(each, Fact)]
    expected = [webhook for body in bodies for webhook in _webhook(system, body)]
    assert [event.event_id for event in told] == expected
    if "order" in name:
        assert any(isinstance(event.payload, OrderPlaced) for event in told)


def _webhook(system: str, body: Any) -> list[str]:
    headers = SYSTEMS[system](body)
    assert headers is not None
    told = load(system).normalize(headers, body, ShopSettings(shop="mugs"), TELLING.as_of)
    assert not isinstance(told, Refusal), told
    return [event.event_id for event in told]
