"""What one command works with: the parked topic of one account, the index of it, and the codecs to read it with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rich.console import Console

from schemas.records import Parked
from schemas.signals import Signal
from shoprelay.connections import SUBJECTS, codec_of, librdkafka_of, names_of, registry_of
from shoprelay.parked.reading import Decoding, Index, ParkedTopic
from shoprelay.parked.rows import telling
from shoprelay.parked.sending import Requests
from shoprelay.parked.speech import bars
from shoprelay.settings import Configuration

SIGNALS = SUBJECTS[3]


@dataclass(frozen=True, slots=True)
class Session:
    name: str
    configuration: Configuration
    topic: ParkedTopic
    index: Index
    parked: Decoding[Parked]
    signals: Decoding[Signal]

    @property
    def length(self) -> int:
        """How much of an id tells it apart."""
        return telling(self.index.rows)

    def requests(self) -> Requests:
        topic = names_of(self.configuration).redrive(self.name).name
        return Requests(librdkafka_of(self.configuration.settings.kafka), topic)


@asynccontextmanager
async def opened(out: Console, configuration: Configuration, name: str) -> AsyncIterator[Session]:
    """Reads what is parked, with progress on `out`. Raises `TopicsUnavailable` and `RegistryError`."""
    registry = registry_of(configuration)
    try:
        parked: Decoding[Parked] = Decoding(codec_of(registry, configuration, f"parked-{name}", "parked.avsc", Parked))
        signals: Decoding[Signal] = Decoding(codec_of(registry, configuration, *SIGNALS))
        options = librdkafka_of(configuration.settings.kafka)
        with ParkedTopic(options, names_of(configuration).parked(name).name, parked) as topic:
            with bars(out) as shown:
                bar = shown.add_task("reading", total=None, more="records")
                index = await topic.index(lambda done, of: shown.update(bar, completed=done, total=of))
            yield Session(name, configuration, topic, index, parked, signals)
    finally:
        await registry.close()
