"""When a deadline may fire: only when nothing that could prevent it is still under way."""

from streams.worker.deadlines import Heap
from streams.worker.frontier import MEMORY, Frontier, Places
from streams.worker.stored import NEVER

DOOR, MIDDLE, LOG = "shop-events", "row-changes", "customer-events"


class Group:
    """Where topics end, how far the group is, and how far this worker's partitions are; all moved by hand."""

    def __init__(self, *stages: tuple[str, ...]) -> None:
        self.ends: dict[str, dict[int, int]] = {}
        self.committed: dict[str, dict[int, int]] = {}
        self.position: dict[int, int] = {}
        self.asked: list[str] = []
        self.frontier = Frontier(
            stages, LOG, self._ends, self._committed, lambda partition: self.position.get(partition, 0)
        )

    async def _ends(self, *topics: str) -> Places:
        self.asked += [f"end of {topic}" for topic in topics]
        return {topic: dict(self.ends.get(topic, {})) for topic in topics}

    async def _committed(self, *topics: str) -> Places:
        self.asked += [f"committed of {topic}" for topic in topics]
        return {topic: dict(self.committed.get(topic, {})) for topic in topics}

    async def at(self, at: int, partition: int = 5) -> int:
        """The clock of a partition after a look at this time."""
        await self.frontier.look(at)
        return self.frontier.clock(partition)


async def test_with_nothing_under_way_the_clock_is_the_wall_clock() -> None:
    group = Group((DOOR,))
    group.ends |= {DOOR: {0: 0, 1: 0}, LOG: {5: 0}}

    assert await group.at(1000) == 1000


async def test_a_backlog_at_the_front_door_holds_every_clock() -> None:
    group = Group((DOOR,))
    group.ends |= {DOOR: {0: 7, 1: 3}, LOG: {5: 0}}
    group.committed[DOOR] = {0: 7, 1: 2}

    assert await group.at(1000) == 0


async def test_another_workers_partition_counts_too() -> None:
    group = Group((DOOR,))
    group.ends |= {DOOR: {0: 7, 1: 3}, LOG: {5: 0}}
    group.committed[DOOR] = {0: 7}
    assert await group.at(1000) == 0

    group.committed[DOOR] = {0: 7, 1: 3}
    assert await group.at(1001) == 1001


async def test_the_fold_must_have_come_as_far_as_ingest_wrote() -> None:
    group = Group((DOOR,))
    group.ends |= {DOOR: {0: 1}, LOG: {5: 40}}
    group.committed[DOOR] = {0: 1}
    group.position[5] = 39
    assert await group.at(1000) == 0

    group.position[5] = 40
    assert group.frontier.clock(5) == 1000


async def test_what_comes_of_a_stage_is_followed_through_the_next() -> None:
    """A row of an order stands in its table's topic, then in the middle, then in its customer's log."""
    group = Group((DOOR,), (MIDDLE,), (LOG,))
    group.ends |= {DOOR: {0: 1}, MIDDLE: {0: 4}, LOG: {5: 0}}
    group.committed |= {DOOR: {0: 1}, MIDDLE: {0: 3}}
    assert [await group.at(1000), await group.at(1001)] == [0, 0]

    group.committed[MIDDLE][0] = 4
    group.ends[LOG][5] = 1  # what came of it
    assert await group.at(1002) == 0

    group.committed[LOG], group.position[5] = {5: 1}, 1
    assert await group.at(1003) == 1003


async def test_the_next_stages_ends_are_asked_for_after_the_commits() -> None:
    """What is committed in one stage is in the next by then; before, it might not have been."""
    group = Group((DOOR,), (MIDDLE,), (LOG,))
    await group.at(1000)

    last_commit = max(n for n, asked in enumerate(group.asked) if asked.startswith("committed"))
    assert {f"end of {MIDDLE}", f"end of {LOG}"} == set(group.asked[last_commit + 1 :])


async def test_under_steady_lag_the_clock_lags_by_the_lag_and_still_moves() -> None:
    group, clocks = Group((DOOR,)), []
    for tick in range(1, 50):  # ten records a tick; the group is always twenty behind
        group.ends |= {DOOR: {0: tick * 10}, LOG: {5: tick}}
        group.committed[DOOR], group.position[5] = {0: tick * 10 - 20}, tick
        clocks.append(await group.at(tick))

    assert clocks[-1] == 47
    assert clocks == sorted(clocks)


async def test_a_lag_longer_than_the_memory_neither_grows_it_nor_stops_the_clock() -> None:
    group = Group((DOOR,))
    for tick in range(10 * MEMORY):
        group.ends[DOOR] = {0: tick + 1}
        await group.frontier.look(tick)

    (doors,) = group.frontier.stages
    assert len(doors) == MEMORY
    assert doors.passed({DOOR: {0: 1}}) == 0
    assert doors.passed({DOOR: {0: 10 * MEMORY}}) == 10 * MEMORY - 1


async def test_a_lost_partition_has_no_clock() -> None:
    group = Group((DOOR,))
    group.ends[LOG] = {5: 0}
    assert await group.at(1000) == 1000
    group.frontier.lost(5)

    assert group.frontier.clock(5) == 0


def test_a_deadline_that_moved_later_costs_no_second_entry() -> None:
    heap = Heap()
    for due in (100, 200, 300):
        heap.push(due, b"ada")

    assert len(heap) == 1
    assert heap.pop(until=100) == b"ada"  # looked at again then; the caller puts it back with the true time
    assert heap.pop(until=999) is None


def test_a_deadline_that_moved_earlier_comes_up_earlier_and_once() -> None:
    heap = Heap()
    heap.push(300, b"ada")
    heap.push(100, b"ada")

    assert [heap.pop(1000), heap.pop(1000)] == [b"ada", None]


def test_what_is_never_due_is_not_kept() -> None:
    heap = Heap()
    heap.push(NEVER, b"ada")

    assert len(heap) == 0
