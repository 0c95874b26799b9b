"""What one JUNE shop is told, and where. What JUNE's article leaves open is a setting here."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class JuneConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str = Field(
        pattern=r"^https?://[^\s#]+$",
        description="where the payloads go, as JUNE gave it to you; with {token} in it when the token is in the path",
    )
    token: SecretStr = Field(
        description="Automation, list, E-Commerce Settings, Add Provider, Custom: the token shown there"
    )
    token_in: Literal["path", "header"] = Field(
        description="path: {token} in `url` is replaced by it; header: it is sent as Authorization: Bearer"
    )
    record_url: str = Field(
        "",
        pattern=r"^(https?://[^\s#]+)?$",
        description="the list's public address: https://engagement.juneapp.com/collect/<collect token>. "
        "Who registers with an e-mail is entered there first; empty: nobody",
    )
    created_at_format: Literal["documented", "sample"] = Field(
        "documented",
        description="documented: 2026-11-21T12:00:00.000+0000, the pattern; sample: 2026-11-21T12:00:00+00:00",
    )
    guest_id: Literal["email", "refuse"] = Field(
        "email",
        description="the id of a customer without one. email: the address in lower case; refuse: orders, fulfilments "
        "and carts of guests are not told",
    )
    emptied_cart: Literal["empty_products", "silent"] = Field(
        "empty_products", description="an emptied cart is told as `products: []`, or not at all"
    )
    abandoned_cart: Literal["silent", "cart"] = Field(
        "silent", description="JUNE finds abandoned carts by itself; cart: the cart is told once more when we find one"
    )
    fulfillment_id: Literal["order", "shipment"] = Field(
        "order",
        description="the id of a second and later shipment. order: the order's, and the last word on it counts; "
        "shipment: one of its own, <order>_<shipment>",
    )

    @model_validator(mode="after")
    def _token_has_one_place(self) -> Self:
        token = self.token.get_secret_value()
        if not re.fullmatch(r"[!-~]+", token):
            raise ValueError("token must be printable ASCII without spaces")
        if (self.token_in == "path") != ("{token}" in self.url):
            raise ValueError('url must contain {token} with token_in = "path", and must not with "header"')
        return self
