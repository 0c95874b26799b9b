"""A poller that is killed once, at a chosen moment: `SHOPRELAY_TEST_DIE=before publish` kills it when it has read an
answer and published nothing of it, `after publish` when the broker has it all and the position is not remembered."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from schemas.events import ShopEvent
from shoprelay.cli import app
from streams.polling.kafka import KafkaHands

moment = os.environ.pop("SHOPRELAY_TEST_DIE")
publish = KafkaHands.publish


async def publish_and_die(self: KafkaHands, events: Sequence[ShopEvent]) -> None:
    if moment == "after publish":
        await publish(self, events)
    os.kill(os.getpid(), signal.SIGKILL)


KafkaHands.publish = publish_and_die  # type: ignore[method-assign]

if __name__ == "__main__":
    app()
