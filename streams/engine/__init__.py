"""Faust's App, agents and tables on a consumer, a producer and stores of our own: fast, exact at restarts, and it never
hangs.

    app = create_app(EngineSettings(bootstrap="127.0.0.1:9092", group="shop", state_dir=Path("state")))
    carts = app.Table("carts", partitions=12, topic="events")      # changelog "shop-carts-changelog": exists, compacted

    @app.agent(chunks(app, "events"))
    async def fold(stream):
        async for event in stream.noack().events():                # event.value: records of one partition, in order
            partition, dirty = event.message.partition, {}
            ...                                                    # carts.get(partition, key)
            await carts.put_many(partition, dirty)                 # changelog first, then the store
            await stream.ack(event)                                # the next chunk of this partition comes after this

What holds: one chunk per partition number in flight; a partition delivers only after its tables are restored; commits
go up to the last
acked chunk and only after everything sent is written; a former owner cannot change a partition's state (`fence.py`);
anything
unexpected ends the process with exit code 70, and what was not committed is handled again.

This package must be imported before Faust: it turns Faust's Cython parts off, which read private fields of stock
consumers.
"""

import os

os.environ["NO_CYTHON"] = "1"

from streams.engine.app import Engine, EngineApp, chunks, create_app
from streams.engine.exits import FATAL, MISCONFIGURED, STOPPED
from streams.engine.fence import CLAIM_KEY, Fold
from streams.engine.mirror import Mirror
from streams.engine.partitions import partition_of
from streams.engine.progress import Progress
from streams.engine.settings import EngineSettings, Hooks, RestoreProgress
from streams.engine.tables import NotOwned, Table
from streams.security import Security

__all__ = [
    "CLAIM_KEY",
    "FATAL",
    "MISCONFIGURED",
    "STOPPED",
    "Engine",
    "EngineApp",
    "EngineSettings",
    "Fold",
    "Hooks",
    "Mirror",
    "NotOwned",
    "Progress",
    "RestoreProgress",
    "Security",
    "Table",
    "chunks",
    "create_app",
    "partition_of",
]
