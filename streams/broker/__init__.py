"""The broker that comes with the product, for trying and testing it; real installations use Apache Kafka."""

from streams.broker.handle import EmbeddedBroker
from streams.broker.library import NoBroker

__all__ = ["EmbeddedBroker", "NoBroker"]
