"""A shop's delivery is shown as the events its source makes of it, or as one line that says it is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from shoprelay.listen.heard import Heard
from shoprelay.listen.webhooks import WHICH, WHOSE, delivered, headers_of
from sources.webhooks.contract import ShopSettings, Source, load

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVENT = {"event_id": "e-1", "type": "SessionActive", "occurred_at": "2026-11-21T11:59:58Z",
         "customer": {"customer_id": "ada"}}  # fmt: skip


def hooks(shop: str, system: str) -> tuple[Source, ShopSettings] | None:
    return (load(system), ShopSettings(shop=shop)) if (shop, system) == ("mugs", "generic") else None


def heard(body: Any, shop: str = "mugs", system: str = "generic") -> tuple[Heard, ...]:
    pairs = [(WHOSE, b"forged"), (WHOSE, shop.encode()), (WHICH, system.encode())]
    return delivered(AT, headers_of(pairs), body if isinstance(body, bytes) else json.dumps(body).encode(), hooks)


def test_each_event_of_a_delivery_is_a_line_and_says_by_whom() -> None:
    one, other = heard({"events": [EVENT, EVENT | {"event_id": "e-2"}]})

    assert (one.shop, one.kind, one.key, one.notes) == ("mugs", "SessionActive", "mugs/c:ada", ("by generic",))
    assert one.delay is not None and one.delay.total_seconds() == 2.0 and other.kind == "SessionActive"


def test_what_is_no_event_is_one_line_with_its_shop() -> None:
    for body, word in ((b"{", "is no JSON"), ({"type": "Nothing"}, "is not understood")):
        (line,) = heard(body)
        assert line.bad and line.shop == "mugs" and word in line.notes[0]
    (stranger,) = heard(EVENT, system="shopify")
    assert "is none of our settings" in stranger.notes[0]
