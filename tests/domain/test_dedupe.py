"""Event ids are known again for as long as they are remembered."""

from streams.domain.dedupe import WIDTH, derived_id, digest, known, remember


def test_what_was_remembered_is_known_until_newer_ones_push_it_out() -> None:
    memory = b""
    for n in range(5):
        memory = remember(memory, digest(f"event-{n}"), 3)

    assert [known(memory, digest(f"event-{n}")) for n in range(5)] == [False, False, True, True, True]
    assert len(memory) == 3 * WIDTH


def test_two_neighbours_do_not_make_a_third() -> None:
    memory = b"abcdefgh" + b"ijklmnop"

    assert not known(memory, b"efghijkl")
    assert known(memory + b"efghijkl", b"efghijkl")


def test_the_parts_of_an_id_are_kept_apart() -> None:
    assert digest("a", "bc") != digest("ab", "c")
    assert derived_id("a", "bc") != derived_id("ab", "c")
    assert derived_id("ada@example.com") == derived_id("ada@example.com")
