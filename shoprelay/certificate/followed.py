"""Chapter 8, calls that are followed: what their answers begin, and how it ends."""

from __future__ import annotations

from schemas.signals import AnySignal
from shoprelay.certificate.answers import strange_answers
from shoprelay.certificate.asking import taken
from shoprelay.certificate.behaviour import Broken, NotApplicable, behaviour, expect, needs_a_table
from shoprelay.certificate.material import Material, before, borrowed, material
from shoprelay.certificate.platform import Script, obedient
from shoprelay.certificate.rehearsal import stage
from shoprelay.certificate.subject import Subject
from sinks.contract import Answer, Ask, Call, Verdict

GONE = Answer(503)


def _followed(subject: Subject) -> list[tuple[str, Material, Call]]:
    """Each endpoint whose calls are followed, with a case that calls it."""
    if not subject.sink.follow:
        raise NotApplicable("follows no calls")
    needs_a_table(subject)
    found = []
    for endpoint in subject.sink.follow:
        of = _calling(subject, endpoint)
        calls = subject.said(of.signal, subject.config(**of.changes))
        found.append((endpoint, of, next(call for call in calls if call.endpoint == endpoint)))
    return found


def _calling(subject: Subject, endpoint: str) -> Material:
    calling = [
        case
        for case in subject.cases
        if case.calls and any(call.get("endpoint", "default") == endpoint for call in case.calls)
    ]
    if not calling:
        raise Broken(f"cases/: no case calls the endpoint {endpoint!r}, whose calls are followed")
    try:
        return material(subject, among=calling)
    except Broken:  # none of them by itself: what must come before is told before
        return Material(calling[0].signal, calling[0].changes)


def _with_what_comes_before(subject: Subject, of: Material) -> tuple[AnySignal, ...]:
    return (*(each for each in before(of.signal) if type(each.payload) in subject.table), of.signal)


@behaviour("8.9", "what is followed comes to an end")
def comes_to_an_end(subject: Subject) -> None:
    """A call of a followed endpoint MUST be delivered at the stand-in after a bounded number of questions, the same
    ones every time, none of them under the call's own key."""
    for endpoint, of, call in _followed(subject):
        config, at = subject.config(**of.changes), of.signal.occurred_at.timestamp() + 60
        asked: list[list[Call]] = []
        for _ in range(2):
            stand_in = subject.stand_in()
            put, heard = borrowed(subject, config, stand_in, of.signal), list[Call]()
            told = _with_what_comes_before(subject, of)
            for nth, each in enumerate(call for signal in told for call in subject.said(signal, config)):
                try:
                    verdict, answer = taken(subject.sink, config, stand_in, each, at + 60 * nth, put, heard)
                except RecursionError as endless:
                    raise Broken(f"sink.py: {endless}") from endless
                expect(verdict is Verdict.DELIVERED, f"sink.py: {each.says!r}, followed, ends with {answer.status}")
            asked.append(heard)
        expect(asked[0] == asked[1], f"sink.py: following a call to {endpoint!r} asks other questions the second time")
        own = [each for each in asked[0] if each.key == call.key]
        expect(not own, f"sink.py: following a call to {endpoint!r} asks under the call's own key")


@behaviour("8.10", "no answer to what is followed is too strange")
def no_answer_is_too_strange(subject: Subject) -> None:
    """A function of `follow` MUST take any answer, as the first one and as a later one, and give a verdict, the next
    thing to ask, or `None`."""
    for endpoint, _, call in _followed(subject):
        for answer in strange_answers():
            for answers in ([answer], [Answer(200, {}, b"{}"), answer], [answer, answer, answer]):
                where = f"sink.py: following a call to {endpoint!r}, answered {answer.status} {answer.body[:40]!r},"
                try:
                    said = subject.sink.follow[endpoint](call, answers)
                except Exception as error:
                    raise Broken(f"{where} raises {type(error).__name__}") from error
                expect(said is None or isinstance(said, Ask | Verdict), f"{where} gives {type(said).__name__}")


@behaviour("8.11", "a question without an answer delivers nothing")
async def silence_delivers_nothing(subject: Subject) -> None:
    """While what follows a call is not answered, the call MUST NOT count as delivered, nor as refused; when it is, the
    call MUST be finished."""
    subject = subject.unbatched()
    for endpoint, of, _ in _followed(subject):
        async with stage(subject, of.signal, **of.changes) as on:
            told = _with_what_comes_before(subject, of)
            own = set(on.keys(told))
            on.platform.script = _silent_after(own)
            on.log.say(*told)
            on.start()
            await on.passes(120)
            asked = [each for each in on.platform.sent if each.call.key not in own]
            if not asked:
                continue  # its first answer is the last word here
            expect(not on.log.is_done, f"sink.py: a call to {endpoint!r} counts as finished, unanswered")
            expect(not on.log.parked, f"sink.py: a call to {endpoint!r} was parked because nobody answered")
            on.platform.script = obedient
            await on.done("what follows a call, once it is answered")
            expect(not on.log.parked, f"sink.py: a call to {endpoint!r} was parked after it was answered")


def _silent_after(own: set[str]) -> Script:
    async def script(call: Call, before: int) -> Answer | None:
        return None if call.key in own else GONE

    return script
