"""What JOOR's v4 takes of products: rows that fail one by one while the status is good."""

from __future__ import annotations

from itertools import product as combinations
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sinks.fake import Received, Reply

Text = Annotated[str, Field(min_length=1)]
Money = Annotated[str, Field(pattern=r"^\d+\.\d\d$")]
COLOR, SIZE = "U0tVVHJhaXQ6U3R5bGVDb2xvcg==", "U0tVVHJhaXQ6U2l6ZQ=="
Rows = dict[str, dict[str, Any]]


class Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Product(Shape):
    name: Text
    external_id: Text | None = None
    product_identifier: Text | None = None
    description: str | None = None
    order_minimum: int | None = None
    category_ids: list[Text] | None = None


class ProductUpdate(Shape):
    id: Text
    name: Text | None = None
    product_identifier: Text | None = None
    description: str | None = None
    order_minimum: int | None = None
    category_ids: list[Text] | None = None


class TraitValue(Shape):
    trait_id: Text
    value: Text
    external_id: str | None = None
    order_minimum: int | None = None
    status: str | None = None


class Identifier(Shape):
    type: Text
    value: Text


class SkuUpdate(Shape):
    external_id: Text
    sku_identifier: Text | None = None
    trait_values: Annotated[list[TraitValue], Field(min_length=2, max_length=2)]
    identifiers: list[Identifier] | None = None


class Sku(SkuUpdate):
    product_id: Text


class Price(Shape):
    sku_id: Text
    price_type_id: Text
    wholesale_value: Money
    retail_value: Money | None = None


class PriceUpdate(Shape):
    id: Text
    wholesale_value: Money
    retail_value: Money | None = None


Row = TypeVar("Row", bound=Shape)


class Catalog:
    """Products, SKUs and prices by JOOR's ids."""

    def __init__(self) -> None:
        self.products: Rows = {}
        self.skus: Rows = {}
        self.prices: Rows = {}
        self._errors: list[dict[str, Any]] = []

    def answer(self, steps: list[str], query: dict[str, str], request: Received) -> Reply:
        self._errors = []
        if request.method == "GET":
            return self._read(steps, query)
        if request.method != "POST":
            return Reply(405, "refused", orjson.dumps({"message": "GET or POST"}))
        try:
            data = self._write(steps, request.body)
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            message = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            return _answered([], [{"status": "INVALID", "message": message, "details": {}}])
        if data is None:
            return Reply(404, "refused", orjson.dumps({"message": "no such address"}))
        return _answered(data, self._errors)

    def _write(self, steps: list[str], body: bytes) -> list[dict[str, Any]] | None:
        match steps:
            case ["products", "bulk_create"]:
                return [made for row in _rows(Product, body) if (made := self._product(row))]
            case ["products", "bulk_update"]:
                return self._update(self.products, _rows(ProductUpdate, body))
            case ["skus", "bulk_create"]:
                return self._create_skus(_rows(Sku, body))
            case ["skus", "bulk_update_by_external_id"]:
                return [made for row in _rows(SkuUpdate, body) if (made := self._sku_update(row))]
            case ["prices", "bulk_create"]:
                return [made for row in _rows(Price, body) if (made := self._price(row))]
            case ["prices", "bulk_update"]:
                return self._update(self.prices, _rows(PriceUpdate, body))
        return None

    def _product(self, row: Product) -> dict[str, Any] | None:
        if row.external_id and _by(self.products, row.external_id):
            self._error("DUPLICATED", {"external_id": row.external_id})
            return None
        return _kept(self.products, f"P{len(self.products) + 1}", row)

    def _create_skus(self, rows: list[Sku]) -> list[dict[str, Any]]:
        if any(row.product_id not in self.products for row in rows):
            self._error("NOT_FOUND", {"product_id": "unknown"})
            return []
        if not _is_complete(rows):
            self._error("INVALID", {"trait_values": "every colour in every size, once"})
            return []
        return [made for row in rows if (made := self._sku(row))]

    def _sku(self, row: Sku) -> dict[str, Any] | None:
        if _by(self.skus, row.external_id):
            self._error("DUPLICATED", {"external_id": row.external_id})
            return None
        return _kept(self.skus, f"S{len(self.skus) + 1}", row)

    def _sku_update(self, row: SkuUpdate) -> dict[str, Any] | None:
        if (found := _by(self.skus, row.external_id)) is None:
            self._error("NOT_FOUND", {"external_id": row.external_id})
            return None
        found.update(row.model_dump(exclude_none=True))
        return found

    def _price(self, row: Price) -> dict[str, Any] | None:
        if row.sku_id not in self.skus:
            self._error("NOT_FOUND", {"sku_id": row.sku_id})
            return None
        same = [p for p in self.prices.values() if (p["sku_id"], p["price_type_id"]) == (row.sku_id, row.price_type_id)]
        if same:
            self._error("DUPLICATED", {"sku_id": row.sku_id})
            return None
        return _shown_price(_kept(self.prices, f"R{len(self.prices) + 1}", row))

    def _update(self, kept: Rows, rows: list[Any]) -> list[dict[str, Any]]:
        updated = []
        for row in rows:
            if row.id not in kept:
                self._error("NOT_FOUND", {"id": row.id})
                continue
            kept[row.id].update(row.model_dump(exclude_none=True))
            updated.append(kept[row.id])
        return updated

    def _error(self, status: str, details: dict[str, Any]) -> None:
        self._errors.append({"status": status, "message": status.lower(), "details": details})

    def _read(self, steps: list[str], query: dict[str, str]) -> Reply:
        """Which parameters narrow the products is not documented: here none does."""
        match steps:
            case ["products"]:
                page, size = int(query.get("page", "1")), int(query.get("page_size", "100"))
                rows = list(self.products.values())[(page - 1) * size : page * size]
            case ["skus"]:
                wanted = query.get("product_ids", "").split(",")
                rows = [row for row in self.skus.values() if row["product_id"] in wanted]
            case ["prices"]:
                wanted = query.get("sku_ids", "").split(",")
                rows = [_shown_price(row) for row in self.prices.values() if row["sku_id"] in wanted]
            case _:
                return Reply(404, "refused", orjson.dumps({"message": "no such address"}))
        return _answered(rows, [])


def _rows(shape: type[Row], body: bytes) -> list[Row]:
    rows = TypeAdapter(list[shape]).validate_json(body)  # type: ignore[valid-type]
    if not rows:
        TypeAdapter(Annotated[list[Any], Field(min_length=1)]).validate_python(rows)
    return rows


def _by(kept: Rows, external_id: str) -> dict[str, Any] | None:
    return next((row for row in kept.values() if row.get("external_id") == external_id), None)


def _kept(kept: Rows, own_id: str, row: Shape) -> dict[str, Any]:
    kept[own_id] = row.model_dump(exclude_none=True) | {"id": own_id}
    return kept[own_id]


def _shown_price(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"price_type": {"id": row["price_type_id"], "name": "EUR-1", "currency_code": "EUR"}}


def _is_complete(rows: list[Sku]) -> bool:
    pairs = []
    for row in rows:
        traits = {trait.trait_id: trait.value for trait in row.trait_values}
        if traits.keys() != {COLOR, SIZE}:
            return False
        pairs.append((traits[COLOR], traits[SIZE]))
    whole = set(combinations({color for color, _ in pairs}, {size for _, size in pairs}))
    return len(set(pairs)) == len(pairs) and set(pairs) == whole


def _answered(data: list[dict[str, Any]], errors: list[dict[str, Any]]) -> Reply:
    return Reply(200, "refused" if errors else "accepted", orjson.dumps({"data": data, "errors": errors}))
