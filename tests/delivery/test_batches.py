"""Many calls in one request: together only under load, in order, one verdict each, and one bad item harms nobody."""

import asyncio
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from schemas.signals import CartChanged, OrderPlaced, Searched
from sinks.contract import Answer, Ask, Batch, Call, CannotSay, Limit, Sink, Verdict
from streams.delivery.settings import Backoff, BrakeLimits, GiveUp
from tests.delivery.moved import CountedLoop, moved_clock, pass_time, until
from tests.delivery.said import abandoned, changed, ordered, searched
from tests.delivery.sink import SINK, one_call, two_calls
from tests.delivery.world import Platform, World

Read = Callable[[Sequence[Call], Sequence[Answer]], Any]
TAKEN = Answer(200, {}, b"{}")
GIVE_UP_AT_ONCE = GiveUp(attempts=1, seconds=0.0)
NO_BRAKE = BrakeLimits(in_a_row=10_000, share=1.1)


def join(calls: Sequence[Call]) -> Call:
    return Call("Bulk", "POST", "/bulk", b"[" + b",".join(call.body for call in calls) + b"]", "bulk", "bulk")


def by_index(calls: Sequence[Call], answers: Sequence[Answer]) -> tuple[Verdict, ...] | None:
    """The answer names who was refused; nothing was taken in then."""
    if answers[-1].status < 300:
        return (Verdict.DELIVERED,) * len(calls)
    bad = answers[-1].at("bad")
    if bad is None:
        return None
    return tuple(Verdict.REJECTED if at in bad else Verdict.THROTTLED for at in range(len(calls)))


def blind(calls: Sequence[Call], answers: Sequence[Answer]) -> None:
    """The answer speaks of the whole."""


BATCH = Batch("events", "bulk", join, by_index, most_items=100, most_bytes=100_000, from_items=5)


def bulky(read: Read = by_index, limits: tuple[Limit, ...] = (), **changed: Any) -> Sink:
    return replace(SINK, batches=(replace(BATCH, read=read, **changed),), limits=limits)


class Bulk(Platform):
    """Takes items one by one or many at once. `bad` keys are refused; with `names` it says which of a request."""

    def __init__(self, *, names: bool = True) -> None:
        super().__init__()
        self.names = names
        self.bad: set[str] = set()
        self.requests: list[list[str]] = []
        self.times: list[float] = []
        self.sizes: list[int] = []
        self.scripted: list[Any] = []  # answers to requests of many, first to last
        self.latency = 0.1
        self.stored: Counter[str] = Counter()

    async def receive(self, call: Call) -> Answer:
        if call.path != "/bulk":
            answer = await super().receive(call)
            if call.key in self.bad:
                self.accepted = [key for key in self.accepted if key != call.key]
                return Answer(422, {}, b'{"error": "bad"}')
            self.stored[call.key] += answer.status < 300
            return answer
        keys = [item["id"] for item in json.loads(call.body)]
        self.requests.append(keys)
        self.sizes.append(len(call.body))
        self.times.append(asyncio.get_running_loop().time())
        customers = [key.split("-")[0] for key in keys]
        self.overlaps += any(self.busy[customer] for customer in customers)
        self.busy.update(set(customers))
        try:
            await asyncio.sleep(self.latency)
            if self.scripted and (scripted := self.scripted.pop(0)) is not None:
                return await self._resolve(scripted)
        finally:
            self.busy.subtract(set(customers))
        if bad := [at for at, key in enumerate(keys) if key in self.bad]:
            return Answer(400, {}, json.dumps({"bad": bad} if self.names else {}).encode())
        for key in keys:
            self.stored[key] += 1
            if key not in self.accepted:
                self.accepted.append(key)
        return TAKEN


def world(platform: Bulk | None = None, partitions: int = 4) -> tuple[World, Bulk]:
    made, chosen = World(partitions=partitions), platform or Bulk()
    made.platform = chosen
    return made, chosen


def orders(customers: int, numbers: int = 1) -> list[Any]:
    return [ordered(f"c{c}", str(n)) for n in range(numbers) for c in range(customers)]


def keys(customers: int, numbers: int = 1) -> list[str]:
    return [f"c{c}-ordered-{n}" for n in range(numbers) for c in range(customers)]


def in_order(accepted: Sequence[str]) -> bool:
    last: dict[str, int] = {}
    for key in accepted:
        customer, _, number = key.split("-")
        if int(number) < last.get(customer, -1):
            return False
        last[customer] = int(number)
    return True


@moved_clock
async def test_who_comes_alone_leaves_at_once() -> None:
    on, platform = world()
    process = on.start(bulky())
    for n in range(5):
        on.log.say(ordered("ada", str(n)))
        await until(on.done)

    assert platform.requests == []
    assert len(platform.sent) == 5
    assert process.metric("shoprelay_batch_items_count", endpoint="bulk") == 0


@moved_clock
async def test_many_travel_together_and_each_is_counted() -> None:
    on, platform = world()
    process = on.start(bulky())
    on.log.say(*orders(200))
    await until(on.done)

    assert sorted(platform.accepted) == sorted(keys(200))
    assert len(platform.requests) + len(platform.sent) <= 10
    assert max(map(len, platform.requests)) <= 100
    assert process.metric("shoprelay_calls_total", says="OrderPlaced", verdict="delivered") == 200
    assert process.metric("shoprelay_signals_total", signal="OrderPlaced", outcome="delivered") == 200


@moved_clock
async def test_a_customers_calls_keep_their_order_within_and_across_requests() -> None:
    on, platform = world()
    on.start(bulky(most_items=30))
    on.log.say(*orders(7, 40))
    await until(on.done)

    assert sorted(platform.accepted) == sorted(keys(7, 40))
    assert in_order(platform.accepted)
    assert platform.overlaps == 0
    assert any(len({key.split("-")[0] for key in request}) < len(request) for request in platform.requests)


@moved_clock
async def test_where_order_within_a_request_is_not_kept_a_customer_is_in_it_once() -> None:
    on, platform = world()
    on.start(bulky(one_per_customer=True))
    on.log.say(*orders(30, 5))
    await until(on.done)

    assert platform.requests
    for request in platform.requests:
        assert len({key.split("-")[0] for key in request}) == len(request)
    assert in_order(platform.accepted)


@moved_clock
async def test_one_customer_with_a_thousand_calls_leaves_room_for_everybody_else() -> None:
    on, platform = world(partitions=1)
    platform.otherwise = lambda: (0.1, TAKEN)
    on.start(bulky(in_flight=1))
    on.log.say(*(ordered("busy", str(n)) for n in range(400)), *orders(60, 3))
    await until(lambda: sum(not key.startswith("busy") for key in platform.accepted) == 180)

    assert sum(key.startswith("busy") for key in platform.accepted) <= 20
    await until(on.done)
    assert len(platform.accepted) == 580
    assert in_order(platform.accepted)


@moved_clock
async def test_what_is_oldest_is_soon_finished_so_that_a_crash_repeats_little_and_no_request_is_too_large() -> None:
    """Ninety customers with five calls each, a hundred to a request: twenty customers' all, not one call of each."""
    on, platform = world()
    on.log.say(*orders(90, 5))
    on.start(bulky(in_flight=1))
    await until(on.done)

    assert sorted(platform.accepted) == sorted(keys(90, 5))
    assert in_order(platform.accepted)
    assert max(map(len, platform.requests)) == 100
    first = Counter(key.split("-")[0] for key in platform.requests[0])
    assert len(first) <= 30 and max(first.values()) == 5


@moved_clock
async def test_a_request_has_at_most_so_many_bytes() -> None:
    on, platform = world()
    on.start(bulky(most_bytes=300))
    on.log.say(*orders(60))
    await until(on.done)

    assert platform.requests
    assert max(platform.sizes) <= 300 + len("[,,,,,]")


@moved_clock
async def test_signals_of_several_calls_travel_whole() -> None:
    on, platform = world()
    sink = replace(bulky(), calls={**SINK.calls, OrderPlaced: two_calls})
    on.start(sink)
    on.log.say(*orders(50))
    await until(on.done)

    assert sorted(platform.accepted) == sorted(f"{key}-{part}" for key in keys(50) for part in "ab")


@moved_clock
async def test_who_has_nothing_to_say_or_cannot_say_it_between_two_calls_is_finished_in_its_turn() -> None:
    def silent(signal: Any, config: Any) -> tuple[Call, ...]:
        return ()

    def cannot(signal: Any, config: Any) -> tuple[Call, ...]:
        raise CannotSay("cart.lines[0].name is required")

    on, platform = world()
    calls = {**SINK.calls, Searched: silent, CartChanged: cannot}
    process = on.start(replace(bulky(), calls=calls), brake=NO_BRAKE)
    for n in range(20):
        who = f"c{n}"
        on.log.say(ordered(who, "1"), searched(who, 1), ordered(who, "2"), changed(who), ordered(who, "3"))
    await until(on.done)

    assert platform.stored == Counter(f"c{n}-ordered-{m}" for n in range(20) for m in (1, 2, 3))
    assert in_order(platform.accepted)
    assert process.metric("shoprelay_signals_total", signal="Searched", outcome="not_told") == 20
    assert len(on.log.parked) == 20


@moved_clock
async def test_one_bad_of_a_hundred_is_parked_and_the_others_are_stored_once_when_the_answer_names_it() -> None:
    on, platform = world(partitions=1)
    platform.bad = {"c57-ordered-0"}
    on.start(bulky())
    on.log.say(*orders(100))
    await until(on.done)

    assert len(platform.requests) + len(platform.sent) <= 4
    assert platform.stored == Counter(set(keys(100)) - platform.bad)
    assert [(p.call_key, p.status, p.answer) for p in on.log.parked] == [("c57-ordered-0", 422, b'{"error": "bad"}')], (
        "with the answer to its own call"
    )


@moved_clock
async def test_a_pointer_to_the_wrong_item_puts_nothing_good_aside() -> None:
    def wrong(calls: Sequence[Call], answers: Sequence[Answer]) -> Any:
        told = by_index(calls, answers)
        return told[1:] + told[:1] if told else None

    on, platform = world(partitions=1)
    platform.bad = {"c57-ordered-0"}
    on.start(bulky(wrong))
    on.log.say(*orders(100))
    await until(on.done)

    assert platform.stored == Counter(set(keys(100)) - platform.bad)
    assert [p.call_key for p in on.log.parked] == ["c57-ordered-0"]


@pytest.mark.parametrize("names", [False, True])
def test_whoever_is_refused_only_in_company_is_not_overtaken_by_those_behind_it(names: bool) -> None:
    class Shy(Bulk):
        async def receive(self, call: Call) -> Answer:
            if call.path == "/bulk":
                return await super().receive(call)
            bad, self.bad = self.bad, set()  # alone they are welcome
            try:
                return await super().receive(call)
            finally:
                self.bad = bad

    @moved_clock
    async def story() -> None:
        on, platform = world(Shy(names=names), partitions=1)
        platform.bad = {"c3-ordered-0", "c4-ordered-1", "c9-ordered-3"}
        on.start(bulky())
        on.log.say(*orders(10, 8))
        await until(on.done)

        assert platform.stored == Counter(keys(10, 8))
        assert in_order(platform.accepted)

    story()


@moved_clock
async def test_a_refused_batch_of_a_platform_that_minds_repeats_goes_one_by_one() -> None:
    """Most likely what was delivered and not committed before a restart is in it, and there may be much of that."""
    on, platform = world(Bulk(names=False), partitions=1)
    platform.bad = {"c57-ordered-0"}
    on.start(bulky(blind, repeats=False))
    on.log.say(*orders(100))
    await until(on.done)

    assert len(platform.requests) <= 2
    assert platform.stored == Counter(set(keys(100)) - platform.bad)


@pytest.mark.parametrize("bad", [0, 1, 37, 98, 99])
def test_one_bad_of_a_hundred_is_found_by_halving_when_the_answer_does_not_name_it(bad: int) -> None:
    @moved_clock
    async def halve() -> None:
        on, platform = world(Bulk(names=False), partitions=1)
        platform.bad = {f"c{bad}-ordered-0"}
        on.start(bulky(blind, from_items=50))
        on.log.say(*orders(100))
        await until(on.done)

        assert len(platform.requests) + len(platform.sent) <= 2 + 2 * math.log2(100)
        assert platform.stored == Counter(set(keys(100)) - platform.bad)
        assert [(p.call_key, p.status, p.answer) for p in on.log.parked] == [
            (f"c{bad}-ordered-0", 422, b'{"error": "bad"}')
        ], "with the answer to its own call"

    halve()


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.integers(0, 39), max_size=12), st.booleans(), st.integers(2, 40), st.integers(1, 6), st.integers(1, 3)
)
def test_whatever_is_bad_nothing_is_lost_doubled_or_overtaken(
    bad: set[int], names: bool, most: int, customers: int, numbers: int
) -> None:
    @moved_clock
    async def deliver() -> None:
        on, platform = world(Bulk(names=names))
        everything = keys(customers * 4, numbers)
        platform.bad = {key for n, key in enumerate(everything) if n in bad}
        on.start(bulky(by_index, most_items=most), brake=NO_BRAKE)
        on.log.say(*orders(customers * 4, numbers))
        await until(on.done)

        assert platform.stored == Counter(set(everything) - platform.bad)
        assert sorted(p.call_key for p in on.log.parked) == sorted(platform.bad)
        assert in_order(platform.accepted)
        assert platform.overlaps == 0

    deliver()


@moved_clock
async def test_a_throttled_request_waits_for_everybody_and_costs_no_attempt() -> None:
    on, platform = world()
    platform.scripted = [Answer(429, {"retry-after": "30"})]
    process = on.start(bulky(in_flight=1, limits=(Limit("events", 1, 60.0),)), give_up_after=GIVE_UP_AT_ONCE)
    on.log.say(*orders(100))
    await until(on.done)

    assert platform.stored == Counter(keys(100))
    assert on.log.parked == []
    assert platform.times[1] - platform.times[0] >= 30
    assert process.metric("shoprelay_calls_total", says="Bulk", verdict="throttled") == 1


@moved_clock
async def test_while_only_the_budget_of_requests_is_used_up_calls_go_one_by_one() -> None:
    on, platform = world()
    on.start(bulky(most_items=10, limits=(Limit("bulk", 1, 60.0), Limit("events", 10, 60.0))))
    on.log.say(*orders(60))
    await until(on.done)

    assert platform.stored == Counter(keys(60))
    assert len(platform.sent) >= 10
    for at in platform.times:
        assert sum(at <= other < at + 60 for other in platform.times) <= 1


@moved_clock
async def test_a_lost_answer_is_repeated_with_the_same_items() -> None:
    on, platform = world()
    platform.scripted = [None, Answer(0, fault="reset")]
    on.start(bulky(in_flight=1))
    on.log.say(*orders(200))
    await until(on.done)

    assert set(platform.stored) == set(keys(200))
    assert on.log.parked == []


@moved_clock
async def test_where_a_repeat_would_fail_the_others_what_may_have_arrived_goes_one_by_one() -> None:
    on, platform = world(partitions=1)
    platform.scripted = [Answer(0, fault="timeout")]
    on.start(bulky(in_flight=1, repeats=False), backoff=Backoff(0.0, 0.0))
    on.log.say(*orders(100))
    await until(on.done)

    unknown = set(platform.requests[0])
    assert not unknown & {key for request in platform.requests[1:] for key in request}
    assert unknown <= set(platform.told())
    assert set(platform.stored) == set(keys(100))


@moved_clock
async def test_an_item_that_makes_the_platform_fail_is_left_to_fail_alone() -> None:
    on, _platform = world(partitions=1)

    class Choking(Bulk):
        async def receive(self, call: Call) -> Answer:
            answer = await super().receive(call)
            return Answer(500) if b"c7-ordered-0" in call.body else answer

    on.platform = Choking()
    on.start(bulky(), give_up_after=replace(GIVE_UP_AT_ONCE, attempts=4, seconds=60.0))
    on.log.say(*orders(50))
    for n in range(1, 400):
        on.log.say(*(ordered(f"d{c}", str(n)) for c in range(3)))
        await pass_time(1.0)
    await until(on.done)

    assert [(p.call_key, p.reason) for p in on.log.parked] == [("c7-ordered-0", "gave_up")]


@moved_clock
async def test_what_failed_in_company_is_not_held_against_a_call() -> None:
    on, platform = world(partitions=1)
    platform.scripted = [Answer(503)] * 1000
    platform.answers.update({key: [Answer(503)] for key in keys(50)})
    on.start(bulky(from_items=2, in_flight=1), give_up_after=GiveUp(attempts=3, seconds=0.0))
    on.log.say(*orders(50))
    for n in range(1, 60):
        on.log.say(*(ordered(f"d{c}", str(n)) for c in range(3)))
        await pass_time(1.0)
    await until(on.done)

    failed = Counter(key for request in platform.requests for key in request)
    assert [key for key in keys(50) if failed[key] == 2], "twice with others"
    assert not on.log.parked, "and once alone"


@moved_clock
async def test_a_platform_that_does_not_let_us_batch_gets_its_calls_one_by_one() -> None:
    on, platform = world()
    platform.scripted = [Answer(403)] * 1000
    process = on.start(bulky())
    on.log.say(*orders(300))
    await until(on.done)

    assert platform.stored == Counter(keys(300))
    assert len(platform.requests) <= 3
    assert process.delivery.health().ready


@moved_clock
async def test_a_job_is_asked_until_it_tells_of_each() -> None:
    on, platform = world(partitions=1)
    platform.bad = {"c3-ordered-0"}
    asked: list[float] = []

    def job(calls: Sequence[Call], answers: Sequence[Answer]) -> Any:
        if answers[-1].at("state") != "complete":
            return Ask(Call("Job", "GET", "/jobs/1", b"", "job", "jobs"), seconds=5.0)
        failed = answers[-1].at("failed")
        return tuple(Verdict.REJECTED if json.loads(c.body)["id"] in failed else Verdict.DELIVERED for c in calls)

    async def receive(call: Call, usual: Any = platform.receive) -> Answer:
        if call.path != "/jobs/1":
            return await usual(call)  # type: ignore[no-any-return]
        asked.append(asyncio.get_running_loop().time())
        if len(asked) == 2:
            return Answer(503)
        state = {"state": "complete", "failed": ["c3-ordered-0"]} if len(asked) > 3 else {"state": "processing"}
        return Answer(200, {}, json.dumps(state).encode())

    platform.receive = receive  # type: ignore[method-assign]
    on.start(bulky(job, from_items=50))
    on.log.say(*orders(100))
    await until(on.done)

    assert len(asked) == 4
    assert len(platform.requests) == 1, "an unanswered question does not send the batch again"
    assert [p.call_key for p in on.log.parked] == ["c3-ordered-0"]


@moved_clock
async def test_a_reminder_looks_before_it_leaves_and_so_travels_alone() -> None:
    on, platform = world()
    on.start(bulky(), look_seconds=1000.0)
    on.log.say(*orders(50), *(abandoned(f"r{n}") for n in range(20)), *(searched(f"c{n}", 1) for n in range(50)))
    await until(on.done)

    together = {key for request in platform.requests for key in request}
    assert not [key for key in together if "abandoned" in key]
    assert sum("abandoned" in key for key in platform.told()) == 20


@moved_clock
async def test_a_stop_lets_requests_of_many_finish_and_sends_nothing_more() -> None:
    on, platform = world()
    platform.latency = 3.0
    process = on.start(bulky(most_items=20), drain_seconds=10.0)
    on.log.say(*orders(200))
    await until(lambda: len(platform.requests) == 2)
    assert await process.end() == 0

    assert len(platform.requests) == 2
    assert len(platform.accepted) >= 40
    again = on.start(bulky())
    await until(on.done)
    assert platform.stored == Counter(keys(200)), "and nothing is sent twice"
    assert await again.end() == 0


@moved_clock
async def test_a_request_that_outlasts_the_drain_is_dropped_and_comes_again() -> None:
    on, platform = world()
    platform.scripted = [lambda: None] * 2  # type: ignore[list-item]
    process = on.start(bulky(most_items=20, in_flight=2), drain_seconds=2.0)
    on.log.say(*orders(100))
    await until(lambda: len(platform.requests) == 2)
    platform.scripted = []
    platform.latency = 1e6
    assert await process.end() == 0

    platform.latency = 0.1
    on.start(bulky())
    await until(on.done)
    assert platform.stored == Counter(keys(100))


@moved_clock
async def test_a_request_of_which_nothing_was_taken_because_of_nobody_does_not_go_round_for_ever() -> None:
    on, platform = world()
    on.start(bulky(lambda calls, answers: (Verdict.THROTTLED,) * len(calls)))
    on.log.say(*orders(50))
    await until(on.done)

    assert set(platform.accepted) == set(keys(50))
    assert len(platform.requests) < 20


@moved_clock
async def test_who_is_refused_behind_one_that_has_to_go_again_does_not_hold_it_up_for_ever() -> None:
    """The answer names the later order of each customer, so the earlier ones were not taken in either."""
    on, platform = world()
    platform.bad = {f"c{n}-ordered-1" for n in range(0, 40, 3)}
    on.start(bulky(), brake=NO_BRAKE)
    on.log.say(*orders(40, 3))
    await until(on.done)

    assert platform.stored == Counter(set(keys(40, 3)) - platform.bad)
    assert in_order(platform.accepted)
    assert sorted(p.call_key for p in on.log.parked) == sorted(platform.bad)


@pytest.mark.parametrize("answer", [TAKEN, Answer(400)], ids=["taken", "refused"])
def test_a_mistake_in_reading_an_odd_answer_says_it_of_the_whole(answer: Answer) -> None:
    def broken(calls: Sequence[Call], answers: Sequence[Answer]) -> Any:
        raise KeyError("ada@example.com")

    def short(calls: Sequence[Call], answers: Sequence[Answer]) -> Any:
        return (Verdict.DELIVERED,)

    @moved_clock
    async def story(read: Read) -> None:
        on, platform = world()
        platform.scripted = [None if answer is TAKEN else answer]
        on.start(bulky(read))
        on.log.say(*orders(100))
        await until(on.done)

        assert platform.stored == Counter(keys(100))

    for read in (broken, short):
        story(read)


@moved_clock
async def test_a_mistake_in_joining_ends_the_process_rather_than_losing_anybody() -> None:
    def broken(calls: Sequence[Call]) -> Call:
        raise ValueError("ada@example.com")

    on, _platform = world()
    process = on.start(bulky(join=broken))
    on.log.say(*orders(100))

    assert await process.running == 70
    assert on.log.lag == 100


def test_orders_that_are_entered_once_more_do_not_go_round_for_ever() -> None:
    """The first of each was refused, and others wait for it: the second goes alone, however many stand in line."""

    def opening(signal: Any, config: Any) -> tuple[Call, ...]:
        return tuple(structs.replace(call, opens="order") for call in one_call(signal, config))

    async def story() -> None:
        on, platform = world()
        platform.bad = {f"c{n}-ordered-0" for n in range(4)}
        on.start(replace(bulky(from_items=2), calls={OrderPlaced: opening}), brake=NO_BRAKE)
        on.log.say(*orders(4, 3))
        await until(on.done)

        assert platform.stored == Counter(set(keys(4, 3)) - platform.bad)
        assert {parked.opens for parked in on.log.still_parked.values()} == {None}

    class Impatient(CountedLoop):
        busy = 200

    with asyncio.Runner(loop_factory=Impatient) as runner:
        runner.run(story())


@moved_clock
async def test_a_probe_out_of_a_request_of_many_has_one_turn_at_a_time() -> None:
    """Half of a refused request names an item our key may not send; the other half is not sent beside the probe."""

    def read(calls: Sequence[Call], answers: Sequence[Answer]) -> Any:
        if answers[-1].at("bad") is None and answers[-1].status >= 300:
            return None
        locked = json.loads(calls[0].body)["id"] == "c0-ordered-0"
        return (Verdict.MISCONFIGURED if locked else Verdict.DELIVERED, *[Verdict.DELIVERED] * (len(calls) - 1))

    on, platform = world(partitions=1)
    platform.scripted = [Answer(400)]
    platform.latency = 1.0
    platform.otherwise = lambda: (4.0, TAKEN)
    process = on.start(bulky(read, from_items=2, in_flight=1))
    on.log.say(*orders(20))
    await until(on.done)

    assert not process.running.done()
    assert platform.told().count("c0-ordered-0") == 1
    assert set(platform.stored) == set(keys(20))
    assert platform.overlaps == 0
