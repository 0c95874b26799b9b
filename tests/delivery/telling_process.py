"""A sink that registers and tells history, in a process of its own, over Kafka. Arguments: broker, platform, a name."""

import asyncio
import signal
import sys
from dataclasses import replace

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from schemas.events import CustomerEvent
from sinks.contract import Limit
from streams.delivery import Backoff, DeliverySettings, run
from tests.delivery.remembering import TELLING
from tests.delivery.said import Plain, PlainParked
from tests.delivery.sink import Config
from tests.delivery.world import KEPT_KEY


def settings_of(bootstrap: str, name: str) -> DeliverySettings:
    return DeliverySettings(
        bootstrap=bootstrap,
        group=name,
        topic=f"{name}-signals",
        parked_topic=f"{name}-parked",
        redrive_topic=f"{name}-redrive",
        kept_topic=f"{name}-kept",
        kept_keys=(KEPT_KEY,),
        customers_changelog=f"{name}-customers",
        products_changelog=f"{name}-products",
        customer_events=f"{name}-events",
        partitions=4,
        session_seconds=6.0,  # the least that Apache Kafka takes
        drain_seconds=1.0,
        backoff=Backoff(0.05, 0.5),
    )


async def main(bootstrap: str, address: str, name: str) -> int:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    sink = replace(TELLING, base_url=lambda config: address, limits=(Limit("data", 20, 1.0),))
    return await run(
        sink,
        Config(api_key=SecretStr("very-secret-key")),
        settings_of(bootstrap, name),
        codec=Plain(),
        parked=PlainParked(),
        events=Plain(CustomerEvent),
        registry=CollectorRegistry(),
        stop=stop,
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
