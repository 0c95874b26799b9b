"""What is finished beyond the watermark, beside the committed offset."""

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.memory import read, written


@given(st.integers(0, 2**40), st.sets(st.integers(1, 3_000)))
def test_what_is_written_is_read(offset: int, beyond: set[int]) -> None:
    finished = sorted(offset + each for each in beyond)
    told = written(offset, finished)

    assert len(told) <= 4_096
    assert read(offset, told) <= set(finished)
    if len(told) < 3_900:
        assert read(offset, told) == set(finished)


def test_nothing_finished_takes_no_room() -> None:
    assert written(7, []) == ""
    assert read(7, "") == set()


def test_a_long_run_takes_a_few_bytes() -> None:
    assert len(written(1_000, range(1_001, 50_000))) < 12


def test_what_does_not_fit_is_forgotten_from_the_far_end() -> None:
    every_other = range(1, 20_000, 2)
    kept = read(0, written(0, every_other))

    assert kept == set(list(every_other)[: len(kept)])
    assert len(kept) == 1_500


@given(st.text())
def test_a_strangers_note_is_nothing_and_no_error(text: str) -> None:
    read(0, text)
    read(0, "1:" + text)


def test_a_note_of_a_version_to_come_is_not_understood() -> None:
    assert read(0, "2:" + written(0, [5]).removeprefix("1:")) == set()
