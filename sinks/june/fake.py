"""A strict stand-in for JUNE's custom-shop integration. Its article gives no URL, no answers and no error bodies: those
are borrowed from JUNE's Collections API (200; 406 for what cannot be processed)."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

import orjson
from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sinks.fake import Received, Reply, application

TOKEN = "june-sandbox-token"
LIST = "june-sandbox-list"  # the collect token of a list: public, whoever has it may enter somebody
KINDS = ("customer", "order", "fulfillment", "cart")

_CREATED_AT = {
    "documented": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}"),
    "sample": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"),
}


def _created_at(text: str) -> str:
    if not any(form.fullmatch(text) for form in _CREATED_AT.values()):
        raise ValueError("must be yyyy-MM-dd'T'HH:mm:ss.SSSZ or as in the article's samples")
    datetime.fromisoformat(text)
    return text


Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, Field(pattern=r"^https?://\S+$")]
Number = int | Annotated[float, Field(allow_inf_nan=False)]
CreatedAt = Annotated[str, AfterValidator(_created_at)]


class Shape(BaseModel):
    """Unknown fields are refused: the article lists all there are."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class GeoLocation(Shape):
    city: str | None = None
    country: str | None = None


class Customer(Shape):
    firstname: str | None = None
    lastname: str | None = None
    store_id: str | None = None
    locale: str | None = None
    geo_location: GeoLocation | None = None
    guest: bool = False


class Item(Shape):
    id: Text
    name: Text
    image: Url | None = None
    qty: Number
    price: Number
    category: list[str] | None = None
    link: Url


class Order(Shape):
    id: Text
    created_at: CreatedAt
    total: Number
    shipping: Number | None = None
    voucher: str | None = None
    products: list[Item]


class Fulfillment(Order):
    tracking_code: str | None = None


class Cart(Shape):
    action: Literal["update"]
    products: list[Item]


class Payload(Shape):
    id: Text | None = None
    email: Text | None = None
    customer: Customer | None = None
    order: Order | None = None
    fulfillment: Fulfillment | None = None
    cart: Cart | None = None


class Record(BaseModel):
    """A list has whatever fields somebody gave it."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    email: Text


class Refused(Exception):
    """What JUNE could not process, in words."""


def app(token: str = TOKEN, clock: Callable[[], float] = time.time) -> web.Application:
    return application(JuneStandIn(token), clock)


class JuneStandIn:
    """Takes the token in the path or as a bearer, and both forms of times: JUNE's article does not decide."""

    def __init__(self, token: str = TOKEN) -> None:
        self.secrets: tuple[str, ...] = (token, quote(token, safe=""))
        self.records: dict[str, dict[str, Any]] = {}
        self.customers: dict[str, dict[str, Any]] = {}
        self.carts: dict[str, list[dict[str, Any]]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.fulfillments: dict[str, dict[str, Any]] = {}
        self._owners: dict[str, set[str]] = {}  # order id -> names of its customer
        self._kinds: Counter[str] = Counter()

    def settings(self, base: str) -> dict[str, str]:
        return {"url": f"{base}/collect/{{token}}", "token_in": "path", "token": self.secrets[0]}

    def stored(self) -> dict[str, Any]:
        return {
            "records": self.records,
            "customers": self.customers,
            "carts": self.carts,
            "orders": self.orders,
            "fulfillments": self.fulfillments,
            "told": self._kinds,
        }

    def answer(self, request: Received) -> Reply:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if request.path not in ("/collect", f"/collect/{LIST}", f"/collect/{self.secrets[1]}"):
            wrong_token = request.path.startswith("/collect/")
            return _refused(401, "unknown token") if wrong_token else _refused(404, "no such address")
        if request.method != "POST":
            return _refused(405, "only POST")
        if request.path == "/collect" and bearer != self.secrets[0]:
            return _refused(401, "missing or unknown token")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _refused(415, "Content-Type must be application/json")
        try:
            if request.path == f"/collect/{LIST}":
                return self._enter(request)
            payload = Payload.model_validate_json(request.body)
            kind = self._take(payload)
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            return _refused(406, f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")
        except Refused as problem:
            return _refused(406, str(problem))
        self._kinds[kind] += 1
        return Reply(200, "accepted", orjson.dumps({"status": "ok"}))

    def _enter(self, request: Received) -> Reply:
        """What becomes of a second record with the same e-mail is not documented: here it overwrites the first."""
        if request.headers.get("accept-version") != "~1":
            raise Refused("Accept-Version must be ~1")
        told = Record.model_validate_json(request.body).model_dump()
        self.records[told["email"]] = told
        made = {"_id": f"record-{len(self.records)}", "data": told, "created_at": int(request.at * 1000), "version": 1}
        return Reply(200, "accepted", orjson.dumps(made | {"metrics": {}}))

    def _take(self, told: Payload) -> str:
        kinds = [kind for kind in KINDS if getattr(told, kind) is not None]
        if len(kinds) != 1:
            raise Refused("exactly one of customer, order, fulfillment and cart")
        (kind,) = kinds
        if told.id is None and (kind != "customer" or told.email is None):
            raise Refused("id is required" if kind != "customer" else "id or email is required")
        names = {name for name in (told.id, told.email) if name}
        who = told.id or told.email or ""
        if told.customer:
            self.customers[who] = told.customer.model_dump(exclude_none=True)
        elif told.cart:
            self.carts[who] = [item.model_dump(exclude_none=True) for item in told.cart.products]
        elif told.order:
            self.orders[told.order.id] = told.order.model_dump(exclude_none=True)
            self._owners.setdefault(told.order.id, set()).update(names)
        elif told.fulfillment:
            self._check_order(told.fulfillment.id, names)
            self.fulfillments[told.fulfillment.id] = told.fulfillment.model_dump(exclude_none=True)
        return kind

    def _check_order(self, fulfillment_id: str, names: set[str]) -> None:
        """The order must be there already, and be this customer's. Its id may be followed by `_` and a shipment's."""
        parts = fulfillment_id.split("_")
        order_ids = ["_".join(parts[:length]) for length in range(1, len(parts) + 1)]
        if not any(self._owners.get(order_id, set()) & names for order_id in order_ids):
            raise Refused("the order must be available before its fulfillment")


def _refused(status: int, message: str) -> Reply:
    return Reply(status, "refused", orjson.dumps({"status": status, "message": message}))
