"""A strict stand-in for what NewStore can be asked: stock, options, profiles, orders, the stock export.

It is one part of a stand-in: `answer` says `None` to what is not a question. Where the documents leave a path or a body
open it takes what `sinks/newstore/read.py` sends, and nothing beside it.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sinks.contract import Limit
from sinks.fake import Received, Reply
from sinks.windows import Windows

LIMITS = (Limit("orders", 30, 1), Limit("order", 100, 1), Limit("*", 30_000, 300))
BLOCKED_SECONDS = 300.0
EXPORT_SECONDS = 2.0  # how long a job is processing
V2 = "application/x.newstore.orders+json;version=2"
EXPORTS = "/v0/d/availabilities/bulk"

Text = Annotated[str, Field(min_length=1)]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Key(_Shape):
    product_id: Text
    fulfillment_node_id: Text


class _Keys(_Shape):
    atp_keys: list[_Key] = Field(min_length=1, max_length=2_000)


class _BagItem(_Shape):
    product_id: Text
    quantity: int = Field(ge=1)


class _Geo(_Shape):
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class _Location(_Shape):
    geo: _Geo


class _Options(_Shape):
    search_radius: float | None = None
    limit: int | None = Field(None, ge=1)
    show_stores_without_atp: bool = False


class _Pickup(_Shape):
    location: _Location
    bag: list[_BagItem] = Field(min_length=1)
    options: _Options = _Options()


class _ShippingAddress(_Shape):
    country: str = Field(pattern="^[A-Z]{2}$")
    zip_code: str | None = None
    city: str | None = None
    state: str | None = None
    address_line_1: str | None = None


class _Delivery(_Shape):
    bag: list[_BagItem] = Field(min_length=1)
    shipping_address: _ShippingAddress


class _Export(_Shape):
    last_updated_at: int | None = None


Shape = TypeVar("Shape", bound=_Shape)


class _Wrong(Exception):
    """Answered as a problem."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers


@dataclass(slots=True)
class _Job:
    since: int
    begun: float
    failing: bool
    at: int = 0  # the revision it goes up to
    rows: list[dict[str, Any]] = field(default_factory=list)


class ReadSide:
    """`valid(token)` says whether it was lent and has not ended. `zipped`: exports are zip files. What it knows is put
    in with `stock`, `store`, `profile` and `order`; `fail_exports` jobs fail before one does not. When it is not
    `alone`, customers and orders that it does not know are somebody else's to answer."""

    def __init__(
        self,
        clock: Callable[[], float],
        valid: Callable[[str], bool],
        limits: tuple[Limit, ...] = LIMITS,
        availability_path: str = "/v0/availabilities",
        delivery_path: str = "/v0/d/routing_options",
        zipped: bool = False,
        alone: bool = True,
    ) -> None:
        self._clock, self._valid, self._windows, self._zipped, self._alone = (
            clock,
            valid,
            Windows(limits),
            zipped,
            alone,
        )
        self._routes: tuple[tuple[str, str, str, Callable[..., Reply | None]], ...] = (
            ("POST", re.escape(availability_path), "availabilities", self._availability),
            ("POST", re.escape(delivery_path), "routing_options", self._delivery),
            ("POST", "/v0/d/in_store_pickup_options", "in_store_pickup_options", self._pickup),
            ("GET", "/customer/profiles", "profiles", self._search),
            ("GET", "/v0/orders", "orders", self._history),
            ("GET", "/v0/orders/([^/]+)", "order", self._order),
            ("POST", EXPORTS, "exports", self._begin_export),
            ("GET", f"{EXPORTS}/([^/]+)", "export", self._export),
        )
        self._atp: dict[tuple[str, str], dict[str, Any]] = {}
        self._stores: dict[str, dict[str, Any]] = {}
        self._profiles: list[dict[str, Any]] = []
        self._orders: list[dict[str, Any]] = []
        self._jobs: dict[str, _Job] = {}
        self._revision = 0
        self._blocked_until = 0.0
        self._seconds: dict[str, deque[float]] = {}
        self._busiest: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        self.fail_exports = 0

    # -- what it knows

    def stock(self, product_id: str, fulfillment_node_id: str, atp: int) -> None:
        self._revision += 1
        self._atp[product_id, fulfillment_node_id] = {
            "product_id": product_id, "fulfillment_node_id": fulfillment_node_id, "atp": atp, "present_atp": atp,
            "future_atp": 0, "revision": self._revision, "external_identifiers": [],
        }  # fmt: skip

    def store(self, fulfillment_node_id: str, label: str, latitude: float, longitude: float, **address: str) -> None:
        where = {"latitude": latitude, "longitude": longitude, **address}
        self._stores[fulfillment_node_id] = {
            "store_id": fulfillment_node_id, "label": label, "physical_address": where, "phone_number": "+4930123456",
            "business_hours": [],
        }  # fmt: skip

    def profile(self, document: Mapping[str, Any]) -> None:
        self._profiles.append(dict(document))

    def order(self, document: Mapping[str, Any], customer_id: str) -> None:
        self._orders.append({**document, "customer": {"id": customer_id}})

    def stored(self) -> dict[str, Any]:
        """`busiest` are the most calls of each endpoint in any second; "*" is all together."""
        return {
            "stock": len(self._atp), "stores": len(self._stores), "profiles": len(self._profiles),
            "orders": len(self._orders), "exports": len(self._jobs), "asked": self._asked, "busiest": self._busiest,
        }  # fmt: skip

    # -- at the door

    def answer(self, request: Received) -> Reply | None:
        url = urlsplit(request.path)
        if request.method == "GET" and (file := re.fullmatch(r"/exports/([^/]+)", url.path)):
            return self._file(file[1])  # whoever has the link may read
        for method, path, endpoint, answer in self._routes:
            if request.method == method and (found := re.fullmatch(path, url.path)):
                try:
                    self._door(request, endpoint)
                    return answer(request, *(unquote(part) for part in found.groups()))
                except _Wrong as wrong:
                    return _problem(wrong)
        return None

    def _door(self, request: Received, endpoint: str) -> None:
        now = self._clock()
        if now < self._blocked_until:
            raise _Wrong(403, "", "blocked")
        self._count(endpoint, now)
        if self._windows.take("*", now):
            self._blocked_until = now + BLOCKED_SECONDS
            raise _Wrong(403, "", "blocked")
        if "authorization" not in request.headers:
            raise _Wrong(401, "unauthorized", "Authorization header is missing")
        if not self._valid(request.headers["authorization"].removeprefix("Bearer ")):
            raise _Wrong(403, "forbidden", "token is expired or invalid")
        if wait := self._windows.take(endpoint, now):
            raise _Wrong(429, "too_many_requests", "rate limit exceeded", **{"Retry-After": str(ceil(wait))})

    def _count(self, endpoint: str, now: float) -> None:
        self._asked[endpoint] += 1
        for name in (endpoint, "*"):
            recent = self._seconds.setdefault(name, deque())
            recent.append(now)
            while recent[0] <= now - 1:
                recent.popleft()
            self._busiest[name] = max(self._busiest[name], len(recent))

    # -- stock and options

    def _availability(self, request: Received) -> Reply:
        keys = {(key.product_id, key.fulfillment_node_id): None for key in _body(request, _Keys).atp_keys}
        found = [self._atp[key] for key in keys if key in self._atp]
        names = ("product_id", "fulfillment_node_id", "atp")
        return _json({"items": [{name: row[name] for name in names} for row in found]})

    def _has(self, bag: Iterable[_BagItem], place: str) -> bool:
        return all(self._atp.get((item.product_id, place), {"atp": 0})["atp"] >= item.quantity for item in bag)

    def _delivery(self, request: Received) -> Reply:
        asked = _body(request, _Delivery)
        places = sorted({place for _, place in self._atp if self._has(asked.bag, place)})
        return _json({"options": [{
            "fulfillment_node_id": place, "service_level_identifier": "STANDARD", "delivery_time": None,
            "shipping_offer_token": _offer("delivery", place, asked.bag),
            "cost": {"currency_code": "EUR", "price": 4.9},
        } for place in places]})  # fmt: skip

    def _pickup(self, request: Received) -> Reply:
        asked = _body(request, _Pickup)
        here, options = asked.location.geo, []
        for place, store in self._stores.items():
            where, has = store["physical_address"], self._has(asked.bag, place)
            far = ((where["latitude"] - here.latitude) ** 2 + (where["longitude"] - here.longitude) ** 2) ** 0.5 * 111
            if far > (asked.options.search_radius or 50) or not (has or asked.options.show_stores_without_atp):
                continue
            offer = {"shipping_offer_token": _offer("pickup", place, asked.bag), "delivery_time": None,
                     "cost": {"currency_code": "EUR", "price": 0}}  # fmt: skip
            options.append((far, {"fulfillment_node_id": place, "store": store, "has_atp": has}
                            | ({"in_store_pickup_option": offer} if has else {})))  # fmt: skip
        near = [option for _, option in sorted(options, key=lambda found: found[0])]
        return _json({"options": near[: asked.options.limit]})

    # -- customers and orders

    def _search(self, request: Received) -> Reply | None:
        if not self._profiles and not self._alone:
            return None
        query = _query(request, {"q", "offset", "count", "sort"})
        offset, count = _number(query, "offset", 0, 0), _number(query, "count", 10, 1, 500)
        if offset + count > 10_000:
            raise _Wrong(400, "bad_request", "no more than 10000 profiles")
        part = query.get("q", "").lower()
        found = [p for p in self._profiles if any(part in str(p.get(n, "")).lower() for n in ("email", "full_name"))]
        page = found[offset : offset + count]
        return _json({"pagination_info": {"count": len(page), "offset": offset, "total": len(found)}, "profiles": page})

    def _history(self, request: Received) -> Reply | None:
        paged = request.headers.get("accept", "").replace(" ", "") == V2
        query = _query(request, {"customer_id", "offset", "count"} if paged else {"customer_id"})
        if not query.get("customer_id"):
            raise _Wrong(400, "bad_request", "Query param 'customer_id' is required.")
        offset, count = _number(query, "offset", 0, 0), _number(query, "count", 10, 1, 50)
        theirs = [order for order in self._orders if order["customer"]["id"] == query["customer_id"]]
        if not theirs and not self._alone:
            return None
        if not theirs and not paged:
            raise _Wrong(404, "customer_not_found", "customer with given customer_id not found")
        newest = sorted(theirs, key=lambda order: order["placed_at"], reverse=True)
        page = newest[offset : offset + count] if paged else newest
        listed = [{name: o[name] for name in o if name not in ("totals", "customer")} for o in page]
        return _json({"orders": listed}, V2 if paged else "application/json")

    def _order(self, request: Received, number: str) -> Reply | None:
        kind = _query(request, {"id_type"}).get("id_type")
        if kind not in ("external", "internal"):
            raise _Wrong(400, "bad_request", "Query param 'id_type' is required.")
        name = "id" if kind == "external" else "origin_id"
        for order in self._orders:
            if order[name] == number:
                return _json(order, V2)
        if not self._alone:
            return None
        raise _Wrong(404, "not_found", "order not found")

    # -- the stock export

    def _begin_export(self, request: Received) -> Reply:
        since = _body(request, _Export).last_updated_at or 0
        number = f"export-{len(self._jobs) + 1}"
        failing, self.fail_exports = self.fail_exports > 0, max(0, self.fail_exports - 1)
        rows = [row for row in self._atp.values() if row["revision"] > since]
        self._jobs[number] = _Job(since, self._clock(), failing, self._revision, [dict(row) for row in rows])
        return _json({"availability_export_id": number})

    def _export(self, request: Received, number: str) -> Reply:
        job = self._jobs.get(number)
        if job is None:
            raise _Wrong(404, "not_found", "export not found")
        if self._clock() - job.begun < EXPORT_SECONDS:
            return _json({"state": "processing"})
        if job.failing:
            return _json({"state": "failed"})
        link = f"http://{request.headers.get('host', 'localhost')}/exports/{number}"
        return _json({"state": "finished", "link": link, "last_updated_at": job.at})

    def _file(self, number: str) -> Reply:
        job = self._jobs.get(number)
        if job is None:
            return Reply(404, "refused")
        rows = orjson.dumps(job.rows)
        if not self._zipped:
            return Reply(200, "accepted", rows)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{number}.json", rows)
        return Reply(200, "accepted", packed.getvalue(), content_type="application/zip")


def _body(request: Received, shape: type[Shape]) -> Shape:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise _Wrong(415, "unsupported_media_type", "Content-Type must be application/json")
    try:
        return shape.model_validate_json(request.body or b"{}")
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        message = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise _Wrong(400, "schema_validation_error", message) from None


def _query(request: Received, allowed: set[str]) -> dict[str, str]:
    query = dict(parse_qsl(urlsplit(request.path).query, keep_blank_values=True))
    if more := query.keys() - allowed:
        raise _Wrong(400, "bad_request", f"Query param {min(more)!r} is not known here.")
    return query


def _number(query: Mapping[str, str], name: str, usual: int, least: int, most: int = 1 << 31) -> int:
    text = query.get(name, str(usual))
    if not text.isdecimal() or not least <= int(text) <= most:
        raise _Wrong(400, "bad_request", f"Query param {name!r} must be {least} to {most}.")
    return int(text)


def _offer(kind: str, place: str, bag: Iterable[_BagItem]) -> str:
    """As opaque as theirs, and the same for the same question."""
    return quote(f"{kind}.{place}." + "-".join(f"{item.product_id}x{item.quantity}" for item in bag), safe=".")


def _json(document: Any, content_type: str = "application/json") -> Reply:
    return Reply(200, "accepted", orjson.dumps(document), content_type=content_type)


def _problem(wrong: _Wrong) -> Reply:
    if not wrong.code:
        return Reply(wrong.status, "refused", b"<html>Forbidden</html>", content_type="text/html")
    document = {
        "type": "about:blank", "status": wrong.status, "error_code": wrong.code, "message": str(wrong),
        "request_id": "ec2f3c9bb016ba971bf6074098363",
    }  # fmt: skip
    verdict = "throttled" if wrong.status == 429 else "refused"
    return Reply(wrong.status, verdict, orjson.dumps(document), wrong.headers, "application/problem+json")
