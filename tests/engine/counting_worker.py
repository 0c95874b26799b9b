"""A worker for the fault tests: counts records per key, remembers the last offset in the value, reports as JSON lines
on stdout.

Everything is told by environment variables, see the reads of ENV below.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import struct
import sys
import threading
import time
from pathlib import Path

from streams.engine import EngineSettings, chunks, create_app  # first: it turns Faust's Cython parts off

ENV = os.environ
GROUP, SOURCE = ENV["GROUP"], ENV["SOURCE"]
STATE = struct.Struct(">qq")  # records counted, last offset counted

if ENV.get("UVLOOP"):
    import uvloop

    uvloop.install()

import faust  # noqa: E402

settings = EngineSettings(
    bootstrap=ENV["BOOTSTRAP"],
    group=GROUP,
    state_dir=Path(ENV["STATE_DIR"]),
    embedded_broker=bool(ENV.get("EMBEDDED")),
    store=ENV.get("STORE", "memory"),  # type: ignore[arg-type]
    session_seconds=float(ENV.get("SESSION", "4")),
    heartbeat_seconds=float(ENV.get("HEARTBEAT", "1")),
    stall_seconds=float(ENV.get("STALL", "60")),
    drain_seconds=float(ENV.get("DRAIN", "10")),
    fetch_bytes_per_partition=int(ENV.get("FETCH_BYTES", str(1 << 20))),
    chunk_records=int(ENV.get("CHUNK", "5000")),
)
app = create_app(settings)
counts = app.Table("counts", partitions=int(ENV.get("PARTITIONS", "1")), topic=SOURCE)
refusing = app.topic(ENV.get("OUT", "-"), key_serializer="raw", value_serializer="raw")
seen: list[str] = []
report: dict[str, object] = {"handled": 0, "repeats": 0, "opened": [], "closed": []}


@counts.on_opened
def opened(partition: int) -> None:
    report["opened"] = [*report["opened"], partition]  # type: ignore[misc]


@counts.on_closed
def closed(partition: int) -> None:
    report["closed"] = [*report["closed"], partition]  # type: ignore[misc]


def count(partition: int, records: list) -> dict[bytes, bytes | None]:  # type: ignore[type-arg]
    changed: dict[bytes, bytes | None] = {}
    for r in records:
        if ENV.get("SEEN"):
            seen.append(r.value.decode())
        if ENV.get("RAISE_AT") and r.value == ENV["RAISE_AT"].encode():
            raise RuntimeError("told to raise")
        n, last = STATE.unpack(changed.get(r.key) or counts.get(partition, r.key) or STATE.pack(0, -1))
        if r.offset <= last:
            report["repeats"] += 1  # type: ignore[operator]
            continue
        changed[r.key] = STATE.pack(n + 1, r.offset)
        report["handled"] += 1  # type: ignore[operator]
    return changed


@app.agent(chunks(app, SOURCE))
async def fold(stream):  # type: ignore[no-untyped-def]
    async for event in stream.noack().events():
        partition = event.message.partition
        changed = count(partition, event.value)
        if ENV.get("BLOCK"):
            time.sleep(float(ENV["BLOCK"]))  # noqa: ASYNC251
        if ENV.get("SLOW"):
            await asyncio.sleep(float(ENV["SLOW"]))
        await counts.put_many(partition, changed)
        if ENV.get("OUT"):
            for r in event.value:
                await refusing.send(key=r.key, value=b"x" * 100)  # queued only: nobody waits for its fate
        await stream.ack(event)


def tell() -> None:
    """From a thread, so that a blocked loop is seen from outside as well."""
    while True:
        progress = app.engine.progress
        line = dict(
            report,
            seen=seen if ENV.get("SEEN") else None,
            state=progress.state,
            ready=progress.ready,
            owned=sorted(counts.owned),
            keys=sum(counts.size(p) for p in list(counts.owned)) if ENV.get("KEYS") else None,
            restored=progress.restored_records,
            to_restore=progress.restore_records,
        )
        print("@" + json.dumps(line), flush=True)
        time.sleep(0.05)


if __name__ == "__main__":
    threading.Thread(target=tell, daemon=True).start()
    logging.getLogger("aiokafka").setLevel(ENV.get("AIOKAFKA_LOG", "CRITICAL"))
    faust.Worker(app, loglevel=ENV.get("LOG", "INFO"), redirect_stdouts=False).execute_from_commandline()
    sys.exit(0)
