"""Salesforce Commerce Cloud: what its hooks and jobs post, in our envelope, with documents of its Shop API."""

from sources.webhooks.contract import Headers, Source
from sources.webhooks.envelope import DELIVERY, SIGNATURE, entity_of
from sources.webhooks.sfcc.normalize import normalize


def _entity(headers: Headers, document: object) -> str | None:
    return entity_of(document, "order_no", "basket_id", "customer_no")


SOURCE = Source(name="sfcc", signature=SIGNATURE, delivery=DELIVERY, entity=_entity, normalize=normalize)
