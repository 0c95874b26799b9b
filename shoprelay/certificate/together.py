"""Chapter 8, batches: calls that travel together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from msgspec import structs

from schemas.signals import AnySignal
from shoprelay.certificate.answers import strange_answers
from shoprelay.certificate.behaviour import Broken, NotApplicable, behaviour, expect, needs_a_table
from shoprelay.certificate.joined import carried, refused_form
from shoprelay.certificate.material import Material, before, material
from shoprelay.certificate.rehearsal import stage
from shoprelay.certificate.said import said
from shoprelay.certificate.subject import Subject
from sinks.contract import Ask, Batch, Call, Verdict


def _batches(subject: Subject) -> list[tuple[Batch, Material, tuple[Call, ...]]]:
    """Each with as many calls of its endpoint as it takes, at most fifty."""
    if not subject.sink.batches:
        raise NotApplicable("declares no batches")
    needs_a_table(subject)
    found = []
    for batch in subject.sink.batches:
        of = material(subject, endpoint=batch.endpoint)
        config = subject.config(**of.changes)
        calls: list[Call] = []
        for who in range(min(batch.most_items, 50)):
            calls += _own(batch, subject.said(of.of(who), config))
        found.append((batch, of, tuple(calls[: min(batch.most_items, 50)])))
    return found


def _known(subject: Subject, signals: Sequence[AnySignal]) -> list[AnySignal]:
    """What the platform must have heard before these."""
    return [each for signal in signals for each in before(signal) if type(each.payload) in subject.table]


def _own(batch: Batch, calls: Sequence[Call]) -> list[Call]:
    """Those that travel in this batch."""
    return [call for call in calls if call.endpoint == batch.endpoint]


def _verdicts(subject: Subject, of: Material, batch: Batch, calls: tuple[Call, ...]) -> tuple[Verdict, ...]:
    """After what must come before them; and where that makes a repeat welcome, after themselves."""
    config, earlier = subject.config(**of.changes), list[Call]()
    for who in range(len(calls)):
        signal = of.of(who)
        for each in (*before(signal), signal):
            earlier += [call for call in said(subject, each, config) if call not in calls]
    new = carried(subject, of, batch, calls, earlier).verdicts
    return new if set(new) == {Verdict.DELIVERED} else carried(subject, of, batch, calls, (*earlier, *calls)).verdicts


@behaviour("8.4", "calls join the same way every time")
def calls_join_the_same_way(subject: Subject) -> None:
    """`Batch.join` MUST be pure, MUST keep the order and every call, and what it makes MUST be taken by the stand-in,
    which then says of each call that it was delivered."""
    for batch, of, calls in _batches(subject):
        where = f"sink.py: the batch of {batch.endpoint}"
        expect(batch.join(calls) == batch.join(calls), f"{where} joins the same calls in two ways")
        expect(batch.join(calls).endpoint == batch.budget, f"{where} joins for another endpoint than its budget's")
        (stranger, *_) = _own(batch, subject.said(of.of(len(calls) + 1), subject.config(**of.changes)))
        others = [(*calls[:place], stranger, *calls[place + 1 :]) for place in range(len(calls))]
        joined = [batch.join(some) for some in (calls, *others)]
        forms = {(request.path, request.body) for request in joined}  # a question has all it asks in its path
        expect(len(forms) == len(calls) + 1, f"{where} loses a call, or its place")
        verdicts = _verdicts(subject, of, batch, calls)
        expect(set(verdicts) == {Verdict.DELIVERED}, f"{where}: the stand-in took {_taken(verdicts)} of {len(calls)}")


def _taken(verdicts: tuple[Verdict, ...]) -> int:
    return sum(verdict is Verdict.DELIVERED for verdict in verdicts)


@behaviour("8.5", "no answer to a batch is too strange")
def no_batch_is_too_strange(subject: Subject) -> None:
    """`Batch.read` MUST take any answer, and give one verdict for each call, or the next thing to ask, or `None`."""
    for batch, _, calls in _batches(subject):
        for answer in strange_answers():
            where = f"sink.py: the batch of {batch.endpoint}, answered {answer.status} with {answer.body[:40]!r},"
            try:
                read = batch.read(calls, (answer,))
            except Exception as error:
                raise Broken(f"{where} raises {type(error).__name__}") from error
            if read is None or isinstance(read, Ask):
                continue
            each = len(read) == len(calls) and all(isinstance(verdict, Verdict) for verdict in read)
            expect(each, f"{where} gives {len(read)} verdicts for {len(calls)} calls")


@behaviour("8.6", "calls travel together under load")
async def calls_travel_together(subject: Subject) -> None:
    """Where many calls wait they MUST travel together, never more or larger than the batch declares; a single one MUST
    leave at once and by itself; calls MUST NOT be lost on the way."""
    for batch, of, _ in _batches(subject):
        sizes: list[tuple[int, int]] = []
        counted = _with(subject, batch, join=_counting(batch, sizes))
        async with stage(counted, of.signal, **of.changes) as on:
            alone, crowd = of.of(0), [of.of(who) for who in range(1, 3 * batch.from_items + 20)]
            on.log.say(*_known(subject, [alone, *crowd]))
            on.start()
            await on.done("what must be known before")
            sizes.clear()
            on.log.say(alone)
            await on.done("a call of a batch's endpoint, by itself")
            expect(not sizes, f"sink.py: the batch of {batch.endpoint} was made of a single call")
            on.log.say(*crowd)
            await on.done("many calls at once")
            expect(bool(sizes), f"sink.py: {len(crowd)} calls to {batch.endpoint} waited, and none travelled together")
            items, size = max(count for count, _ in sizes), max(size for _, size in sizes)
            expect(items <= batch.most_items, f"a batch had {items} items; most_items is {batch.most_items}")
            expect(size <= batch.most_bytes, f"a batch had {size} bytes; most_bytes is {batch.most_bytes}")
            expect(not on.log.parked, f"{len(on.log.parked)} calls were parked that pass by themselves")


@behaviour("8.7", "one bad call spoils no batch")
async def one_bad_call_spoils_no_batch(subject: Subject) -> None:
    """When one call of many that travel together can never pass, it alone MUST be parked, and the others MUST be
    delivered, each as often as it would have been by itself."""
    spoilt_at_all = False
    for batch, of, _ in _batches(subject):
        bad = of.of(3)
        if (spoiling := _spoiling(subject, of, batch, bad)) is None:
            continue
        spoilt_at_all = True
        async with stage(spoiling, of.signal, **of.changes) as on:
            crowd = [of.of(who) for who in range(2 * batch.from_items + 10)]
            on.log.say(*crowd)
            on.start()
            await on.done("a bad call among many")
            parked = [parked.signal_id for parked in on.log.parked]
            expect(
                parked == [bad.signal_id],
                f"sink.py: of {len(crowd)} calls to {batch.endpoint}, one of them bad, {len(parked)} were parked",
            )
        async with stage(spoiling.unbatched(), of.signal, **of.changes) as good:
            good.log.say(*crowd)
            good.start()
            await good.done("the same one by one")
            kept, wanted = (_things(each.platform.stand_in.stored()) for each in (on, good))
            expect(kept == wanted, f"fake.py: it keeps {kept} things after a batch, {wanted} after the same one by one")
    if not spoilt_at_all:
        raise NotApplicable("nothing that the stand-in refuses can stand in a batch")


def _with(subject: Subject, batch: Batch, **changes: Any) -> Subject:
    others = tuple(replace(each, **changes) if each is batch else each for each in subject.sink.batches)
    return replace(subject, sink=replace(subject.sink, batches=others))


def _counting(batch: Batch, sizes: list[tuple[int, int]]) -> Callable[[Sequence[Call]], Call]:
    def join(calls: Sequence[Call]) -> Call:
        sizes.append((len(calls), sum(len(call.body) for call in calls)))
        return batch.join(calls)

    return join


def _spoiling(subject: Subject, of: Material, batch: Batch, bad: AnySignal) -> Subject | None:
    """The same sink, except that the batch's calls of one signal hold what the platform does not take; `None` when
    there is no such thing."""
    own = _own(batch, subject.said(bad, subject.config(**of.changes)))
    forms = {call.key: refused_form(subject, of, batch, call) for call in own}
    worse = {key: body for key, body in forms.items() if body is not None}
    if len(worse) < len(own):
        return None

    def spoilt(calls: Callable[[Any, Any], tuple[Call, ...]]) -> Callable[[Any, Any], tuple[Call, ...]]:
        def worse_said(signal: Any, config: Any) -> tuple[Call, ...]:
            return tuple(structs.replace(call, body=worse.get(call.key, call.body)) for call in calls(signal, config))

        return worse_said

    calls = {kind: spoilt(made) for kind, made in subject.sink.calls.items()}
    catalog = {kind: spoilt(made) for kind, made in subject.sink.catalog.items()}
    return replace(subject, sink=replace(subject.sink, calls=calls, catalog=catalog))


def _things(kept: Any) -> int:
    """How many values are kept, at any depth."""
    if isinstance(kept, dict):
        return sum(_things(inner) for inner in kept.values())
    return sum(_things(inner) for inner in kept) if isinstance(kept, list | tuple | set | frozenset) else 1
