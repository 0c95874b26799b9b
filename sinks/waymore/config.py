"""What one WayMore account is told, and where. What WayMore's documents leave open is a setting here."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Url = Annotated[str, Field(pattern=r"^https?://[^\s#]+$")]
Text = Annotated[str, Field(min_length=1)]


class WayMoreConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    # -- where, and who we are

    username: str = Field("", description="the account's Routee user name; with `password` it registers the site, once")
    password: SecretStr | None = Field(None, description="the account's Routee password")
    uuid: SecretStr | None = Field(
        None,
        description="the UUID, where Routee handed it to you or the site was registered before: then nobody is asked",
    )
    domain: Text = Field(description="the site that is registered: its address, as in https://mugs.example")
    auth_url: Url = Field("https://waymore.routee.net/api/authenticate", description="where the site is registered")
    data_url: Url = Field("https://idata.routee.net/api/data", description="where it goes what is known at first")
    event_url: Url = Field("https://idata.routee.net/api/event", description="where events go")
    source: Text = Field("Shoprelay", description="what the site is made with, as WayMore's own plugin says Magento")
    type: Text = Field("E-Commerce", description="what kind of site it is")
    version: Text = Field("1.0", description="the version of the shop's software")
    plugin_version: Text = Field("0.1.0", description="the version of what connects it")

    # -- what is told

    search: Literal["told", "silent"] = Field("told", description="whether searches are told: not critical to WayMore")
    abandoned_cart: Literal["silent", "cart"] = Field(
        "silent",
        description="WayMore finds abandoned carts by itself; cart: the cart is told once more when we find one",
    )
    deleted_product: Literal["silent", "out_of_stock"] = Field(
        "silent", description="WayMore has no word for it; out_of_stock: it is told as ProductOutOfStock"
    )
    sold_out_option: Literal["silent", "out_of_stock"] = Field(
        "silent",
        description="one of several options of a product is gone. silent: only its stock is told; out_of_stock: "
        "ProductOutOfStock as well, which names the product alone",
    )
    stock_location: str = Field(
        "", description="WayMore knows no locations. Empty: the stock of all together is told; a name: only that one's"
    )
    cart_url: str = Field("", description="the page of the cart, for carts that are told without one")

    # -- in which words

    placed_status: Text = Field("pending", description="the status of a new order that says none")
    fulfilled_status: str = Field("fulfilled", description="the status of an order that is sent; empty: not told")
    partly_fulfilled_status: str = Field("partially fulfilled", description="of one that is sent in part")
    cancelled_status: str = Field("cancelled", description="of one that is cancelled")
    refunded_status: str = Field("refunded", description="of one whose money is given back")
    partly_refunded_status: str = Field("partially refunded", description="of one of which a part is given back")
    size_option: Text = Field("size", description="which of a variant's options is WayMore's `size`, whatever its case")
    color_option: Text = Field("color", description="which of a variant's options is WayMore's `color`")

    # -- in which form

    cart_and_stock_data: Literal["object", "array"] = Field(
        "object", description="`data` of CartUpdate and ProductStockUpdate. object; array: in an array of one"
    )
    guest_in_search: Literal["empty", "zero"] = Field(
        "empty", description='the customer_id of a guest who searches. empty: ""; zero: 0, as everywhere else'
    )
    kind_case: Literal["lower", "capital"] = Field(
        "lower", description="kinds at the beginning. lower: customers; capital: Customers"
    )
    wishlist_kind: Literal["wishlist", "wishlists"] = Field("wishlist", description="what wishlists are called there")
    part_items: int = Field(100, ge=1, le=10_000, description="how many records a request has at the beginning")
    shop_id: Text = Field("1", description="id_shop and id_shop_group of a newsletter's subscriber")

    @model_validator(mode="after")
    def _someone_is_known(self) -> Self:
        """A UUID, or what it takes to be given one."""
        if self.uuid is None and (not self.username or self.password is None):
            raise ValueError("username and password are required, or uuid")
        for secret in (self.uuid, self.password):
            if secret is not None and not secret.get_secret_value():
                raise ValueError("uuid and password must not be empty: leave out what you do not have")
        if self.uuid is not None and not re.fullmatch(r"[!-~]+", self.uuid.get_secret_value()):
            raise ValueError("uuid must be printable ASCII without spaces")
        return self
