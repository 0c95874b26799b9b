"""Our own JSON, for shops that no other source speaks for: events as they are, in a form every language can write."""

from sources.webhooks.contract import Headers, Signature, Source
from sources.webhooks.generic.normalize import entity_of, normalize

SIGNATURE = "x-shoprelay-signature"
DELIVERY = "x-shoprelay-delivery"


def _entity(headers: Headers, document: object) -> str | None:
    return entity_of(document)


SOURCE = Source(
    name="generic", signature=Signature(SIGNATURE), delivery=DELIVERY, entity=_entity, normalize=normalize
)  # fmt: skip
