"""CS-Cart: what an add-on's hooks post, in our envelope, with the arrays that CS-Cart's own functions return."""

from sources.webhooks.contract import Headers, Source
from sources.webhooks.cscart.normalize import normalize
from sources.webhooks.envelope import DELIVERY, SIGNATURE, entity_of


def _entity(headers: Headers, document: object) -> str | None:
    return entity_of(document, "order_id", "cart_id", "user_id", "product_id")


SOURCE = Source(name="cscart", signature=SIGNATURE, delivery=DELIVERY, entity=_entity, normalize=normalize)
