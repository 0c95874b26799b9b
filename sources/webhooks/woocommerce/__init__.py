"""WooCommerce: webhooks of a shop, in the form of its REST API, version 2 or 3."""

from sources.webhooks.contract import Headers, Signature, Source
from sources.webhooks.woocommerce.normalize import TOPIC, entity_of, normalize


def _ping(headers: Headers, body: bytes) -> bool:
    """Saving a webhook posts `webhook_id=7`, unsigned and without a topic; where it fails, the webhook stays off."""
    name, _, number = body.partition(b"=")
    return TOPIC not in headers and name == b"webhook_id" and number.isdigit()


SOURCE = Source(
    name="woocommerce",
    signature=Signature("x-wc-webhook-signature"),
    delivery="x-wc-webhook-delivery-id",
    entity=entity_of,
    normalize=normalize,
    ping=_ping,
)
