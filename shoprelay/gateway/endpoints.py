"""The gateway's API on one screen. Paths, parameters, documentation, metrics and caching are made from this table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from shoprelay.gateway.errors import FieldProblem, Problem
from sinks import questions as q

Kept = Literal["availability", "options", "customers", "orders"]


def _itself(asked: q.Asked) -> q.Asked:
    return asked


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`name` labels metrics. `asked` is filled from the body, or from path and query; `question` makes of it what the
    platform is asked. `kept` names the setting for how long an answer may be told again. `example` is what follows the
    path, or the body."""

    name: str
    method: Literal["GET", "POST"]
    path: str
    summary: str
    asked: type[q.Asked]
    told: type[q.Told]
    kept: Kept
    example: str | dict[str, Any]
    question: Callable[[Any], q.Asked] = _itself

    @property
    def takes_body(self) -> bool:
        return self.method == "POST"


def _every_pair(asked: q.AvailabilityQuery) -> q.AvailabilityAsked:
    if (pairs := len(asked.product) * len(asked.place)) > q.KEYS:
        problem = FieldProblem(
            field="product",
            problem=f"{len(asked.product)} products at {len(asked.place)} places are {pairs:,} pairs",
            remedy=f"ask for {q.KEYS:,} pairs or fewer at once",
        )
        raise Problem("invalid-question", "product: too many pairs", (problem,))
    items = tuple(q.ProductAtPlace(product_id=of, place_id=at) for of in asked.product for at in asked.place)
    return q.AvailabilityAsked(items=items)


CART = [{"product_id": "mug", "quantity": 2}]

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "availability", "GET", "/v1/availability", "How many can be promised: every product at every place",
        q.AvailabilityQuery, q.Availability, "availability", "?product=mug&product=cup&place=BER", _every_pair,
    ),
    Endpoint(
        "availability-of-pairs", "POST", "/v1/availability", "How many can be promised: pairs of product and place",
        q.AvailabilityAsked, q.Availability, "availability", {"items": [{"product_id": "mug", "place_id": "BER"}]},
    ),
    Endpoint(
        "delivery-options", "POST", "/v1/delivery-options", "How a cart can be delivered, each with its offer token",
        q.DeliveryAsked, q.DeliveryOptions, "options",
        {"items": CART, "address": {"country": "DE", "zip_code": "10115", "city": "Berlin"}},
    ),
    Endpoint(
        "pickup-options", "POST", "/v1/pickup-options", "Where a cart can be picked up, each with its offer token",
        q.PickupAsked, q.PickupOptions, "options",
        {"items": CART, "near": {"latitude": 52.5, "longitude": 13.4}, "within_km": 30, "at_most": 5},
    ),
    Endpoint(
        "customer", "GET", "/v1/customers", "The customer with exactly this e-mail address, in any case",
        q.CustomerAsked, q.Customer, "customers", "?email=ada@example.com",
    ),
    Endpoint(
        "orders-of-customer", "GET", "/v1/customers/{customer_id}/orders", "A customer's orders, the newest first",
        q.OrdersAsked, q.Orders, "customers", "?offset=0&count=10",
    ),
    Endpoint(
        "order", "GET", "/v1/orders/{order_number}", "How an order stands, by the shop's own number",
        q.OrderAsked, q.Order, "orders", "",
    ),
)  # fmt: skip
