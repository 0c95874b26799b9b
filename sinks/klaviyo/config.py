"""What one Klaviyo account is told, and with which key."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

Metric = Annotated[str, Field(max_length=127)]  # Klaviyo: less than 128 characters


class KlaviyoConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    api_key: SecretStr = Field(
        description="private key, begins with pk_; scopes: events:write, profiles:read, profiles:write, lists:read, "
        "lists:write, subscriptions:write, data-privacy:write, catalogs:write; with `catalog` also catalogs:read",
    )
    base_url: str = Field(
        "https://a.klaviyo.com", pattern=r"^https?://[^\s?#]+$", description="where /api/events and the others are"
    )
    abandoned_cart_metric: Metric = Field(
        "Abandoned Cart", min_length=1, description="metric that starts the reminder flow"
    )
    searched_metric: Metric = Field("Searched Site", description="metric for a search on the site; empty: not told")
    wishlist_added_metric: Metric = Field("Added to Wishlist", description="empty: not told")
    wishlist_removed_metric: Metric = Field("Removed from Wishlist", description="empty: not told")
    order_paid_metric: Metric = Field("", description="metric for a payment, such as Paid Order; empty: not told")
    order_status_metric: Metric = Field("", description="metric for a change of an order's status; empty: not told")
    lists: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        {},
        description="the shop's newsletter -> the Klaviyo list a subscriber joins; `default` is for subscriptions that "
        "name no newsletter. Without a list the account's own opt-in setting decides",
    )

    catalog: bool = Field(
        True,
        description="products, variants and stock through the catalog API; false where Klaviyo has them another way, "
        "from a feed or a shop's own integration: it takes one way only",
    )
    catalog_categories: bool = Field(
        True, description="a Klaviyo category for each category of a product, named as the shop names it"
    )
    product_url: str = Field(
        "",
        pattern=r"^$|^https?://[^\s{}]*\{product_id\}[^\s{}]*$",
        description="where a product is that has no url of its own, such as https://shop.example/p/{product_id}; "
        "Klaviyo takes no product without one; empty: such a product is parked",
    )
    inventory_policy: Literal[0, 1, 2] = Field(
        0, description="1: what is out of stock is not recommended; 0 and 2: it may be"
    )
    stock_location: str = Field(
        "", description="the location whose stock is told; empty: that of all locations together"
    )
    variant_prefix: str = Field(
        "$custom:::$default:::",
        pattern=r"^\S+:::\S+:::$",
        description="what stands before a variant's id when somebody waits for it; another one where the catalog comes "
        "from a shop's own integration, such as $shopify:::$default:::",
    )

    @field_validator("api_key")
    @classmethod
    def _is_a_private_key(cls, key: SecretStr) -> SecretStr:
        value = key.get_secret_value()
        if not value.startswith("pk_") or not value.isascii() or not value.isprintable() or " " in value:
            raise ValueError(
                "must be a private API key, which begins with pk_; the public key of six characters is not"
            )
        return key
