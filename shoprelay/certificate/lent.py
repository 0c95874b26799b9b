"""Chapter 8, tokens: what a platform lends for a while."""

from __future__ import annotations

from shoprelay.certificate.answers import strange_answers
from shoprelay.certificate.behaviour import Broken, NotApplicable, behaviour, expect
from shoprelay.certificate.material import Material, material
from shoprelay.certificate.platform import at_first
from shoprelay.certificate.rehearsal import stage
from shoprelay.certificate.subject import Subject
from sinks.contract import Answer, Call, Token

REFUSED_TOKEN = Answer(401)


def _token(subject: Subject) -> Token:
    if subject.sink.token is None:
        raise NotApplicable("borrows no token")
    return subject.sink.token


def _wanting(subject: Subject, token: Token) -> Material:
    """A case whose calls want it: not every address of a platform does."""
    cases = [
        case for case in subject.cases if case.calls and all(map(token.wanted, subject.said(case.signal, case.config)))
    ]
    return material(subject, among=cases)


@behaviour("8.1", "a token is lent once for all")
async def lent_once_for_all(subject: Subject) -> None:
    """A lent token MUST be asked for once, however many calls wait for it, and MUST be on every call that leaves."""
    token = _token(subject)
    subject = subject.unbatched()
    of = _wanting(subject, token)
    async with stage(subject, of.signal, **of.changes) as on:
        on.log.say(*of.many(5, each=2))
        on.start()
        await on.done("ten calls with a lent token")
        expect(len(on.platform.lent) == 1, f"a token was asked for {len(on.platform.lent)} times for ten calls")
        answer = on.platform.lent[0].answer
        lent = token.read(answer) if answer else None
        value = lent[0] if lent else "no token"
        without = [s for s in on.sent if token.wanted(s.call) and not _holds(s.call, value)]
        expect(lent is not None and not without, f"sink.py: {len(without)} calls left without the token")


def _holds(call: Call, token: str) -> bool:
    return token.encode() in call.body or any(token in value for _, value in call.headers)


@behaviour("8.2", "a refused token is renewed once")
async def renewed_once(subject: Subject) -> None:
    """When a lent token is refused it MUST be renewed once and the call sent once more, without holding."""
    token = _token(subject)
    if token.once:
        raise NotApplicable("is lent a token once, which nobody renews")
    expect(token.expired(REFUSED_TOKEN), "sink.py: a 401 does not count as a refused token")
    expect(not token.expired(Answer(200)), "sink.py: a 200 counts as a refused token")
    subject = subject.unbatched()
    of = _wanting(subject, token)
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
