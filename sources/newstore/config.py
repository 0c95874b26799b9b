"""Whose stock is read. What NewStore's documents leave open is a setting here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Url = Annotated[str, Field(pattern=r"^(https?://[^\s#?]+)?$")]


class NewStoreStockConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    tenant: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="the tenant, staging as <tenant>-staging")
    client_id: str = Field(min_length=1, description="the API client of Omnichannel Manager")
    client_secret: SecretStr = Field(min_length=1, description="its secret")
    url: Url = Field("", description="where NewStore is; empty: https://<tenant>.p.newstore.net")
    token_url: Url = Field(
        "", description="where tokens are lent; empty: the tenant's realm at https://id.p.newstore.net"
    )
    scope: str = Field("", description="scopes asked for with the token; empty: none, for clients with legacy APIs")
    product_is: Literal["product", "variant", "sku"] = Field(
        "variant", description="what NewStore calls a product: the shop's product id, its variant id, or the SKU"
    )
    poll_seconds: float = Field(5.0, ge=1.0, le=300.0, description="between two looks at an export that is being made")

    @property
    def base(self) -> str:
        return self.url or f"https://{self.tenant}.p.newstore.net"

    @property
    def identity(self) -> str:
        return self.token_url or f"https://id.p.newstore.net/auth/realms/{self.tenant}/protocol/openid-connect/token"
