"""State as bytes: every version ever released stays readable, and what is not ours says so."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.events import CartTransferred, CustomerEvent, ShopEvent
from schemas.values import CustomerRef
from streams.domain.dedupe import derived_id
from streams.domain.identity import links_of
from streams.domain.order import body_of
from streams.domain.state_codec import BrokenState, UnknownStateVersion, decode, encode
from tests.domain.story import (
    ADA,
    COOKIE,
    NOON,
    THREE_STAGES,
    World,
    added,
    fulfilled,
    line,
    ordered,
    pictured,
    removed,
    updated,
    viewed,
)

PUBLISHED = Path(__file__).parent / "published"


def a_busy_customer() -> bytes:
    """Something of everything a state can hold, at the time this version was released."""
    world = World(THREE_STAGES)
    described = updated(at="11:50", first_name="Ada", locale="de-AT")
    world.tell(described)
    world.append(an_empty_transfer(described))  # that release sent one for every link
    world.tell(
        viewed("plate", at="11:55"),
        pictured(line("mug", 2), at="12:00", cart="one"),
        added("plate", at="12:01", cart="one"),
        removed("mug", at="12:02", cart="one"),
        added("cup", at="12:03", who=COOKIE, cart="guest"),
        ordered(at="12:04", order="order-1", cart="two", status="pending"),
        fulfilled(line("mug"), at="12:05", name="f-1"),
        fulfilled(at="12:06", order="order-2"),
    )
    world.pass_time("13:06")
    return encode(world.states["shop/c:ada"])


def an_empty_transfer(event: ShopEvent) -> CustomerEvent:
    (link,) = links_of(event, event.occurred_at)
    transfer = CartTransferred(
        event_id="transfer-" + derived_id(link.fact.event_id, link.key),
        shop="shop",
        occurred_at=link.at,
        from_key=link.key,
        ref=CustomerRef(email=ADA.email),
    )
    return CustomerEvent(key="shop/c:ada", at=link.at, fact=transfer)


def test_version_1_reads_as_it_was_written() -> None:
    state = decode((PUBLISHED / "customer_state_v1.bin").read_bytes())

    assert decode(encode(state)) == state
    assert (state.key, state.ref, state.profile.first_name) == ("shop/c:ada", ADA, "Ada")
    assert set(state.carts["one"].lines) == {"mug", "plate"}
    assert state.carts["one"].told[0].stage == 1
    assert state.orders["order-1"].fulfilments == 1
    assert state.seen_at is not None
    assert state.seen_at > NOON


def test_this_release_still_writes_version_1() -> None:
    """Not to the byte: a record with more than fifteen fields has a wider head than one with fewer."""
    assert a_busy_customer()[:1] == b"\x01"
    assert as_meant(a_busy_customer()) == as_meant((PUBLISHED / "customer_state_v1.bin").read_bytes())


def as_meant(stored: bytes) -> Any:
    """The state with its order bodies read, too; without the digests of ids, which the story makes from all that a
    class can hold."""
    state = msgspec.to_builtins(decode(stored))
    assert state.pop("m")
    for order_id, order in decode(stored).orders.items():
        state["o"][order_id]["b"] = body_of(order)
    return state


def test_an_unknown_version_is_an_error_with_a_remedy() -> None:
    with pytest.raises(UnknownStateVersion, match="state version: 9, this release reads 1; roll forward"):
        decode(b"\x09\x80")


@pytest.mark.parametrize("stored", [b"", b"\x01", b"\x01\x80", b"\x01ada@example.com"])
def test_what_is_no_state_is_an_error_without_its_content(stored: bytes) -> None:
    with pytest.raises(BrokenState) as raised:
        decode(stored)

    assert "ada" not in str(raised.value)


def test_a_customer_with_one_cart_line_is_small() -> None:
    world = World()
    world.tell(added())

    assert 130 <= len(encode(world.states["shop/c:ada"])) <= 400
