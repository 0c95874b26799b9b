"""Into which shop, and how, wholesale orders are entered."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class ShopifyConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str = Field(
        pattern=r"^https?://[^\s?#]+$",
        description="https://<shop>.myshopify.com: the shop's own address, not its domain",
    )
    access_token: SecretStr = Field(
        description="an Admin API access token with the scopes read_orders, write_orders and write_customers"
    )
    api_version: str = Field(
        "2026-10", pattern=r"^\d{4}-\d\d$", description="of the Admin API; each is supported for a year"
    )
    name_prefix: str = Field(
        "JOOR-",
        pattern=r"^[0-9A-Za-z_-]+$",
        description="an order is called by this and its id at JOOR; by its name it is found again: never change it",
    )
    fulfilled: bool = Field(False, description="orders are entered as fulfilled; false: as unfulfilled")
    inventory_behaviour: Literal["decrement_obeying_policy", "decrement_ignoring_policy", "bypass"] = Field(
        "decrement_obeying_policy",
        description="the first refuses an order for which stock is not sufficient; bypass leaves stock alone",
    )
    create_customer: bool = Field(
        True,
        description="who is not known by a customer id of the shop is entered by e-mail; false: such orders are parked",
    )
    tags: list[str] = Field(["JOOR"], description="of every order")
    tag_without_code: str = Field(
        "JOOR_NO_CUSTOMER_CODE",
        description="of orders whose customer has no Customer Code at JOOR: somebody must put it there",
    )
    shipping_title: str = Field("JOOR", min_length=1, description="of a shipping charge whose method has no name")
