"""Does a store keep what it was given, and its position with it?"""

from __future__ import annotations

import os

import pytest

from streams.engine import EngineSettings
from streams.engine.fence import NO_TOKEN, token_of_offset
from streams.engine.stores import Store, open_store


@pytest.fixture(params=["memory", "rocksdb"])
def settings(request, tmp_path) -> EngineSettings:
    return EngineSettings(bootstrap="x:1", group="g", state_dir=tmp_path, store=request.param)


@pytest.fixture
def store(settings):
    store = open_store(settings, "t", 3)
    yield store
    store.close()


def test_a_new_store_is_empty(store: Store):
    """Guards the cold start: everything is read from the beginning."""
    assert (store.position, store.token, list(store.items())) == (0, NO_TOKEN, [])
    assert store.get(b"k") is None


def test_writes_deletions_and_lookups(store: Store):
    """Guards the table calls: the last value counts, None deletes, order of items does not matter."""
    store.write({b"a": b"1", b"b": b"2", b"c": b""}, 3, token_of_offset(1))
    store.write({b"a": b"3", b"b": None, b"x": None}, 6, token_of_offset(1))
    assert sorted(store.items()) == [(b"a", b"3"), (b"c", b"")]
    assert store.get_many([b"a", b"b", b"c", b"nobody"]) == {b"a": b"3", b"c": b""}
    assert (store.position, store.token) == (6, token_of_offset(1))


def test_wipe_forgets_position_and_items(store: Store):
    """Guards a log created anew: nothing of the old one stays."""
    store.write({b"a": b"1"}, 5, token_of_offset(2))
    store.wipe()
    assert (store.position, store.token, list(store.items()), store.get(b"a")) == (0, NO_TOKEN, [], None)


def test_rocksdb_remembers_items_and_position_together(tmp_path):
    """Guards the warm start: what a closed folder says when opened again."""
    settings = EngineSettings(bootstrap="x:1", group="g", state_dir=tmp_path, store="rocksdb")
    first = open_store(settings, "t", 0)
    first.write({b"a": b"1", b"\x01low": b"2"}, 7, token_of_offset(4))
    first.close()
    again = open_store(settings, "t", 0)
    assert (again.position, again.token) == (7, token_of_offset(4))
    assert dict(again.items()) == {b"a": b"1", b"\x01low": b"2"}
    again.close()


def test_a_killed_process_leaves_position_and_items_agreeing(tmp_path):
    """Guards atomicity: a process that dies between two writes leaves the first one whole."""
    settings = EngineSettings(bootstrap="x:1", group="g", state_dir=tmp_path, store="rocksdb")
    child = os.fork()
    if child == 0:
        store = open_store(settings, "t", 0)
        for n in range(1, 200):
            store.write({b"n": b"%d" % n, b"k%d" % n: b""}, n, NO_TOKEN)
        os._exit(9)  # without close
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    store = open_store(settings, "t", 0)
    assert store.get(b"n") == b"%d" % store.position
    assert len(list(store.items())) == store.position + 1 == 200
    store.close()


def test_an_old_copy_is_read_anew(tmp_path):
    """Guards deletions: a copy older than the broker remembers deletions would bring deleted keys back."""
    settings = EngineSettings(
        bootstrap="x:1", group="g", state_dir=tmp_path, store="rocksdb", store_max_age_seconds=0.0
    )
    store = open_store(settings, "t", 0)
    store.write({b"a": b"1"}, 1, NO_TOKEN)
    store.close()
    store = open_store(settings, "t", 0)
    assert (store.position, store.get(b"a")) == (0, None)
    store.close()
