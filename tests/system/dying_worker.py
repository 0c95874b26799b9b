"""A worker that is killed once, at a chosen moment: `SHOPRELAY_TEST_DIE=before:3` kills it when the third chunk with
signals has been said and is not yet remembered, `after:3` when it is remembered and not yet acked."""

from __future__ import annotations

import itertools
import os
import signal

from shoprelay.cli import app
from streams.worker.fold import Fold, Thought

moment, _, number = os.environ.pop("SHOPRELAY_TEST_DIE").partition(":")
chunks = itertools.count(1)
remember = Fold._remember


async def remember_and_die(self: Fold, partition: int, thought: Thought) -> None:
    last = bool(thought.signals) and next(chunks) == int(number)
    if last and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    await remember(self, partition, thought)
    if last:
        os.kill(os.getpid(), signal.SIGKILL)


Fold._remember = remember_and_die  # type: ignore[method-assign]

if __name__ == "__main__":
    app()
