"""The table map: which table of a shop's database is what, and which column says what. Declared, never computed.

A preset is a map that is known; what the shop says stands over it, table by table and column by column. A table may be
several things at once (`only` says which of its rows), and one that is not mapped is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from sources.debezium.presets import PRESETS

Name = Annotated[str, StringConstraints(to_lower=True, strip_whitespace=True, min_length=1, max_length=256)]
Column = Name | None
Values = Annotated[tuple[str, ...], Field(max_length=100)]


class BadMap(Exception):
    """`problems` are sentences: where, what, and what to do; all there are."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CustomerColumns(Strict):
    id: Name
    email: Column = None
    phone: Column = None
    first_name: Column = None
    last_name: Column = None
    locale: Column = None
    birthday: Column = None
    store: Column = None
    guest: Column = None
    created_at: Column = None
    updated_at: Column = None


class CartColumns(Strict):
    id: Name
    customer: Column = None
    email: Column = None
    currency: Column = None
    url: Column = None
    active: Column = None
    updated_at: Column = None


class LineColumns(Strict):
    """`line_total` is the whole line after its discount, for tables without a price of one; both are without tax.
    `part_of` names the line that this one is a part of: a part is no line of its own."""

    id: Name
    product: Name
    variant: Column = None
    sku: Column = None
    name: Column = None
    quantity: Name
    unit_price: Column = None
    line_total: Column = None
    tax: Column = None
    discount: Column = None
    part_of: Column = None


class CartLineColumns(LineColumns):
    cart: Name


class OrderLineColumns(LineColumns):
    order: Name


class OrderColumns(Strict):
    """`line_count` is how many lines the order has, parts not counted: with it an order waits for these, and no longer.
    `paid_total` is what was paid of it so far, `paid_at` when all of it was."""

    id: Name
    total: Name
    placed_at: Name
    number: Column = None
    customer: Column = None
    email: Column = None
    phone: Column = None
    cart: Column = None
    status: Column = None
    currency: Column = None
    subtotal: Column = None
    shipping: Column = None
    shipping_tax: Column = None
    shipping_method: Column = None
    tax: Column = None
    discount: Column = None
    discount_code: Column = None
    note: Column = None
    updated_at: Column = None
    paid_at: Column = None
    paid_total: Column = None
    payment_method: Column = None
    line_count: Column = None


class RefundColumns(Strict):
    id: Name
    order: Name
    amount: Name
    currency: Column = None
    reason: Column = None
    created_at: Column = None


class FulfilmentColumns(Strict):
    id: Name
    order: Name
    tracking_code: Column = None
    carrier: Column = None
    created_at: Column = None


class ProductColumns(Strict):
    id: Name
    title: Name
    description: Column = None
    url: Column = None
    image_url: Column = None
    brand: Column = None
    currency: Column = None
    price: Column = None
    compare_at_price: Column = None
    published: Column = None
    updated_at: Column = None


class StockColumns(Strict):
    product: Name
    quantity: Name
    variant: Column = None
    sku: Column = None
    location: Column = None
    updated_at: Column = None


class OutboxColumns(Strict):
    """`payload` is our own JSON."""

    id: Name
    payload: Name


class Table(Strict):
    """`table` is its name, alone or with the schema before it. `only` names columns and the values they may have."""

    table: Name
    only: dict[Name, Values] = {}
    columns: Any

    def is_it(self, name: str) -> bool:
        return name == self.table or name.endswith(f".{self.table}")


class Customers(Table):
    columns: CustomerColumns


class Carts(Table):
    columns: CartColumns


class CartLines(Table):
    columns: CartLineColumns


class Orders(Table):
    """`statuses` translates their words into those that are told. The lists are of their words: what is no order yet,
    and from which statuses it follows that an order is paid, cancelled, or sent as a whole."""

    columns: OrderColumns
    statuses: dict[str, Annotated[str, Field(min_length=1)]] = {}
    drafts: Values = ()
    paid: Values = ()
    cancelled: Values = ()
    fulfilled: Values = ()


class OrderLines(Table):
    columns: OrderLineColumns


class Refunds(Table):
    columns: RefundColumns


class Fulfilments(Table):
    columns: FulfilmentColumns


class Products(Table):
    columns: ProductColumns


class Stock(Table):
    columns: StockColumns


class Outbox(Table):
    columns: OutboxColumns


class TableMap(Strict):
    """`currency` is for tables that name none."""

    currency: str | None = Field(None, pattern="^[A-Z]{3}$")
    customers: Customers | None = None
    carts: Carts | None = None
    cart_lines: CartLines | None = None
    orders: Orders | None = None
    order_lines: OrderLines | None = None
    refunds: Refunds | None = None
    fulfilments: Fulfilments | None = None
    products: Products | None = None
    stock: Stock | None = None
    outbox: Outbox | None = None

    def tables(self) -> Iterator[tuple[str, Table]]:
        """What is mapped, by its role."""
        for role in ROLES:
            if isinstance(table := getattr(self, role), Table):
                yield role, table


ROLES = tuple(name for name in TableMap.model_fields if name != "currency")
TOGETHER = {"orders": "order_lines", "order_lines": "orders", "carts": "cart_lines", "cart_lines": "carts"}


def read(raw: object) -> TableMap:
    """The map of one shop, its preset filled in. `BadMap` names everything that is wrong with it."""
    if not isinstance(raw, Mapping):
        raise BadMap(['is no table; write preset = "woocommerce", or [….orders] with table and columns'])
    problems: list[str] = []
    told = {name: value for name, value in raw.items() if name != "preset"}
    if (preset := raw.get("preset")) is not None:
        if isinstance(preset, str) and preset in PRESETS:
            told = _over(PRESETS[preset], told)
        else:
            problems.append(f"preset: there is none of this name; there are: {', '.join(sorted(PRESETS))}")
    found = None
    try:
        found = TableMap.model_validate(told)
    except ValidationError as invalid:
        problems += [_sentence(error) for error in invalid.errors(include_input=False, include_url=False)]
    problems += _lonely(told)
    if problems or found is None:
        raise BadMap(problems)
    return found


def _over(preset: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """What is told counts; a role or a column set to false is taken out of the preset."""
    both = dict(preset)
    for name, value in told.items():
        if value is False:
            both.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(old := both.get(name), Mapping) and name != "only":
            both[name] = _over(old, value)
        else:
            both[name] = value
    return both


def _lonely(told: Mapping[str, Any]) -> list[str]:
    """An order or a cart is told of both its tables, or never."""
    if not any(role in told for role in ROLES):
        return ["names no table; choose a preset, or map one"]
    return [
        f"{role}: is mapped without {other}, and neither can be told alone; map {other} too"
        for role, other in TOGETHER.items()
        if role in told and other not in told
    ]


def _sentence(error: Any) -> str:
    place = ".".join(map(str, error["loc"]))
    known = {"extra_forbidden": "no such setting", "missing": "required, and not set"}
    return f"{place}: {known.get(error['type']) or str(error['msg']).removeprefix('Value error, ')}"
