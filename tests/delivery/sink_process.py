"""The test sink in a process of its own, over Kafka. Arguments: broker, platform, a name for group and topics, and a
file that is made once it can be stopped."""

import asyncio
import signal
import sys
from dataclasses import replace
from pathlib import Path

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from streams.delivery import Backoff, DeliverySettings, run
from tests.delivery.said import Plain, PlainParked
from tests.delivery.sink import SINK, Config


def show() -> None:
    """What every task waits for, to stderr: a test that waits in vain asks for it."""
    for task in asyncio.all_tasks():
        task.print_stack(file=sys.stderr)


async def main(bootstrap: str, address: str, name: str, began: str) -> int:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, show)
    Path(began).touch()  # noqa: ASYNC240  (an empty file)
    settings = DeliverySettings(
        bootstrap=bootstrap,
        group=name,
        topic=f"{name}-signals",
        parked_topic=f"{name}-parked",
        redrive_topic=f"{name}-redrive",
        partitions=4,
        session_seconds=6.0,
        drain_seconds=3.0,
        backoff=Backoff(0.05, 0.5),
    )
    sink = replace(SINK, base_url=lambda config: address)
    config = Config(api_key=SecretStr("very-secret-key"))
    return await run(
        sink, config, settings, codec=Plain(), parked=PlainParked(), registry=CollectorRegistry(), stop=stop
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
