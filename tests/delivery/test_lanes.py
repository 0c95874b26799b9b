"""The book-keeping: order, watermark, bounds."""

from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.entries import End
from streams.delivery.feed import Progress
from streams.delivery.lanes import HISTORY, Lanes
from tests.delivery.world import Written

HERE = TopicPartition("signals", 0)


def lanes(window: int = 10, size: int = 10_000, ahead: int = 1_000) -> Lanes:
    made = Lanes(("signals",), window, size, ahead, 10.0)
    opened(made)
    return made


def opened(book: Lanes, progress: Progress | None = None) -> None:
    book.open([HERE])
    (shard,) = book.unknown()
    assert book.roomy() == [], "not before its past is known"
    book.recall(shard, {HERE: progress} if progress else {})


def record(offset: int, key: str = "ada", size: int = 1) -> Written:
    return Written(0, offset, offset, key.encode(), b"x" * size)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_the_watermark_is_the_first_unfinished_offset(keys: list[int], draw) -> None:
    book = lanes(window=1000)
    book.add(HERE, [record(n, f"c{key}") for n, key in enumerate(keys)])
    left = set(range(len(keys)))
    while left:
        lane = draw.choice(sorted(book.shards[0].lanes.values(), key=lambda lane: lane.key))
        entry = lane.entries[0]
        assert entry.offset == min(n for n in left if keys[n] == keys[entry.offset])

        book.finish(entry)
        left.discard(entry.offset)
        assert book.partitions[HERE].watermark == min(left, default=len(keys))


def test_a_full_partition_is_not_fetched_from_until_half_is_done() -> None:
    book = lanes(window=4)
    book.add(HERE, [record(n, f"c{n}") for n in range(4)])
    assert book.roomy() == []

    first = list(book.shards[0].lanes.values())
    book.finish(first[0].entries[0])
    assert book.roomy() == []
    book.finish(first[1].entries[0])
    book.finish(first[2].entries[0])
    assert book.roomy() == [HERE]


def test_bytes_fill_a_partition_too() -> None:
    book = lanes(size=100)
    book.add(HERE, [record(0, size=100)])

    assert book.roomy() == []


def test_one_stuck_customer_stops_fetching_only_far_ahead() -> None:
    book = lanes(window=10, ahead=50)
    book.add(HERE, [record(0, "stuck")])
    for n in range(1, 50):
        assert book.roomy() == [HERE]
        book.add(HERE, [record(n, "fine")])
        book.finish(book.shards[0].lanes[b"fine"].entries[0])

    assert book.roomy() == []
    assert book.committable()[HERE].offset == 0


def test_records_that_are_not_handed_out_do_not_hold_the_watermark() -> None:
    """Control records of a transaction have offsets, and are never delivered."""
    book = lanes()
    book.add(HERE, [record(3), record(7)])
    for _ in range(2):
        book.finish(book.shards[0].lanes[b"ada"].entries[0])
    assert book.committable() == {HERE: Progress(8)}

    book.heard({HERE: End(9, 9, 0.0)})
    assert book.committable() == {HERE: Progress(9)}


def test_what_is_finished_beyond_the_watermark_is_not_done_again_when_the_partition_comes_back() -> None:
    book = lanes()
    book.add(HERE, [record(0, "slow"), record(1, "fast"), record(2, "fast")])
    for _ in range(2):
        book.finish(book.shards[0].lanes[b"fast"].entries[0])

    book.close([HERE])
    opened(book)
    woken = book.add(HERE, [record(0, "slow"), record(1, "fast"), record(2, "fast"), record(3, "fast")])

    assert [(lane.key, [entry.offset for entry in lane.entries]) for lane in woken] == [(b"slow", [0]), (b"fast", [3])]
    assert book.partitions[HERE].watermark == 0


def test_a_recreated_topic_is_not_mistaken_for_what_was_done_before() -> None:
    book = lanes()
    book.add(HERE, [record(0, "slow"), record(1, "fast")])
    book.finish(book.shards[0].lanes[b"fast"].entries[0])
    book.close([HERE])
    opened(book)

    woken = book.add(HERE, [Written(0, 1, 999, b"fast", b"")])

    assert [lane.key for lane in woken] == [b"fast"]


def test_what_was_finished_beyond_the_watermark_is_told_with_the_commit_and_not_done_again_by_the_next_owner() -> None:
    book = lanes()
    book.add(HERE, [record(0, "slow"), record(1, "fast"), record(2, "slow"), record(3, "fast"), record(4, "fast")])
    for _ in range(2):
        book.finish(book.shards[0].lanes[b"fast"].entries[0])
    progress = book.committable()
    assert progress[HERE].offset == 0
    assert book.committable() == {}, "nothing new to tell"

    next_owner = Lanes(("signals",), 10, 10_000, 1_000, 10.0)
    opened(next_owner, progress[HERE])
    woken = next_owner.add(
        HERE, [record(0, "slow"), record(1, "fast"), record(2, "slow"), record(3, "fast"), record(4, "fast")]
    )
    assert [(lane.key, [entry.offset for entry in lane.entries]) for lane in woken] == [
        (b"slow", [0, 2]),
        (b"fast", [4]),
    ]


def test_a_note_is_not_believed_when_reading_begins_before_it() -> None:
    """The topic was made anew, or somebody set the offset back to have it all once more."""
    first = lanes()
    first.add(HERE, [record(n, f"c{n}") for n in range(5)])
    for n in (0, 2, 3):
        first.finish(first.shards[0].lanes[f"c{n}".encode()].entries[0])
    note = first.committable()[HERE]

    book = Lanes(("signals",), 10, 10_000, 1_000, 10.0)
    opened(book, note)
    woken = book.add(HERE, [record(n, f"d{n}") for n in range(5)])

    assert len(woken) == 5


def test_nothing_is_committed_before_it_is_known_what_was_finished() -> None:
    """Kafka tells where reading begins before we could read the note that stands there: it must not be lost."""
    book = Lanes(("signals",), 10, 10_000, 1_000, 10.0)
    book.open([HERE])
    book.heard({HERE: End(7, 9, 0.0)})

    assert book.committable() == {}


def test_what_was_finished_before_is_told_on_until_it_is_fetched() -> None:
    first = lanes()
    first.add(HERE, [record(n, f"c{n}") for n in range(9)])
    for n in (3, 4, 7):
        first.finish(first.shards[0].lanes[f"c{n}".encode()].entries[0])

    second = Lanes(("signals",), 10, 10_000, 1_000, 10.0)
    opened(second, first.committable()[HERE])
    second.add(HERE, [record(n, f"c{n}") for n in range(4)])
    second.finish(second.shards[0].lanes[b"c1"].entries[0])

    third = Lanes(("signals",), 10, 10_000, 1_000, 10.0)
    opened(third, second.committable()[HERE])
    assert [lane.key for lane in third.add(HERE, [record(n, f"c{n}") for n in range(9)])] == [
        f"c{n}".encode() for n in (0, 2, 5, 6, 8)
    ]


def test_what_is_remembered_of_a_partition_does_not_pile_up_while_others_go_on_with_it() -> None:
    book = lanes(window=1_000)
    for begins in range(0, 500, 100):
        book.add(HERE, [record(begins + n, f"c{n}") for n in range(10)])
        for n in range(1, 10):
            book.finish(book.shards[0].lanes[f"c{n}".encode()].entries[0])
        book.close([HERE])
        opened(book)
    book.add(HERE, [record(500)])
    book.close([HERE])

    assert not book._remembered[HERE]


def test_a_commit_that_was_refused_is_told_again() -> None:
    book = lanes()
    book.add(HERE, [record(0, "slow"), record(1, "fast")])
    book.finish(book.shards[0].lanes[b"fast"].entries[0])
    told = book.committable()
    book.not_committed(told)

    assert book.committable() == told


def test_enough_is_said_once_so_many_are_finished() -> None:
    said = []
    book = Lanes(("signals",), 100, 10_000, 1_000, 10.0, enough_records=3, enough=lambda: said.append(1))
    opened(book)
    book.add(HERE, [record(n, f"c{n}") for n in range(10)])
    for n in range(7):
        book.finish(book.shards[0].lanes[f"c{n}".encode()].entries[0])
        if n == 2:
            assert said == [1]
            book.committable()

    assert said == [1, 1]


def test_history_that_waits_does_not_keep_live_signals_from_being_fetched_but_has_a_bound_itself() -> None:
    book = lanes(window=10)
    at = 0
    while book.roomy():
        for lane in book.add(HERE, [record(at, f"c{at}")]):
            lane.entries[0].history = True
            book.defer(lane)
        at += 1

    assert at == HISTORY * 10


def test_what_is_sent_again_is_only_read_where_the_signals_are() -> None:
    again = TopicPartition("redrive", 0)
    book = Lanes(("signals",), 10, 10_000, 1_000, 10.0)
    book.open([again])
    assert (book.unknown(), book.roomy()) == ([], [])

    book.open([HERE])
    book.recall(book.unknown()[0], {})
    assert book.roomy() == [again, HERE]
