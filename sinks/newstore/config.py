"""What one NewStore tenant is told, and where. What NewStore's documents leave open is a setting here."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Url = Annotated[str, Field(pattern=r"^(https?://[^\s#?]+)?$")]


class NewStoreConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    tenant: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="the tenant, staging as <tenant>-staging")
    client_id: str = Field(
        min_length=1, description="the API client of Omnichannel Manager; with legacy_password_grant the user's name"
    )
    client_secret: SecretStr = Field(
        min_length=1, description="the API client's secret; with legacy_password_grant the user's password"
    )
    url: Url = Field("", description="where NewStore is; empty: https://<tenant>.p.newstore.net")
    token_url: Url = Field(
        "", description="where tokens are lent; empty: the tenant's realm at https://id.p.newstore.net"
    )
    scope: str = Field("", description="scopes asked for with the token; empty: none, for clients with legacy APIs")
    legacy_password_grant: bool = Field(
        False, description="deprecated by NewStore in January 2024: a token of /v0/token for a user and a password"
    )

    shop: str = Field(min_length=1, max_length=128, description="the shop (catalog) that holds the items")
    locale: str = Field(
        min_length=1, max_length=128, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$", description="its locale, as en-US"
    )
    channel_type: Literal["web", "mobile", "store"] = Field("web", description="the kind of channel orders come from")
    channel_name: str = Field("shop", min_length=1, max_length=64, description="a label for where orders come from")
    product_id: Literal["variant", "product", "sku"] = Field(
        "variant",
        description="what NewStore calls a product. variant: the variant's id, the product's where there is none; "
        "product: the product's id; sku: the SKU",
    )

    price_method: Literal["tax_included", "tax_excluded"] = Field(
        "tax_included", description="of an order that does not say whether its prices include tax"
    )
    tax_name: str = Field("tax", min_length=1, description="the name of a tax line, which NewStore requires")
    discount_ref: str = Field(
        "discount", min_length=1, max_length=256, description="the reference of a discount that has no code"
    )
    payment_type: Literal["captured", "authorized"] = Field(
        "captured", description="of a payment that does not say whether it was captured"
    )
    payment_method: str = Field("", max_length=64, description="of a payment without a method; empty: refused")
    payment_processor: str = Field("", max_length=32, description="of a payment without a processor; empty: refused")
    service_level: str = Field(
        "", description="the service level of an order whose shipping method has none; empty: refused"
    )
    service_levels: dict[str, str] = Field({}, description="the service level of each of the shop's shipping methods")
    inject: Literal["placed", "paid"] = Field(
        "placed", description="when an order is injected; paid: where shops tell payments after the order"
    )
    is_preconfirmed: bool = Field(False, description="the shop has told the customer already that the order was placed")
    notification_blacklist: list[str] = Field(
        [], description="notifications that NewStore is not to send to the customer, as order_cancelled"
    )
    history: Literal["silent", "historical"] = Field(
        "silent",
        description="orders of the time before. silent: not injected; historical: injected with is_historical, which "
        "says that they were fulfilled elsewhere",
    )

    cancellations: bool = Field(True, description="tell when an order is cancelled")
    cancel_reason: str = Field("cancelled in the shop", min_length=1, description="of a cancellation without a reason")
    tells_refunds: bool = Field(
        False, description="tell refunds and returns; NewStore pays back itself, so only if the shop does not"
    )
    refund_reason: str = Field("refunded in the shop", min_length=1, description="of a refund without a reason")
    returned_from: str = Field("", description="where returned items came back to; empty: not told")
    reports_fulfilment: bool = Field(
        False, description="tell what was shipped; only where the shop ships, NewStore routes and fulfils by itself"
    )
    profiles: bool = Field(True, description="keep customer profiles up to date")
    erasures: bool = Field(True, description="ask NewStore to delete the profile of a customer who is to be forgotten")

    files_url: Url = Field(
        "", description="a file store that takes PUT, for import files; empty: the catalog is not told"
    )
    files_public_url: Url = Field("", description="where NewStore reads them for days; empty: at files_url")
    imports: list[Literal["products", "prices", "stock"]] = Field(
        ["products", "prices", "stock"], description="what of the catalog is told"
    )
    import_provider: str = Field("shoprelay", min_length=1, description="who imports, in NewStore's list of imports")
    barcode_type: str = Field("ean13", min_length=1, description="the type of identifier that barcodes are")
    pricebook: str = Field("default", min_length=1, description="the price book that prices go to")
    price_entity: str = Field("prices", min_length=1, description="what an import calls prices")
    price_field: str = Field("value", min_length=1, description="where a line of a price file has the price")
    stock_entity: str = Field("availabilities", min_length=1, description="what an import calls stock")
    stock_field: str = Field("quantity", min_length=1, description="where a line of a stock file has the quantity")
    fulfillment_node: str = Field("", description="the location of stock that names none; empty: refused")
    is_inventory_master: bool = Field(False, description="NewStore is the inventory master: stock is not told")

    @model_validator(mode="after")
    def _public_files_are_uploaded(self) -> Self:
        if self.files_public_url and not self.files_url:
            raise ValueError("files_public_url is where files of files_url are read: set both, or neither")
        return self

    @property
    def base(self) -> str:
        return self.url or f"https://{self.tenant}.p.newstore.net"

    @property
    def identity(self) -> str:
        realm = f"/auth/realms/{self.tenant}/protocol/openid-connect/token"
        if self.legacy_password_grant:
            return self.token_url or f"{self.base}/v0/token"
        return self.token_url or f"https://id.p.newstore.net{realm}"
