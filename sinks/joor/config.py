"""What one JOOR account is told, and how. What JOOR's documents leave open is a setting here."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

COLOR, SIZE = "U0tVVHJhaXQ6U3R5bGVDb2xvcg==", "U0tVVHJhaXQ6U2l6ZQ=="
Texts = Annotated[tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)]


class JoorConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str = Field(
        "https://api.jooraccess.com", pattern=r"^https?://[^\s?#]+$", description="without /v2 or /v4"
    )
    auth_url: str = Field(
        "https://atlas.jooraccess.com/auth/", pattern=r"^https?://[^\s?#]+$", description="where v4 lends its token"
    )
    account: str = Field(pattern=r"^[0-9A-Za-z_-]+$", description="JOOR's id of this account; on every v4 call")
    token: SecretStr = Field(description="the v2 token that JOOR's support issued, as it is: it is encoded here")
    client_id: str = Field(description="v4, as JOOR gave it to you; empty when no styles are told")
    client_secret: SecretStr | None = Field(None, description="v4")
    username: str = Field(description="v4; empty when no styles are told")
    password: SecretStr | None = Field(None, description="v4")

    customers: bool = Field(True, description="customers are told")
    styles: bool = Field(True, description="styles and their SKUs are told")
    prices: bool = Field(True, description="prices of SKUs are told, with the styles")
    stock: bool = Field(True, description="stock is told")

    tags: Texts = Field(min_length=1, description="a customer with at least one of these tags is told, and nobody else")
    joor_born_tag: str = Field(
        "JOOR_BORN",
        min_length=1,
        description="a customer with this tag was born at JOOR and has no Customer Code yet: reported, not told",
    )
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="the one currency that JOOR is told; others stay there")
    price_label: str = Field(min_length=1, description="the price label that goes with it in JOOR")
    customer_price_type: bool = Field(
        True, description="customers carry currency and price label; false leaves them to JOOR"
    )
    customer_address: bool = Field(
        False, description="customers carry their address, under the field names of JOOR's order rows"
    )
    price_type_id: str = Field(description="JOOR's id of that currency and label; empty when no prices are told")
    wholesale_percent: Decimal = Field(
        Decimal(100),
        gt=0,
        le=100,
        description="the wholesale price, in percent of the shop's, which is the retail price",
    )
    category_ids: list[str] = Field([], description="JOOR's categories of every style")
    color_trait_id: str = Field(COLOR, description="JOOR's id of the trait Color")
    size_trait_id: str = Field(SIZE, description="JOOR's id of the trait Size")
    color_option: str = Field("Color", description="the option of the shop's variants that is the colour")
    size_option: str = Field("Size", description="the option of the shop's variants that is the size")
    one_color: str = Field("One Color", description="the colour of what has none")
    one_size: str = Field("One Size", description="the size of what has none")
    upc: Literal["variant_id", "barcode"] = Field(
        "variant_id", description="what JOOR knows as UPC; orders come back under it"
    )
    product_lookup: str = Field(
        "external_ids",
        pattern=r"^[a-z_]+$",
        description="the query parameter that narrows GET /products; what comes back is compared all the same",
    )
    stock_key: Literal["upc", "style"] = Field(
        "upc", description="how stock names its SKU: by UPC, or by style number, style identifier, colour and size"
    )
    warehouse: str = Field(description="the warehouse as it is called in JOOR; empty with `warehouses` or no stock")
    warehouses: dict[str, str] = Field(
        {}, description="the shop's locations and their warehouses in JOOR; with it, other locations are not told"
    )
    dec_pending: bool = Field(False, description="JOOR takes what is pending there off the stock it is told")

    @model_validator(mode="after")
    def _has_what_it_tells(self) -> Self:
        lent = (self.client_id, self.client_secret, self.username, self.password)
        if self.styles and not all(lent):
            raise ValueError("styles need client_id, client_secret, username and password; or set styles = false")
        if self.styles and self.prices and not self.price_type_id:
            raise ValueError("prices need price_type_id; or set prices = false")
        if self.stock and not (self.warehouse or self.warehouses):
            raise ValueError("stock needs warehouse or warehouses; or set stock = false")
        return self
