"""Shopify: webhooks of a shop, in JSON, as the Admin REST resources are written."""

from sources.webhooks.contract import Signature, Source
from sources.webhooks.shopify.normalize import entity_of, normalize

SOURCE = Source(
    name="shopify",
    signature=Signature("x-shopify-hmac-sha256"),
    delivery="x-shopify-webhook-id",
    entity=entity_of,
    normalize=normalize,
)
