"""Where WayMore says it is: only addresses, and only those we have a setting for."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoprelay.certificate.answers import strange_answers
from sinks.contract import Answer
from sinks.waymore.discovery import ask, read
from sinks.waymore.fake import PASSWORD
from tests.sinks.waymore import sandbox


def told(*entries: Any, success: Any = 1) -> dict[str, str] | None:
    return read(Answer(200, {}, json.dumps({"success": success, "data": list(entries)}).encode()))


def test_it_asks_as_the_plugin_does_and_says_nothing_of_anybody() -> None:
    call = ask(sandbox(uuid="8e109ec3"))

    assert parse_qs(call.body.decode(), keep_blank_values=True) == {
        "store_uuid": [""],
        "store_url": ["https://mugs.example"],
        "platform": ["Shoprelay"],
        "plugin_version": ["0.1.0"],
        "platform_version": ["1.0"],
        "user_id": [""],
        "email": [""],
    }
    assert dict(call.headers) == {"Content-Type": "application/x-www-form-urlencoded"}
    assert PASSWORD not in repr(call) and "8e109ec3" not in repr(call)


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "logs", "url": "https://wm.example/logs"},
        {"type": "auth", "url": "ftp://wm.example"},
        {"type": "auth", "url": "wm.example/auth"},
        {"type": "auth", "url": "https://"},
        {"type": "auth", "url": 'https://wm.example/"\npassword = "x'},
        {"type": "auth", "url": "https://wm.example/a b"},
        {"type": "auth", "url": "https://[wm.example"},
        {"type": "auth", "url": None},
        {"type": ["auth"], "url": "https://wm.example"},
        "https://wm.example",
        None,
    ],
    ids=str,
)
def test_what_is_no_address_of_ours_is_left_out(entry: Any) -> None:
    good = {"type": "data", "url": "https://wm.example/data"}

    assert told(entry) is None
    assert told(entry, good) == {"data_url": "https://wm.example/data"}


def test_without_success_there_is_none() -> None:
    good = {"type": "data", "url": "https://wm.example/data"}

    assert [told(good, success=success) for success in (0, None, "no")] == [None] * 3


def test_no_answer_is_too_strange() -> None:
    for answer in strange_answers():
        assert read(answer) is None


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_whatever_is_in_the_list_is_read(entry: Any) -> None:
    assert told(entry) is None
