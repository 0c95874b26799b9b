"""What JOOR's v2 takes: connections in jobs, stock at once. Fields and lengths as documented; README.md beside this."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Text = Annotated[str, Field(min_length=1)]


class Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class PriceType(Shape):
    price_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    price_label: Text


class PriceTypes(Shape):
    price_type: Annotated[list[PriceType], Field(min_length=1)]


class BillingAddress(Shape):
    billing_code: Annotated[str, Field(min_length=1, max_length=50)]
    billing_name: str | None = None
    billing_address_1: str | None = None
    billing_address_2: str | None = None
    billing_city: str | None = None
    billing_region: str | None = None
    billing_postal_code: str | None = None
    billing_country_iso_two: str | None = None
    billing_phone: str | None = None


class BillingAddresses(Shape):
    billing_address: Annotated[list[BillingAddress], Field(min_length=1)]


class Billing(Shape):
    billing_addresses: BillingAddresses


class Connection(Shape):
    customer_name: Annotated[str, Field(min_length=1, max_length=100)]
    customer_code: Annotated[str, Field(min_length=1, max_length=50)]
    customer_alias: Annotated[str, Field(max_length=150)] | None = None
    customer_contact_name: Annotated[str, Field(max_length=1000)] | None = None
    customer_contact_email: Annotated[str, Field(max_length=50)] | None = None
    customer_group_code: Annotated[str, Field(max_length=100)] | None = None
    sales_rep_code: Annotated[str, Field(max_length=100)] | None = None
    price_types: PriceTypes | None = None
    billing: Billing | None = None


class Connections(Shape):
    connection: Annotated[list[Connection], Field(min_length=1)]


class BulkConnections(Shape):
    bulk_connections: Connections


class InventoryItem(Shape):
    """One SKU key: the UPC; or style number, style identifier, colour code and size together."""

    warehouse: Text
    inventory: Annotated[int, Field(ge=0)]
    inventory_date: Annotated[str, Field(pattern=r"^(\d{4}-\d\d-\d\d|\d\d-\d\d-\d{4})$")] | None = None
    upc: Text | None = None
    style_number: Text | None = None
    style_identifer: Text | None = None
    color_code: Text | None = None
    size: Text | None = None
    made_to_order: bool | None = None

    @property
    def key(self) -> str:
        return self.upc or f"{self.style_number}/{self.color_code}/{self.size}"

    @model_validator(mode="after")
    def _has_one_key(self) -> Self:
        style = (self.style_number, self.style_identifer, self.color_code, self.size)
        if (self.upc is None) == (None in style) or (self.upc is not None and any(style)):
            raise ValueError("one SKU key: upc, or style_number, style_identifer, color_code and size")
        return self


class Inventory(Shape):
    inventory_item: Annotated[list[InventoryItem], Field(min_length=1)]


class InventoryItems(Shape):
    inventory_items: Inventory


class Jobs:
    """Queued, then started, then finished: what a job brings is there only then. They run in the order they came."""

    def __init__(self, polls: int) -> None:
        self.connections: dict[str, dict[str, Any]] = {}
        self._polls = polls
        self._asked: dict[str, int] = {}
        self._brings: dict[str, list[Connection]] = {}

    def begin(self, told: BulkConnections) -> dict[str, Any]:
        job = str(len(self._asked) + 1)
        self._asked[job] = 0
        self._brings[job] = told.bulk_connections.connection
        return self._shown(job)

    def look(self, job: str) -> dict[str, Any]:
        """Raises `ValueError` for a job that nobody began."""
        if job not in self._asked:
            raise ValueError("no such job")
        self._asked[job] += 1
        if self._asked[job] == self._polls:
            for connection in self._brings[job]:
                self.connections[connection.customer_code] = connection.model_dump(exclude_none=True)
        return self._shown(job)

    def _shown(self, job: str) -> dict[str, Any]:
        asked, count = self._asked[job], len(self._brings[job])
        status = "finished" if asked >= self._polls else "started" if asked else "queued"
        done = count if status == "finished" else 0
        return {
            "bulk_connections_job_id": int(job), "status": status, "connection_record_count": count,
            "connection_record_progress": done, "created": "2026-11-25T12:00:00+00:00",
            "modified": "2026-11-25T12:00:00+00:00",
        }  # fmt: skip
