"""Somebody who asks the stand-in for NewStore without HTTP, and an order it takes."""

from __future__ import annotations

import json
from typing import Any

from sinks.fake import Received, Reply
from sinks.newstore.fake import CLIENT_ID, CLIENT_SECRET, TENANT, NewStoreStandIn
from tests.sinks.newstore import AT

LEND = f"/auth/realms/{TENANT}/protocol/openid-connect/token"
FORM = f"grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}"
INJECT = "/v0/d/fulfill_order"
OFF = {"type": "fixed", "original_value": 1, "price_adjustment": 1, "discount_ref": "TEA"}
ITEM = {
    "external_item_id": "a-1",
    "product_id": "mug",
    "price": {
        "item_price": 10.5,
        "item_list_price": 12,
        "item_tax_lines": [{"amount": 1.59, "rate": 0.19, "name": "tax"}],
        "item_discount_info": [OFF],
    },
}
OPTION = {"service_level_identifier": "standard", "price": 4.99, "tax": 0.8}
PAYMENT = {
    "type": "captured", "amount": 14.49, "method": "credit_card", "processor": "stripe", "correlation_ref": "p1",
    "processed_at": "2026-11-21T12:00:00Z",
}  # fmt: skip
ORDER: dict[str, Any] = {
    "external_id": "1234",
    "shop": "storefront-catalog-en",
    "shop_locale": "en-US",
    "channel_type": "web",
    "channel_name": "shop",
    "currency": "EUR",
    "price_method": "tax_included",
    "shipping_address": {"address_line_1": "12 St James's Square", "country": "GB"},
    "shipments": [{"items": [ITEM], "shipping_option": OPTION}],
    "payments": [PAYMENT],
}
TOKEN_OPTION = {"shipping_offer_token": "tok", "price": 0, "tax": 0}


class Caller:
    def __init__(self, stand_in: NewStoreStandIn | None = None) -> None:
        self.stand_in = stand_in or NewStoreStandIn()
        self.at = AT
        self.token = json.loads(self.raw("POST", LEND, FORM.encode()).body)["access_token"]

    def raw(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        return self.stand_in.answer(Received(self.at, method, path, headers, body))

    def ask(self, method: str, path: str, document: Any = None, **headers: str) -> Reply:
        body = document if isinstance(document, bytes) else b"" if document is None else json.dumps(document).encode()
        usual = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        sent = usual | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.stand_in.answer(Received(self.at, method, path, sent, body))


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, json.loads(reply.body)["error_code"]
