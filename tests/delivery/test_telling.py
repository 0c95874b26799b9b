"""The next part of history: whole keys, as many as there is room for, and never one twice."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sinks.contract import Kind
from streams.delivery.history import Snapshot
from streams.delivery.telling import LOOKS, Told, after, looked_at, next_part

KIND = Kind("numbers", "customers", lambda known, config: ())


def items(kind: Kind, key: bytes, value: bytes) -> Sequence[Mapping[str, Any]]:
    return [{"n": f"{key.decode()}-{n}"} for n in range(int(value))]


def snapshot(counts: Sequence[int]) -> Snapshot:
    made = Snapshot()
    for at, count in reversed(list(enumerate(counts))):
        made.learn(f"{at:05d}".encode(), str(count).encode())
    return made


def names(counts: Sequence[int]) -> list[str]:
    return [f"{at:05d}-{n}" for at, count in enumerate(counts) for n in range(count)]


@given(st.lists(st.integers(0, 12)), st.integers(1, 10), st.data())
def test_any_prefix_that_was_accepted_is_gone_on_from(counts: list[int], most: int, data: st.DataObject) -> None:
    told, came = Told(connection=""), list[str]()
    while True:
        part = next_part(snapshot(counts), KIND, told, most, items)
        if not part.items:
            if part.ended:
                break
            told = looked_at(told, 0, part.seen)
            continue
        assert len(part.items) <= most
        some = part.items[: data.draw(st.integers(1, len(part.items)))]
        came += [each.item["n"] for each in some]
        told = after(told, some)
    assert came == names(counts)


def test_a_key_is_divided_only_when_it_is_too_much_for_one_part() -> None:
    part = next_part(snapshot([3, 3, 3]), KIND, Told(connection=""), 7, items)

    assert [each.item["n"] for each in part.items] == names([3, 3])


def test_a_long_way_without_items_lets_others_run() -> None:
    part = next_part(snapshot([0] * (LOOKS + 5) + [1]), KIND, Told(connection=""), 7, items)

    assert (part.items, part.seen, part.ended) == ((), f"{LOOKS - 1:05d}".encode(), False)


def test_what_is_deleted_is_no_longer_there() -> None:
    made = snapshot([1, 1, 1])
    made.learn(b"00001", None)
    made.learn(b"unknown", None)

    assert [key for key, _ in made.after(b"")] == [b"00000", b"00002"]
    assert [key for key, _ in made.after(b"00000", including=True)] == [b"00000", b"00002"]
