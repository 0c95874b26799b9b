"""The book-keeping: order, watermark, bounds."""

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.lanes import End, Lanes
from tests.delivery.world import Written


def lanes(window: int = 10, size: int = 10_000, ahead: int = 1_000) -> Lanes:
    made = Lanes(window, size, ahead, 10.0)
    made.open([0])
    return made


def record(offset: int, key: str = "ada", size: int = 1) -> Written:
    return Written(0, offset, offset, key.encode(), b"x" * size)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_the_watermark_is_the_first_unfinished_offset(keys: list[int], draw) -> None:
    book = lanes(window=1000)
    book.add(0, [record(n, f"c{key}") for n, key in enumerate(keys)])
    left = set(range(len(keys)))
    while left:
        lane = draw.choice(sorted(book.partitions[0].lanes.values(), key=lambda lane: lane.key))
        entry = lane.entries[0]
        assert entry.offset == min(n for n in left if keys[n] == keys[entry.offset])

        book.finish(entry)
        left.discard(entry.offset)
        assert book.partitions[0].watermark == min(left, default=len(keys))


def test_a_full_partition_is_not_fetched_from_until_half_is_done() -> None:
    book = lanes(window=4)
    book.add(0, [record(n, f"c{n}") for n in range(4)])
    assert book.roomy() == []

    first = list(book.partitions[0].lanes.values())
    book.finish(first[0].entries[0])
    assert book.roomy() == []
    book.finish(first[1].entries[0])
    book.finish(first[2].entries[0])
    assert book.roomy() == [0]


def test_bytes_fill_a_partition_too() -> None:
    book = lanes(size=100)
    book.add(0, [record(0, size=100)])

    assert book.roomy() == []


def test_one_stuck_customer_stops_fetching_only_far_ahead() -> None:
    book = lanes(window=10, ahead=50)
    book.add(0, [record(0, "stuck")])
    for n in range(1, 50):
        assert book.roomy() == [0]
        book.add(0, [record(n, "fine")])
        book.finish(book.partitions[0].lanes[b"fine"].entries[0])

    assert book.roomy() == []
    assert book.committable() == {}


def test_records_that_are_not_handed_out_do_not_hold_the_watermark() -> None:
    """Control records of a transaction have offsets, and are never delivered."""
    book = lanes()
    book.add(0, [record(3), record(7)])
    for _ in range(2):
        book.finish(book.partitions[0].lanes[b"ada"].entries[0])
    assert book.committable() == {0: 8}

    book.heard({0: End(9, 9, 0.0)})
    assert book.committable() == {0: 9}


def test_what_is_finished_beyond_the_watermark_is_not_done_again_when_the_partition_comes_back() -> None:
    book = lanes()
    book.add(0, [record(0, "slow"), record(1, "fast"), record(2, "fast")])
    for _ in range(2):
        book.finish(book.partitions[0].lanes[b"fast"].entries[0])

    book.close([0])
    book.open([0])
    woken = book.add(0, [record(0, "slow"), record(1, "fast"), record(2, "fast"), record(3, "fast")])

    assert [(lane.key, [entry.offset for entry in lane.entries]) for lane in woken] == [(b"slow", [0]), (b"fast", [3])]
    assert book.partitions[0].watermark == 0


def test_a_recreated_topic_is_not_mistaken_for_what_was_done_before() -> None:
    book = lanes()
    book.add(0, [record(0, "slow"), record(1, "fast")])
    book.finish(book.partitions[0].lanes[b"fast"].entries[0])
    book.close([0])
    book.open([0])

    woken = book.add(0, [Written(0, 1, 999, b"fast", b"")])

    assert [lane.key for lane in woken] == [b"fast"]
