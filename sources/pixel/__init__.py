"""The browser: a script on the shop's pages says what a visitor does; the collector has a door of its own for it."""

from sources.pixel.normalize import NAME, entity_of, normalize
from sources.webhooks.contract import Headers, Signature, Source


def _entity(headers: Headers, document: object) -> str | None:
    return entity_of(document)


SOURCE = Source(
    # a browser can keep no secret and signs nothing: `shoprelay.collector.pixel` checks key and origin instead
    name=NAME, signature=Signature(""), delivery="", entity=_entity, normalize=normalize
)  # fmt: skip
