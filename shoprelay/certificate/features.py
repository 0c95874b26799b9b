"""Chapter 8: what only some sinks declare. Lent tokens, calls that travel together, calls that wait for another."""

from __future__ import annotations

from shoprelay.certificate.answers import strange_answers
from shoprelay.certificate.behaviour import Broken, NotApplicable, behaviour, expect, needs_a_table
from shoprelay.certificate.material import Material, borrowed, material
from shoprelay.certificate.platform import at_first
from shoprelay.certificate.rehearsal import stage
from shoprelay.certificate.subject import Subject, asked
from sinks.contract import Answer, Ask, Batch, Call, Token, Verdict, classify

REFUSED_TOKEN = Answer(401)


def _token(subject: Subject) -> Token:
    if subject.sink.token is None:
        raise NotApplicable("borrows no token")
    return subject.sink.token


@behaviour("8.1", "a token is lent once for all")
async def lent_once_for_all(subject: Subject) -> None:
    """A lent token MUST be asked for once, however many calls wait for it, and MUST be on every call that leaves."""
    token = _token(subject)
    subject = subject.unbatched()
    of = material(subject)
    async with stage(subject, of.signal, **of.changes) as on:
        on.log.say(*of.many(5, each=2))
        on.start()
        await on.done("ten calls with a lent token")
        expect(len(on.platform.lent) == 1, f"a token was asked for {len(on.platform.lent)} times for ten calls")
        answer = on.platform.lent[0].answer
        lent = token.read(answer) if answer else None
        wanted = set(token.headers(lent[0]).items()) if lent else set()
        bare = [each for each in on.sent if not wanted <= set(each.call.headers)]
        expect(bool(wanted) and not bare, f"sink.py: {len(bare)} calls left without the token")


@behaviour("8.2", "a refused token is renewed once")
async def renewed_once(subject: Subject) -> None:
    """When a lent token is refused it MUST be renewed once and the call sent once more, without holding; a token MUST
    NOT be parked with a call."""
    token = _token(subject)
    expect(token.expired(REFUSED_TOKEN), "sink.py: a 401 does not count as a refused token")
    expect(not token.expired(Answer(200)), "sink.py: a 200 counts as a refused token")
    subject = subject.unbatched()
    of = material(subject)
    async with stage(subject, of.signal, **of.changes) as on:
        on.platform.script = at_first(REFUSED_TOKEN)
        on.log.say(of.of(1))
        on.start()
        await on.done("a call whose token was refused")
        expect(len(on.platform.lent) == 2, f"the token was asked for {len(on.platform.lent)} times; once and once more")
        expect(on.sent[-1].at < 1.0, "the sink held over a token that could be renewed")
        expect(not on.log.parked, "a call was parked over a token that could be renewed")


@behaviour("8.3", "no answer about a token is too strange")
def no_token_is_too_strange(subject: Subject) -> None:
    """`Token.read` MUST take any answer, and give `None` where it holds no token."""
    token = _token(subject)
    for answer in strange_answers():
        try:
            lent = token.read(answer)
        except Exception as error:
            raise Broken(
                f"sink.py: Token.read raises {type(error).__name__} for the body {answer.body[:40]!r}"
            ) from error
        expect(lent is None, f"sink.py: Token.read finds a token in the body {answer.body[:40]!r}")


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
            calls += subject.said(of.of(who), config)
        found.append((batch, of, tuple(calls[: batch.most_items])))
    return found


@behaviour("8.4", "calls join the same way every time")
def calls_join_the_same_way(subject: Subject) -> None:
    """`Batch.join` MUST be pure, MUST keep the order and every call, and what it makes MUST be taken by the stand-in,
    which then says of each call that it was delivered."""
    for batch, of, calls in _batches(subject):
        where = f"sink.py: the batch of {batch.endpoint}"
        expect(batch.join(calls) == batch.join(calls), f"{where} joins the same calls in two ways")
        expect(batch.join(calls).endpoint == batch.budget, f"{where} joins for another endpoint than its budget's")
        (stranger, *_) = subject.said(of.of(len(calls) + 1), subject.config(**of.changes))
        others = [(*calls[:place], stranger, *calls[place + 1 :]) for place in range(len(calls))]
        forms = {batch.join(some).body for some in (calls, *others)}
        expect(len(forms) == len(calls) + 1, f"{where} loses a call, or its place")
        verdicts = _verdicts(subject, of, batch, calls)
        expect(set(verdicts) == {Verdict.DELIVERED}, f"{where}: the stand-in took {_taken(verdicts)} of {len(calls)}")


def _taken(verdicts: tuple[Verdict, ...]) -> int:
    return sum(verdict is Verdict.DELIVERED for verdict in verdicts)


def _verdicts(subject: Subject, of: Material, batch: Batch, calls: tuple[Call, ...]) -> tuple[Verdict, ...]:
    """As the runner gets them: asked on until there are some."""
    config, stand_in = subject.config(**of.changes), subject.stand_in()
    headers, at = borrowed(subject, config, stand_in, of.signal), of.signal.occurred_at.timestamp() + 60
    answers: list[Answer] = []
    ask: Ask = Ask(batch.join(calls))
    for _ in range(100):
        at += ask.seconds
        answers.append(asked(subject.sink, config, stand_in, ask.call, at, **headers))
        read = batch.read(calls, answers)
        if read is None:
            return (classify(answers[-1], subject.sink.rules),) * len(calls)
        if not isinstance(read, Ask):
            return read
        ask = read
    raise Broken(f"sink.py: the batch of {batch.endpoint} asks a hundred times without coming to an end")


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
