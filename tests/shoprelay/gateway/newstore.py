"""NewStore's stand-in with its tokens, and an account of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from pydantic import SecretStr

from sinks.contract import Limit
from sinks.fake import Received, Reply
from sinks.newstore.config import NewStoreConfig
from sinks.newstore.fakeread import LIMITS, ReadSide

TOKEN_PATH = "/auth/realms/acme/protocol/openid-connect/token"
CLIENT, SECRET = "shop", "the-secret-of-the-client"
KEPT_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="  # the sink of this account has to have one
CUSTOMER = "5b1f6a1e-0000-4000-8000-00000000ada0"


def config(base: str = "http://newstore.example") -> NewStoreConfig:
    return NewStoreConfig(
        tenant="acme", client_id=CLIENT, client_secret=SecretStr(SECRET), url=base, token_url=base + TOKEN_PATH,
        shop="storefront", locale="en-US",
    )  # fmt: skip


class StandIn:
    """Lends numbered tokens; only the newest is valid. `life` is how long."""

    def __init__(self, clock: Any, limits: tuple[Limit, ...] = LIMITS, **how: Any) -> None:
        self.secrets: tuple[str, ...] = (SECRET,)
        self.reads = ReadSide(clock, self.valid, limits, **how)
        self.lent, self.life, self.secret = 0, 3_600, SECRET

    @property
    def token(self) -> str:
        return f"tok-{self.lent:04}-ey.not-to-be-seen"

    def valid(self, token: str) -> bool:
        return self.lent > 0 and token == self.token

    def settings(self, base: str) -> dict[str, str]:
        return {"url": base, "token_url": base + TOKEN_PATH, "client_id": CLIENT, "client_secret": SECRET}

    def stored(self) -> dict[str, Any]:
        return self.reads.stored()

    def answer(self, request: Received) -> Reply:
        if urlsplit(request.path).path == TOKEN_PATH:
            return self._lend(request)
        return self.reads.answer(request) or Reply(404, "refused", b'{"error_code":"no_such_path"}')

    def _lend(self, request: Received) -> Reply:
        form = parse_qs(request.body.decode())
        if form.get("client_secret") != [self.secret] or form.get("grant_type") != ["client_credentials"]:
            return Reply(401, "refused", b'{"error":"unauthorized_client"}')
        self.lent += 1
        return Reply(200, "accepted", orjson.dumps({"access_token": self.token, "expires_in": self.life}))


def filled(stand_in: StandIn) -> StandIn:
    """Two products, three places, three customers, Ada's orders."""
    reads = stand_in.reads
    for place, label, latitude in (("BER", "Berlin", 52.5), ("HAM", "Hamburg", 53.5), ("WEB", "Warehouse", 51.0)):
        reads.stock("mug", place, 5 if place != "HAM" else 0)
        if place != "WEB":
            reads.store(place, label, latitude, 13.4, city=label)
    reads.stock("cup", "BER", 1)
    for number, email in enumerate(("not.ada@example.com", "ada@example.com.org", "Ada@Example.com")):
        reads.profile(profile(CUSTOMER[:-1] + str(9 - number) if number < 2 else CUSTOMER, email))
    for number in range(1, 13):
        reads.order(order(f"N-{number}", f"2026-05-{number:02}T10:00:00Z"), CUSTOMER)
    return stand_in


def profile(customer_id: str, email: str) -> dict[str, Any]:
    return {
        "id": customer_id, "display_id": "C-1", "email": email, "first_name": "Ada", "last_name": "Lovelace",
        "full_name": "Ada Lovelace", "phone_number": "+44201234567", "store_id": "", "created_by": "",
        "extended_attributes": {"loyalty_id": {"data_type": "string", "value": "0123"}},
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z",
    }  # fmt: skip


def order(number: str, placed_at: str) -> dict[str, Any]:
    price = {"base": 12.5, "discount": 0.0, "gross": 12.5, "net": 10.5, "tax": 2.0}
    item = {
        "id": f"{number}-1", "origin_id": f"{number}-1", "status": "in_fulfillment", "price": price,
        "product_attributes": {"name": "Blue Mug"}, "product_id": "mug", "external_identifier": {},
    }  # fmt: skip
    return {
        "id": number, "origin": "newstore", "origin_id": f"uuid-of-{number}", "status": "open", "currency": "EUR",
        "channel_type": "web", "fulfillment_type": "traditional", "placed_at": placed_at, "items": [item],
        "totals": {"total": 17.4, "shipping": 4.9},
    }  # fmt: skip
