"""Can a former owner harm the state of its successor? In the reading rule, and with two writers on one changelog
partition.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from streams.engine import EngineSettings, create_app, tables
from streams.engine.fence import CLAIM_KEY, NO_TOKEN, Fold, headers_of, token_of_offset
from streams.engine.restore import Restore


def record(offset: int, key: bytes, value: bytes | None, token: int | None) -> SimpleNamespace:
    headers = () if token is None else tuple(headers_of(token_of_offset(token)))
    return SimpleNamespace(offset=offset, key=key, value=value, headers=headers)


def claim(offset: int) -> SimpleNamespace:
    return record(offset, CLAIM_KEY, b"worker", None)


def test_the_last_value_of_a_key_counts():
    """Guards the plain case: one owner, values and deletions."""
    fold = Fold()
    log = [claim(0), record(1, b"a", b"1", 0), record(2, b"b", b"2", 0), record(3, b"a", None, 0)]
    assert fold.accept(log) == {b"a": None, b"b": b"2"}
    assert (fold.token, fold.stale) == (token_of_offset(0), set())


def test_records_without_a_token_count_until_a_claim():
    """Guards changelogs that began without the engine."""
    fold = Fold()
    assert fold.accept([record(0, b"a", b"1", None), claim(1), record(2, b"a", b"2", None)]) == {b"a": b"1"}
    assert fold.stale == {b"a"}


def test_what_a_former_owner_wrote_before_the_claim_counts_and_after_it_does_not():
    """Guards the takeover: the claim divides the log, for values as for deletions."""
    fold = Fold()
    log = [claim(0), record(1, b"a", b"1", 0), claim(2), record(3, b"a", b"9", 0), record(4, b"b", None, 0)]
    assert fold.accept(log) == {b"a": b"1"}
    assert fold.stale == {b"a", b"b"}


def test_a_restated_key_is_no_longer_stale():
    """Guards the repair: once the owner has written the key again, nothing is left to do."""
    fold = Fold()
    fold.accept([claim(0), claim(1), record(2, b"a", b"9", 0)])
    assert fold.accept([record(3, b"a", b"1", 1)]) == {b"a": b"1"}
    assert fold.stale == set()


@pytest.mark.parametrize("cut", range(8))
def test_a_log_read_in_two_pieces_means_the_same(cut):
    """Guards the warm start: position and token together are enough to go on."""
    log = [
        claim(0), record(1, b"a", b"1", 0), claim(2), record(3, b"a", b"2", 2), record(4, b"a", b"9", 0),
        record(5, b"b", b"3", 2), record(6, b"b", None, 0),
    ]  # fmt: skip
    whole = Fold().accept(log)
    first = Fold(NO_TOKEN)
    state = first.accept(log[:cut])
    state |= Fold(first.token).accept(log[cut:])
    assert state == whole == {b"a": b"2", b"b": b"3"}


class Owner:
    """One worker's table and producer in this process, without the group that would tell it whether it is the owner."""

    def __init__(self, broker, group, folder, store) -> None:
        self.app = create_app(
            EngineSettings(
                bootstrap=broker.bootstrap, group=group, state_dir=folder, store=store, request_timeout_seconds=5
            )
        )
        self.table = self.app.Table("counts", partitions=1)

    async def start(self) -> None:
        await self.app.producer.start()
        await self.claim()

    async def claim(self) -> Restore:
        async def ready(partition: int) -> None:
            return None

        restore = Restore(self.app.engine, ready)
        await restore.run([(self.table, 0)])
        return restore

    async def stop(self) -> None:
        await self.app.producer.stop()
        await self.table.drop(0)


@pytest.fixture
async def owners(broker, tmp_path, request):
    """A factory of owners of the same changelog partition, started one after the other."""
    group, _ = broker.group()
    made: list[Owner] = []

    async def make(store: str = "memory", folder: str = "") -> Owner:
        made.append(Owner(broker, group, tmp_path / (folder or f"owner-{len(made)}"), store))
        await made[-1].start()
        return made[-1]

    yield make
    for owner in made:
        await owner.stop()


@pytest.fixture
def ended(monkeypatch):
    """Instead of ending the test process, `fatal` raises what it would have said."""

    class Ended(Exception):
        pass

    def fatal(reason: str, exc: BaseException | None = None) -> None:
        raise Ended(reason)

    monkeypatch.setattr(tables, "fatal", fatal)
    return Ended


@pytest.mark.system
async def test_a_former_owner_ends_at_its_first_write(owners, ended):
    """Guards the zombie: its write meets the claim of its successor, it applies nothing and ends."""
    old = await owners()
    await old.table.put_many(0, {b"k": b"old"})
    new = await owners()
    assert new.table.get(0, b"k") == b"old"
    with pytest.raises(ended, match="claimed by another worker"):
        await old.table.put_many(0, {b"k": b"zombie", b"z": b"zombie"})
    assert old.table.get(0, b"k") == b"old"


@pytest.mark.system
@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_the_successor_restates_what_a_former_owner_touched(owners, ended, broker, store):
    """Guards the state: readers skip the zombie's records, and compaction may not keep them over the good ones."""
    old = await owners(store)
    await old.table.put_many(0, {b"k": b"old", b"gone": b"old"})
    new = await owners(store)
    await new.table.put_many(0, {b"k": b"new", b"gone": None})
    with pytest.raises(ended):
        await old.table.put_many(0, {b"k": b"zombie", b"gone": b"zombie", b"z": b"zombie"})
    await new.table.put_many(0, {b"other": b"new"})  # sees the gap
    assert dict(new.table.items(0)) == {b"k": b"new", b"other": b"new"}
    third = await owners(store)
    assert dict(third.table.items(0)) == {b"k": b"new", b"other": b"new"}
    last = {m.key(): m.value() for m in broker.read(new.table.changelog)}
    assert (last[b"k"], last[b"gone"], last[b"z"]) == (b"new", None, None), "what compaction would keep"


@pytest.mark.system
async def test_a_restore_restates_too(owners, ended, broker):
    """Guards the successor's death: whoever restores next repairs what was left."""
    old, new = await owners(), await owners()
    await new.table.put_many(0, {b"k": b"new"})
    with pytest.raises(ended):
        await old.table.put_many(0, {b"k": b"zombie", b"z": b"zombie"})
    third = await owners()
    assert dict(third.table.items(0)) == {b"k": b"new"}
    last = {m.key(): m.value() for m in broker.read(new.table.changelog)}
    assert (last[b"k"], last[b"z"]) == (b"new", None)


@pytest.mark.system
async def test_two_writers_racing_leave_the_successors_state(owners, ended):
    """Guards the race: whatever the interleaving of their batches, a reader knows what the successor knows."""
    old = await owners()
    await old.table.put_many(0, {b"k%d" % i: b"old" for i in range(100)})
    new = await owners()

    async def write(owner: Owner, name: bytes) -> None:
        for n in range(40):
            await owner.table.put_many(0, {b"k%d" % i: b"%s-%d" % (name, n) for i in range(n, 100)})

    outcomes = await asyncio.gather(write(old, b"zombie"), write(new, b"new"), return_exceptions=True)
    assert isinstance(outcomes[0], ended) and outcomes[1] is None
    third = await owners()
    assert dict(third.table.items(0)) == dict(new.table.items(0))
    assert not any(v.startswith(b"zombie") for v in dict(third.table.items(0)).values())


@pytest.mark.system
async def test_a_warm_start_reads_only_the_rest(owners):
    """Guards the warm start: a RocksDB folder reads back what came after its position, no more."""
    first = await owners("rocksdb", "home")
    await first.table.put_many(0, {b"k%d" % i: b"v" for i in range(1000)})
    await first.table.drop(0)
    second = await owners("rocksdb", "elsewhere")
    await second.table.put_many(0, {b"k1": b"w", b"k2": None})
    await second.table.close(0)
    restore = await first.claim()
    assert restore.done == 4, "two claims and two records"
    assert first.table.get_many(0, [b"k1", b"k2", b"k3"]) == {b"k1": b"w", b"k3": b"v"}
