"""The stand-in's orders: injected as their documents say, shown, cancelled, given back, and routed at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from uuid import NAMESPACE_URL, uuid5

from pydantic import Field

from sinks.fake import Received, Reply
from sinks.newstore.fakechecks import check
from sinks.newstore.fakeshapes import Order, Shape
from sinks.newstore.faketalk import Refused, document, method, query, said, shaped, steps


class Cancellation(Shape):
    reason: Annotated[str, Field(min_length=1)]
    note: str | None = None


class GivenBackItem(Shape):
    product_id: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]


class GivenBack(Shape):
    items: Annotated[list[GivenBackItem], Field(min_length=1)]
    returned_from: str | None = None


class LineState(Shape):
    item_id: str
    state: Literal["shipped", "rejected"]


class ItemsStates(Shape):
    line_items: Annotated[list[LineState], Field(min_length=1)]
    carrier: str | None = None
    tracking_code: Annotated[str, Field(min_length=1)] | None = None
    reason: str | None = None
    associate_id: Annotated[str, Field(min_length=1)] | None = None


@dataclass(slots=True)
class Kept:
    """One order. `items` as the fulfilment request shows them; `given_back` counts what came back."""

    body: bytes
    uuid: str
    at: float
    told: Order
    reply: dict[str, Any]
    items: list[dict[str, Any]]
    cancelled: bool = False
    given_back: list[str] = field(default_factory=list)

    @property
    def request_id(self) -> str:
        return str(uuid5(NAMESPACE_URL, f"request {self.uuid}"))


class Orders:
    """`differing`: what another order under a number that is taken is answered, of the two that are documented; with
    `differing_status`, which is not. An order shows up `appears_seconds` after it came and is routed `routed_seconds`
    after that. `cancelled_again` is the answer to a second cancellation."""

    def __init__(
        self,
        differing: Literal["refused", "first"] = "refused",
        differing_status: int = 400,
        appears_seconds: float = 0.0,
        routed_seconds: float = 0.0,
        cancelled_again: int = 400,
    ) -> None:
        self._differing = differing
        self._differing_status = differing_status
        self._appears = appears_seconds
        self._routed = routed_seconds
        self._cancelled_again = cancelled_again
        self.kept: dict[str, Kept] = {}

    def stored(self) -> dict[str, Any]:
        return {
            "orders": {
                name: {
                    "id": kept.uuid,
                    "items": kept.items,
                    "cancelled": kept.cancelled,
                    "given_back": kept.given_back,
                    "historical": kept.told.is_historical,
                }
                for name, kept in self.kept.items()
            }
        }

    def answer(self, request: Received) -> Reply | None:
        match steps(request):
            case ["v0", "d", "fulfill_order"]:
                method(request, "POST")
                return self._inject(request)
            case ["v0", "orders", name]:
                method(request, "GET")
                return said(200, self._shown(self._by_query(request, name)))
            case ["v0", "orders", name, "cancel"]:
                method(request, "GET", "POST")
                return self._cancellation(request, self._by_query(request, name))
            case ["v0", "d", "orders", uuid, ("returns" | "refunds") as what]:
                method(request, "POST")
                return self._give_back(request, self._by_uuid(request, uuid), what)
            case ["v0", "fulfillment_requests", uuid]:
                method(request, "GET")
                return said(200, {"fulfillment_requests": self._requests(request, uuid)})
            case ["v0", "fulfillment_request", name, "set_items_states"]:
                method(request, "POST")
                return self._set_states(request, name)
        return None

    # -- injection

    def _inject(self, request: Received) -> Reply:
        told = shaped(Order, document(request))
        if (known := self.kept.get(told.external_id)) is not None:
            if known.body == request.body or self._differing == "first":
                return said(200, known.reply, "duplicate")
            detail = "An order with this external_id was injected with different data."
            raise Refused(self._differing_status, "same_order_injection_with_different_data", detail)
        check(told)
        uuid = str(uuid5(NAMESPACE_URL, told.external_id))
        items = [
            {
                "item_id": str(uuid5(NAMESPACE_URL, f"{told.external_id} {item.external_item_id}")),
                "product_id": item.product_id,
                "status": "dispatched",
                "carrier": None,
                "tracking_code": None,
            }
            for shipment in told.shipments
            for item in shipment.items
        ]
        names = [item.external_item_id for shipment in told.shipments for item in shipment.items]
        ids = [
            {"external_item_id": name, "id": item["item_id"], "product_id": item["product_id"]}
            for name, item in zip(names, items, strict=True)
        ]
        reply = {"external_id": told.external_id, "id": uuid, "items": ids}
        self.kept[told.external_id] = Kept(request.body, uuid, request.at, told, reply, items)
        return said(200, reply)

    # -- one order

    def _by_query(self, request: Received, name: str) -> Kept:
        kinds = query(request)
        if kinds.get("id_type") not in ("external", "internal") or set(kinds) != {"id_type"}:
            raise Refused(400, "bad_request", "id_type must be external or internal")
        if kinds["id_type"] == "internal":
            return self._by_uuid(request, name)
        return self._there(request, self.kept.get(name))

    def _by_uuid(self, request: Received, uuid: str) -> Kept:
        return self._there(request, next((kept for kept in self.kept.values() if kept.uuid == uuid), None))

    def _there(self, request: Received, kept: Kept | None) -> Kept:
        if kept is None or request.at < kept.at + self._appears:
            raise Refused(404, "not_found", "There is no such order.")
        return kept

    def _shown(self, kept: Kept) -> dict[str, Any]:
        told = kept.told
        return {
            "id": told.external_id,
            "origin": "newstore",
            "origin_id": kept.uuid,
            "channel_type": told.channel_type,
            "currency": told.currency,
            "fulfillment_type": "traditional",
            "status": "closed" if kept.cancelled else "open",
            "placed_at": told.placed_at,
            "items": [{"id": item["item_id"], "product_id": item["product_id"]} for item in kept.items],
        }

    def _cancellation(self, request: Received, kept: Kept) -> Reply:
        if request.method == "GET":
            shipped = any(item["status"] == "shipped" for item in kept.items)
            able = not kept.cancelled and not shipped
            return said(200, {"cancelable": able, "canceled": kept.cancelled, "is_safe": able})
        shaped(Cancellation, document(request))
        if kept.cancelled:
            if self._cancelled_again >= 400:
                raise Refused(self._cancelled_again, "bad_request", "The order is cancelled already.")
            return said(self._cancelled_again)
        if any(item["status"] == "shipped" for item in kept.items):
            raise Refused(400, "bad_request", "The order cannot be cancelled any more.")
        kept.cancelled = True
        return said(200)

    def _give_back(self, request: Received, kept: Kept, what: str) -> Reply:
        told = shaped(GivenBack, document(request))
        left = [item["product_id"] for item in kept.items]
        for product in kept.given_back:
            left.remove(product)
        for item in told.items:
            if item.product_id not in left:
                raise Refused(400, "bad_request", "items: is none of the order's, or came back before")
            left.remove(item.product_id)
        kept.given_back += [item.product_id for item in told.items]
        return said(200, {"what": what, "items": len(told.items)})

    # -- shipped

    def _requests(self, request: Received, uuid: str) -> list[dict[str, Any]]:
        kept = next((kept for kept in self.kept.values() if kept.uuid == uuid), None)
        if kept is None or request.at < kept.at + self._appears + self._routed:
            return []
        about = {"created_at": kept.told.placed_at, "fulfillment_node_id": "FN1", "service_level": "standard"}
        return [{**about, "fulfillment_request_id": kept.request_id, "status": "dispatched", "items": kept.items}]

    def _set_states(self, request: Received, name: str) -> Reply:
        kept = next((kept for kept in self.kept.values() if kept.request_id == name), None)
        if kept is None:
            raise Refused(404, "not_found", "There is no such fulfillment request.")
        told = shaped(ItemsStates, document(request))
        if len({line.state for line in told.line_items}) > 1:
            raise Refused(400, "bad_request", "line_items: shipped and rejected must not be mixed")
        items = {item["item_id"]: item for item in kept.items}
        for line in told.line_items:
            if line.item_id not in items or items[line.item_id]["status"] != "dispatched":
                raise Refused(400, "bad_request", "line_items: is none of the request's, or in a final state")
        for line in told.line_items:
            items[line.item_id] |= {"status": line.state, "carrier": told.carrier, "tracking_code": told.tracking_code}
        return Reply(204, "accepted")
