"""When a deadline may fire: only when nothing that could prevent it is still under way."""

from streams.worker.deadlines import MEMORY, Frontier, Heap
from streams.worker.stored import NEVER

DOOR = "shop-events"


def frontier(*samples: tuple[int, dict[int, int]]) -> Frontier:
    made = Frontier()
    for at, ends in samples:
        made.doors.sampled(at, {DOOR: ends})
    return made


def test_with_nothing_under_way_the_clock_is_the_wall_clock() -> None:
    time = frontier((1000, {0: 0, 1: 0}))

    passed = time.doors.passed({DOOR: {}})
    assert passed == 1000
    time.to_fold(passed, {5: 0})
    assert time.folded(5, position=0) == 1000


def test_a_backlog_at_the_front_door_holds_every_clock() -> None:
    time = frontier((1000, {0: 7, 1: 3}))

    assert time.doors.passed({DOOR: {0: 7, 1: 2}}) is None


def test_another_workers_partition_counts_too() -> None:
    time = frontier((1000, {0: 7, 1: 3}))

    assert time.doors.passed({DOOR: {0: 7}}) is None
    assert time.doors.passed({DOOR: {0: 7, 1: 3}}) == 1000


def test_the_fold_must_have_come_as_far_as_ingest_wrote() -> None:
    time = frontier((1000, {0: 1}))
    time.to_fold(time.doors.passed({DOOR: {0: 1}}) or 0, {5: 40})

    assert time.folded(5, position=39) == 0
    assert time.folded(5, position=40) == 1000


def test_under_steady_lag_the_clock_lags_by_the_lag_and_still_moves() -> None:
    time = Frontier()
    clocks = []
    for tick in range(1, 50):  # ten records a tick; the group is always twenty behind
        time.doors.sampled(tick, {DOOR: {0: tick * 10}})
        if (passed := time.doors.passed({DOOR: {0: tick * 10 - 20}})) is not None:
            time.to_fold(passed, {5: tick})
        clocks.append(time.folded(5, position=tick))

    assert clocks[-1] == 47
    assert clocks == sorted(clocks)


def test_a_lag_longer_than_the_memory_neither_grows_it_nor_stops_the_clock() -> None:
    time = Frontier()
    for tick in range(10 * MEMORY):
        time.doors.sampled(tick, {DOOR: {0: tick}})

    assert len(time.doors) == MEMORY
    assert time.doors.passed({DOOR: {0: 0}}) == 0
    assert time.doors.passed({DOOR: {0: 10 * MEMORY}}) == 10 * MEMORY - 1


def test_a_lost_partition_has_no_clock() -> None:
    time = frontier((1000, {}))
    time.to_fold(time.doors.passed({}) or 0, {5: 0})
    time.folded(5, 0)
    time.lost(5)

    assert time.folded(5, 0) == 0


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
