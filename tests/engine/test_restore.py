"""Does a worker get its state back: early, in bounded steps, and whoever else is restoring?"""

from __future__ import annotations

import asyncio
import struct
import time

import pytest

from streams.engine import EngineSettings, Mirror, RestoreProgress, create_app
from streams.engine.restore import RUN, Restore
from streams.engine.settings import Hooks

pytestmark = pytest.mark.system
STATE = struct.Struct(">qq")


def test_a_second_worker_joins_while_the_first_restores(broker, start_worker, until):
    """Guards the join in the middle of a restore: both get their partitions, with all of their state."""
    names = group, source = broker.group(4)
    keys = 4000 if broker.embedded else 200_000
    broker.send(f"{group}-counts-changelog", ((b"c%d" % i, STATE.pack(1, -1)) for i in range(keys)))
    a = start_worker(broker, names, "a", KEYS=1)
    a.wait(lambda now: now["state"] == "restoring" or now["ready"])
    b = start_worker(broker, names, "b", KEYS=1)
    b.wait_ready(30, owned=2)
    a.wait_ready(30, owned=2)
    until(lambda: (a.now["keys"] or 0) + (b.now["keys"] or 0) == keys, 20, "all keys")
    broker.send(source, ((b"c%d" % i, b"v") for i in range(1000)))
    until(lambda: a.now["handled"] + b.now["handled"] == 1000, 20, "records of both workers' partitions")
    counts = broker.counts(group)
    assert all(counts[b"c%d" % i] == 2 for i in range(1000))


def test_opened_and_closed_come_in_pairs(broker, start_worker):
    """Guards the deadline heaps: each open of a partition has one close, and owned follows them."""
    names = broker.group(2)
    a = start_worker(broker, names, "a")
    a.wait_ready(owned=2)
    b = start_worker(broker, names, "b")
    b.wait_ready(owned=1)
    now = a.wait(lambda now: now["ready"] and len(now["owned"]) == 1)
    assert sorted(now["opened"][:2]) == [0, 1] and sorted(now["closed"]) == [0, 1]
    assert now["opened"][2:] == now["owned"]


def _app(broker, group, folder, **settings):
    return create_app(EngineSettings(bootstrap=broker.bootstrap, group=group, state_dir=folder, **settings))


async def test_a_partition_opens_while_others_still_restore(broker, tmp_path):
    """Guards the early start: the smallest partition is open while the largest has not been read."""
    group, _ = broker.group(6)
    changelog = f"{group}-counts-changelog"
    for p in range(6):
        broker.send(changelog, ((b"k%d" % i, b"x" * 100) for i in range(20_000 if p else 10)), p)
    seen: list[tuple[int, int, int]] = []
    app = _app(broker, group, tmp_path)
    table = app.Table("counts", partitions=6)

    async def opened(partition: int) -> None:
        seen.append((partition, len(table.owned), restore.done))

    restore = Restore(app.engine, opened)
    await app.producer.start()
    try:
        await restore.run([(table, p) for p in range(6)])
    finally:
        await app.producer.stop()
    assert 0 in [partition for partition, _, _ in seen[:3]], "the smallest is among the first"
    assert seen[0][1] == 1 and seen[0][2] < 0.7 * restore.total, "the first opens alone, with much still unread"
    assert len(table.owned) == 6


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_a_million_keys_never_block_the_loop(broker, tmp_path, store):
    """Guards heartbeats: while 1 M keys are read back, the event loop gets a turn after every few thousand of them."""
    group, _ = broker.group(4)
    broker.send(f"{group}-counts-changelog", ((b"cust-%08d" % i, b"x" * 130) for i in range(1_000_000)))
    progress: list[RestoreProgress] = []
    app = _app(broker, group, tmp_path, store=store, hooks=Hooks(on_restore_progress=progress.append))
    table = app.Table("counts", partitions=4)
    worst, held, over = 0, 0.0, False

    async def probe() -> None:
        nonlocal worst, held
        while not over:
            before, began = restore.done, time.thread_time()  # the loop's own work, whatever else the machine does
            await asyncio.sleep(0)
            worst, held = max(worst, restore.done - before), max(held, time.thread_time() - began)

    async def ready(partition: int) -> None:
        return None

    await app.producer.start()
    restore = Restore(app.engine, ready)
    probing = asyncio.create_task(probe())
    await restore.run([(table, p) for p in range(4)])
    await app.producer.stop()
    over = True
    await probing
    print(f"{store}: {restore.done} records in {restore.seconds:.2f} s, held {held * 1000:.0f} ms, {worst} records")
    assert restore.done == restore.total == 1_000_004
    assert sum(1 for _ in table.items(0)) == table.size(0) or store == "rocksdb"
    assert 0 < worst <= RUN, "one bite"
    assert progress[-1].finished
    for p in range(4):
        await table.drop(p)


async def test_a_mirror_reads_everything_and_follows(broker, tmp_path):
    """Guards lookups: all partitions are there when `ready` is set, later changes and deletions arrive."""
    topic = broker.topic(broker.group()[0] + "-products", 3, cleanup_policy="compact")
    broker.send(topic, ((b"p%d" % i, b"1") for i in range(300)))
    mirror = Mirror(EngineSettings(bootstrap=broker.bootstrap, group="any", state_dir=tmp_path), topic)
    async with mirror:
        await asyncio.wait_for(mirror.ready.wait(), 20)
        assert len(mirror) == 300
        broker.send(topic, [(b"p1", b"2"), (b"p2", None), (b"new", b"3")])
        async with asyncio.timeout(10):
            while (mirror.get(b"p1"), mirror.get(b"p2"), mirror.get(b"new")) != (b"2", None, b"3"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_positions_of_the_whole_group(broker, tmp_path):
    """Guards the deadline frontier: ends and commits of all partitions, whoever owns them."""
    group, source = broker.group(4)
    broker.send(source, ((b"k", b"v") for _ in range(7)), 2)
    broker.commit(group, source, 0)
    app = _app(broker, group, tmp_path)
    try:
        assert await app.engine.end_offsets(source) == {source: {0: 0, 1: 0, 2: 7, 3: 0}}
        assert await app.engine.committed(source) == {source: {0: 0, 1: 0, 2: 0, 3: 0}}
        fresh = _app(broker, group + "-fresh", tmp_path)
        assert await fresh.engine.committed(source) == {source: dict.fromkeys(range(4))}
        await fresh.engine.positions.close()
        with pytest.raises(LookupError, match="shoprelay topics create"):
            await app.engine.end_offsets("no-such-topic")
    finally:
        await app.engine.positions.close()
