"""Magento and Adobe Commerce: events of Adobe I/O, or of an observer of the shop's own, signed on their way to us."""

from sources.webhooks.contract import Signature, Source
from sources.webhooks.magento.normalize import entity_of, normalize

SOURCE = Source(
    name="magento",
    signature=Signature("x-shoprelay-signature"),
    delivery="x-shoprelay-delivery",
    entity=entity_of,
    normalize=normalize,
)
