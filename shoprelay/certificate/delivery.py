"""Chapter 6: the delivery. The real runner carries the sink's own cases to its own stand-in."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise

from msgspec.structs import replace

from schemas.signals import AnySignal, CartAbandoned, OrderPlaced
from schemas.values import Order
from shoprelay.certificate.behaviour import Broken, NotApplicable, behaviour, expect, needs_a_table
from shoprelay.certificate.material import another, before, material
from shoprelay.certificate.platform import Sent, at_first, late
from shoprelay.certificate.rehearsal import Stage, stage
from shoprelay.certificate.subject import Subject, key_of
from sinks.contract import Answer

TROUBLES = (
    Answer(503),
    Answer(0, fault="connect"),
    Answer(0, fault="reset"),
    Answer(0, fault="protocol"),
    Answer(0, fault="timeout"),
    Answer(408),
    Answer(429, {"retry-after": "1"}),
    Answer(500),
)


def _cases(subject: Subject) -> list[AnySignal]:
    """Each of the cases that have calls without settings of their own, as of a customer of their own, with the order
    that it is about before it. A reminder may be withheld: 6.5 is about them. After the shop has left nothing is told:
    that is left out."""
    needs_a_table(subject)
    token = subject.sink.token
    leaves = token.given_back if token is not None else frozenset()
    told: list[AnySignal] = []
    for who, case in enumerate(subject.cases):
        if any(call["says"] in leaves for call in case.calls or ()):
            continue
        if case.calls and not case.changes and type(case.signal.payload) not in subject.sink.reminders:
            signal = another(case.signal, who)
            told += [each for each in before(signal) if type(each.payload) in subject.table] + [signal]
    return told or [material(subject).signal]


def _by_customer(sent: Iterable[Sent], signals: Iterable[AnySignal], stage: Stage) -> dict[str, list[Sent]]:
    owners = {key: key_of(signal) for signal in signals for key in stage.keys([signal])}
    found: dict[str, list[Sent]] = defaultdict(list)
    for each in sent:
        found[owners[each.call.key]].append(each)
    return found


@behaviour("6.1", "what is told arrives")
async def what_is_told_arrives(subject: Subject) -> None:
    """Every call of every case MUST reach the platform, once where nothing goes wrong, and only then MUST its signal
    count as finished."""
    subject = subject.unbatched()
    signals = _cases(subject)
    async with stage(subject, signals[0]) as on:
        on.log.say(*signals)
        on.start()
        await on.done("the cases")
        told, sent = on.keys(signals), [each.call.key for each in on.sent]
        refused = [each.answer.status for each in on.sent if each.answer and each.answer.status >= 300]
        expect(not on.log.parked, f"{len(on.log.parked)} calls were parked; they were answered {refused[:3]}")
        expect(set(on.delivered()) == set(told), f"{len(set(told) - set(on.delivered()))} calls did not arrive")
        expect(len(sent) == len(told), f"{len(told)} calls were sent {len(sent)} times, without any trouble")


@behaviour("6.2", "one at a time, many side by side")
async def one_at_a_time(subject: Subject) -> None:
    """The calls of one customer MUST leave in the order of the log, each after the answer to the one before; others
    MUST NOT wait for them, and no more than `max_in_flight` MUST be under way."""
    subject = subject.unbatched()
    of = material(subject)
    async with stage(subject, of.signal, **of.changes) as on:
        signals = of.many(4, each=3)
        on.platform.script = late(1.0, at_first(Answer(503)))
        on.log.say(*signals)
        on.start()
        await on.done("four customers with three signals each")
        for customer, sent in _by_customer(on.sent, signals, on).items():
            order = list(dict.fromkeys(each.call.key for each in sent))
            told = on.keys([signal for signal in signals if key_of(signal) == customer])
            expect(order == told, f"the calls {told} of one customer left as {order}")
            gaps = [later.at - earlier.at for earlier, later in pairwise(sent)]
            expect(min(gaps, default=1.0) >= 0.99, "a call left before the answer to the one before it")
        most = on.platform.most_busy
        expect(most <= subject.sink.max_in_flight, f"{most} calls were under way; max_in_flight says less")
        expect(most > 1 or subject.sink.max_in_flight == 1, "customers wait for each other")


@behaviour("6.3", "a repeat is the same to the byte")
async def a_repeat_is_the_same(subject: Subject) -> None:
    """Whatever an attempt meets, the next one MUST have the same method, path, headers, body and key."""
    subject = subject.unbatched()
    of = material(subject)
    async with stage(subject, of.signal, **of.changes) as on:
        signals = of.many(2)
        on.platform.script = at_first(*TROUBLES)
        on.log.say(*signals)
        on.start()
        await on.done("a call after eight kinds of trouble")
        expect(not on.log.parked, "a call was parked while the platform had trouble")
        forms = {(s.call.key, s.call.method, s.call.path, s.call.headers, s.call.body) for s in on.sent}
        keys = {s.call.key for s in on.sent}
        expect(len(forms) == len(keys), f"{len(keys)} calls left in {len(forms)} forms")
        expect(set(on.delivered()) == set(on.keys(signals)), "not every call arrived in the end")


@behaviour("6.4", "budgets are kept")
async def budgets_are_kept(subject: Subject) -> None:
    """However much waits, the window of a limit MUST NOT be overdrawn: the stand-in counts, and never has to say
    429."""
    subject = subject.unbatched()
    if not subject.sink.limits:
        raise NotApplicable("declares no limits")
    needs_a_table(subject)
    tightest: dict[str, int] = {}
    for limit in subject.sink.limits:
        tightest[limit.endpoint] = min(limit.count, tightest.get(limit.endpoint, limit.count))
    for endpoint, count in tightest.items():
        try:
            of = material(subject, endpoint=None if endpoint == "*" else endpoint)
        except Broken:
            continue  # only in company, or only in a batch
        async with stage(subject, of.signal, **of.changes) as on:
            on.log.say(*of.many(min(count + 5, 600)))
            on.start()
            await on.done(f"more calls to {endpoint} than a window holds")
            refused = on.platform.answered(429)
            expect(
                not refused, f"sink.py: {endpoint} was told too fast {refused} times; compare limits with the README"
            )


@behaviour("6.5", "a reminder gives way")
async def a_reminder_gives_way(subject: Subject) -> None:
    """A reminder MUST NOT leave once the log behind it says that the cart was bought, and MUST leave when it says
    nothing."""
    subject = subject.unbatched()
    needs_a_table(subject)
    told = [case for case in subject.cases if case.calls and isinstance(case.signal.payload, CartAbandoned)]
    if not told:
        raise NotApplicable("tells no abandoned carts")
    of = material(subject, among=told)
    assert isinstance(of.signal.payload, CartAbandoned)
    reminder = of.signal
    for bought in (False, True):
        async with stage(subject, reminder, **of.changes) as on:
            on.log.say(reminder, *([_purchase(reminder, of.signal.payload)] if bought else []))
            on.start()
            await on.done("a reminder")
            sent = set(on.keys([reminder])) & {each.call.key for each in on.sent}
            expect(bool(sent) or bought, "a reminder that nothing speaks against did not leave")
            expect(not (sent and bought), "sink.py: a reminder left after the purchase; CartAbandoned is a reminder")


def _purchase(reminder: AnySignal, payload: CartAbandoned) -> AnySignal:
    cart = payload.cart
    order = Order(order_id="bought-1", currency=cart.currency, total=cart.total, lines=cart.lines)
    return replace(
        reminder,
        signal_id=f"{reminder.signal_id}-bought",
        occurred_at=reminder.occurred_at + timedelta(seconds=1),
        payload=OrderPlaced(order=order, closed_carts=(cart.cart_id,)),
    )


@behaviour("6.6", "all is quiet while all is well")
async def all_is_quiet(subject: Subject) -> None:
    """Where nothing goes wrong, a process MUST NOT log a line."""
    subject = subject.unbatched()
    signals = _cases(subject)
    async with stage(subject, signals[0]) as on:
        on.log.say(*signals)
        code = await on.start_and_finish("the cases")
        expect(code == 0, f"it ended with {code}")
        expect(not on.logs, f"logged: {on.logs[:2]}")


@behaviour("6.7", "after a crash the same is said again")
async def after_a_crash_the_same(subject: Subject) -> None:
    """A process that dies before it could commit MUST be followed by the same calls under the same keys, and nothing
    MUST be missing."""
    subject = subject.unbatched()
    of = material(subject)
    async with stage(subject, of.signal, **of.changes) as on:
        signals = of.many(3, each=2)
        on.log.say(*signals)
        first = on.start(commit_seconds=1e9)
        await on.reached(lambda: len(on.delivered()) == len(on.keys(signals)), "the first process")
        await first.die()
        before_death = {(s.call.key, s.call.body) for s in on.sent}
        on.start()
        await on.done("the process after it")
        expect({(s.call.key, s.call.body) for s in on.sent} == before_death, "after a crash other calls were made")
        expect(not on.log.parked, f"sink.py: {len(on.log.parked)} repeats were refused after a crash")


@behaviour("6.8", "it ends in order")
async def it_ends_in_order(subject: Subject) -> None:
    """When it is told to stop, what is under way MUST be finished or left for the next process, calls MUST NOT leave
    afterwards, and none MUST be skipped."""
    subject = subject.unbatched()
    of = material(subject)
    async with stage(subject, of.signal, **of.changes) as on:
        signals = of.many(5, each=3)
        on.platform.script = late(2.0)
        on.log.say(*signals)
        process = on.start()
        await on.reached(lambda: on.platform.busy > 0, "the first call")
        code = await process.end()
        at_the_end = len(on.sent)
        expect(code == 0, f"it ended with {code}")
        expect(on.platform.busy == 0, f"{on.platform.busy} calls were still under way after the end")
        await asyncio.sleep(60)
        expect(len(on.sent) == at_the_end, "calls left after the end")
        on.start()
        await on.done("what was left")
        expect(set(on.delivered()) == set(on.keys(signals)), "calls were skipped over a stop")
        told, follow = on.keys(signals), subject.sink.follow
        sent = [s.call.key for s in on.sent if s.answer and s.call.endpoint not in follow]
        again = len(sent) - len(set(sent))  # what was followed, and had not come to its end, is begun once more
        expect(again == 0, f"{len(told)} calls were answered {len(told) + again} times")
