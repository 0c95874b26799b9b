"""How one JOOR account's orders are read. What JOOR's documents leave open is a setting here."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class JoorOrdersConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str = Field("https://api.jooraccess.com", pattern=r"^https?://[^\s?#]+$", description="without /v2")
    token: SecretStr = Field(description="the v2 token that JOOR's support issued, as it is: it is encoded here")
    takes_over: bool = Field(
        False,
        description="true: JOOR marks what was read as exported; only for the one consumer that takes orders over",
    )
    history_days: int = Field(30, ge=0, le=3650, description="how far back the very first round reads")
    overlap_minutes: int = Field(60, ge=1, le=1440, description="how much of what was read is read again each round")
    page_size: int = Field(50, ge=20, le=500, description="orders in one answer")
    upc: Literal["variant_id", "sku"] = Field(
        "variant_id", description="what JOOR knows as UPC: the shop's variant id (as sinks.joor tells it), or its SKU"
    )
