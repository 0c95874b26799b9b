"""Lanes: the book-keeping of what was fetched, whose turn it is within a customer, and how far may be committed.

Pure: no clock, no I/O. One lane holds the unfinished records of one customer in the order of the log; only its first
entry is ever worked on. A partition's watermark is the offset of its first unfinished record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from aiokafka import TopicPartition

from streams.delivery import memory
from streams.delivery.entries import End, Entry, Lane, Partition, Record, Shard
from streams.delivery.feed import Progress

FINISHED = -1
HISTORY = 4  # windows of it may wait beside a window of what is live


class Lanes:
    """All partitions of this process. `topics` are those of signals, the customers' first; whatever else comes was sent
    before, and joins their lanes. The bounds are those of `DeliverySettings`. `freed` is called when a partition that
    was full has room again, `enough` when `enough_records` were finished since the last commit."""

    def __init__(
        self,
        topics: Sequence[str],
        window_records: int,
        window_bytes: int,
        ahead_records: int,
        look_seconds: float,
        freed: Callable[[], None] = lambda: None,
        enough_records: int = 1,
        enough: Callable[[], None] = lambda: None,
    ) -> None:
        self._window_records = window_records
        self._window_bytes = window_bytes
        self._ahead_records = ahead_records
        self._look_seconds = look_seconds
        self._topics = tuple(topics)
        self._remembered: dict[TopicPartition, dict[tuple[int, int], int]] = {}
        self._freed = freed
        self._enough_records = enough_records
        self._enough = enough
        self.uncommitted = 0  # finished since the last `committable`
        self._told = 0  # finished and told to the broker, which has not said yes
        self._refused = False  # the broker did not take the last commit
        self.partitions: dict[TopicPartition, Partition] = {}
        self.shards: dict[int, Shard] = {}

    def open(self, places: Iterable[TopicPartition]) -> None:
        for place in sorted(places):  # a set has another order in every run
            if place in self.partitions:
                continue
            shard = self.shards.setdefault(place.partition, Shard(place.partition))
            partition = self.partitions[place] = Partition(place, shard, place.topic not in self._topics)
            if place.topic == self._topics[0]:
                shard.signals = partition

    def unknown(self) -> list[Shard]:
        """Those whose past was not read yet."""
        return [s for s in self.shards.values() if not (s.known or s.halted) and s.signals is not None]

    def recall(self, shard: Shard, progress: Mapping[TopicPartition, Progress]) -> None:
        """What the last owner of this shard had finished beyond what it committed."""
        for place, committed in progress.items():
            partition = self.partitions.get(place)
            if partition is not None and partition.shard is shard:
                partition.finished = memory.read(committed.offset, committed.memory)
                partition.committed = committed.offset
        shard.known = True

    def close(self, places: Iterable[TopicPartition]) -> None:
        """Forgets what is held, but not what is finished beyond the watermark: were the partition to come back, those
        records would be fetched again, and are not done again."""
        for place in places:
            if (partition := self.partitions.pop(place, None)) is None:
                continue
            self.shards.pop(place.partition, None)
            before = self._remembered.get(place, {})  # and what was not fetched again in the meantime
            kept = {where: at for where, at in before.items() if where[0] >= partition.watermark}
            self._remembered[place] = kept
            for entry in partition.order:
                if entry.done or entry.at:
                    kept[entry.offset, entry.timestamp] = FINISHED if entry.done else entry.at
                entry.lane.dropped = True

    def add(self, place: TopicPartition, records: Sequence[Record]) -> list[Lane]:
        """Puts records behind what is there; returns the lanes that had nothing and now have something to do."""
        partition = self.partitions.get(place)
        if partition is None:
            return []
        woken: list[Lane] = []
        remembered = self._remembered.get(place)
        for record in records:
            if record.offset < partition.expected:
                continue
            if partition.expected < 0 and record.offset < partition.committed:
                partition.finished.clear()  # a topic made anew, or an offset set back by hand: all of it is to be done
            partition.expected = record.offset + 1
            at = remembered.pop((record.offset, record.timestamp), 0) if remembered else 0
            self._append(partition, record, FINISHED if record.offset in partition.finished else at, woken)
        self._measure(partition)
        return woken

    def _append(self, partition: Partition, record: Record, at: int, woken: list[Lane]) -> None:
        key, lanes = record.key or b"", partition.shard.lanes
        lane = lanes.get(key) or Lane(key, partition.shard)
        entry = Entry(record, lane, partition, max(at, 0))
        if at == FINISHED:
            partition.finished.discard(record.offset)
            entry.done = True
            if partition.order:  # it only holds its place in the order
                partition.order.append(entry)
                partition.beyond.add(entry.offset)
            return
        partition.order.append(entry)
        partition.unfinished += 1
        partition.bytes += entry.size
        lanes[key] = lane
        if lane.entries and lane.entries[0].deferred:
            self._defer(entry)
        lane.entries.append(entry)
        if len(lane.entries) == 1:
            woken.append(lane)

    def finish(self, entry: Entry) -> None:
        """The first entry of its lane is done with. Ends the lane when it was the last."""
        lane, partition = entry.lane, entry.partition
        lane.entries.popleft()
        entry.done = True
        if entry.deferred:
            partition.deferred -= 1
            partition.deferred_bytes -= entry.size
        entry.record = entry.calls = entry.signal = entry.again = None  # it only holds its place in the order now
        partition.unfinished -= 1
        partition.bytes -= entry.size
        if lane.shard.looking:
            lane.shard.looking.pop(lane, None)
        if not lane.entries:
            lane.shard.lanes.pop(lane.key, None)
        order, beyond = partition.order, partition.beyond
        if order[0] is entry:
            order.popleft()
            while order and order[0].done:
                beyond.discard(order.popleft().offset)
        else:
            beyond.add(entry.offset)
        partition.moved = True
        self.uncommitted += 1
        if self.uncommitted == self._enough_records:
            self._enough()
        if partition.full:  # finishing can only make room
            self._measure(partition)

    def halt(self, places: Iterable[TopicPartition]) -> None:
        """Nothing of these is begun any more; what is under way may finish. Ended by `close`."""
        for place in places:
            if partition := self.partitions.get(place):
                partition.shard.halted = True

    def heard(self, ends: Mapping[TopicPartition, End]) -> None:
        for place, end in ends.items():
            if partition := self.partitions.get(place):
                partition.end = end

    def defer(self, lane: Lane) -> None:
        """The lane's history waits for live signals: more is fetched meanwhile, up to `HISTORY` times the window."""
        for entry in lane.entries:
            if not entry.deferred:
                self._defer(entry)
        for partition in dict.fromkeys(entry.partition for entry in lane.entries):
            self._measure(partition)

    def _defer(self, entry: Entry) -> None:
        entry.deferred = True
        entry.partition.deferred += 1
        entry.partition.deferred_bytes += entry.size

    def _measure(self, partition: Partition) -> None:
        """Full at the bound, open again at half of it: a fetch for every single finished call would be wasteful."""
        held = max(
            (partition.unfinished - partition.deferred) / self._window_records,
            (partition.bytes - partition.deferred_bytes) / self._window_bytes,
            partition.deferred / (HISTORY * self._window_records),
            partition.deferred_bytes / (HISTORY * self._window_bytes),
        )
        if partition.order:
            span = partition.expected - partition.order[0].offset
            held = max(held, span / self._ahead_records)
        was, partition.full = partition.full, held >= (0.5 if partition.full else 1.0)
        if was and not partition.full:
            self._freed()

    def roomy(self) -> list[TopicPartition]:
        """The partitions to fetch from. What was sent again is only read where the signals of its customers are."""
        return [p.place for p in self.partitions.values() if p.shard.known and not (p.full or p.shard.halted)]

    def may_leave(self, entry: Entry, now: float) -> bool:
        """Whether a reminder has seen all that can be known: everything up to the end of its partition's log as heard
        recently; or the bounds are reached and only reminders that wait for this could make room."""
        partition = entry.partition
        if entry.offset < partition.waived:
            return True
        if partition.full:
            return self._waive(partition)
        end = partition.end
        return end is not None and end.position >= end.highwater and now - end.heard_at <= self._look_seconds

    def may_look_again(self, now: float) -> list[Lane]:
        """The lanes whose reminder waited for more to be fetched, and need not any longer."""
        looking = [lane for shard in self.shards.values() for lane in shard.looking]
        return [lane for lane in looking if self.may_leave(lane.entries[0], now)]

    def _waive(self, partition: Partition) -> bool:
        """Lets every reminder held here go, once there is no other way on."""
        stuck = all(lane in partition.shard.looking for lane in partition.shard.lanes.values())
        far_ahead = partition.expected - partition.order[0].offset >= self._ahead_records
        if stuck or far_ahead:
            partition.waived = partition.expected
        return stuck or far_ahead

    def committable(self) -> dict[TopicPartition, Progress]:
        """Where the watermark moved since the last commit, or something was finished beyond it. Not before it was read
        what the last owner had finished: that would be forgotten."""
        progress = {}
        for place, partition in self.partitions.items():
            if not partition.shard.known:
                continue
            watermark = partition.watermark
            if watermark > max(partition.committed, 0) or (partition.moved and watermark >= 0):
                finished = sorted(partition.beyond) + _not_fetched_yet(partition)
                progress[place] = Progress(watermark, memory.written(watermark, finished))
                partition.moved = False
        self._told = self._told + self.uncommitted if progress else 0
        self.uncommitted = 0
        return progress

    @property
    def at_risk(self) -> int:
        """What is finished and would be done again after a crash. None of it as long as the broker takes no commits:
        nobody knows until when, and what is at hand need not wait for that."""
        return 0 if self._refused else self._told + self.uncommitted

    def committed(self, progress: Mapping[TopicPartition, Progress]) -> None:
        self._told, self._refused = 0, False
        for place, told in progress.items():
            if partition := self.partitions.get(place):
                partition.committed = max(partition.committed, told.offset)

    def not_committed(self, progress: Mapping[TopicPartition, Progress]) -> None:
        """The broker did not take it: to be told again."""
        self._refused = True
        for place in progress:
            if partition := self.partitions.get(place):
                partition.moved = True

    def lags(self) -> Mapping[int, int]:
        """Records not finished yet, by partition number: of signals, whatever they are about."""
        found = dict.fromkeys(self.shards, 0)
        for place, partition in self.partitions.items():
            if not partition.second:
                found[place.partition] += partition.lag
        return found

    def busy(self, places: Iterable[TopicPartition]) -> list[Lane]:
        owned = (partition.shard for place in sorted(places) if (partition := self.partitions.get(place)))
        shards = dict.fromkeys(owned)
        return [lane for shard in shards for lane in shard.lanes.values() if lane.busy]


def _not_fetched_yet(partition: Partition) -> list[int]:
    """What the last owner had finished and we did not come by so far."""
    return sorted(offset for offset in partition.finished if offset >= partition.expected)
