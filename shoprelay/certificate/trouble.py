"""Chapter 7: trouble. Whatever the platform does, a call is delivered, held or parked."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

from shoprelay.certificate.behaviour import NotApplicable, behaviour, expect, needs_a_table
from shoprelay.certificate.material import another, material
from shoprelay.certificate.platform import Script, always, at_first, obedient, silent_at_first
from shoprelay.certificate.rehearsal import Stage, stage
from shoprelay.certificate.subject import Subject
from sinks.contract import Answer, Call
from streams.delivery import GiveUp

MINUTE, HOUR = 60.0, 3600.0
DOWN, MAINTENANCE = Answer(503), Answer(503, {}, b"down for maintenance")
REFUSED, ALL_REFUSED = Answer(400, {}, b'{"why":"no such thing"}'), Answer(400, {}, b'{"why":"nothing of it"}')
DENIED, EXPIRED = Answer(401), Answer(401, {}, b'{"why":"the key has expired"}')
LONGEST_TIMEOUT = 120.0


async def _throttled(subject: Subject, wait: str | None, seconds: float) -> None:
    """`wait` is the header; without it, the date `seconds` after the answer."""
    subject = subject.unbatched()
    of = material(subject)
    async with stage(subject, of.signal, **of.changes) as on:
        asked = wait or format_datetime(on.clock.wall() + timedelta(seconds=seconds), usegmt=True)
        signal = of.of(1)
        on.platform.script = at_first(Answer(429, {"retry-after": asked}))
        on.log.say(signal)
        on.start(give_up_after=GiveUp(attempts=1, seconds=0))
        await on.done(f"a call told to wait for {asked}")
        first, second, *_ = [each for each in on.sent if each.call.key == on.keys([signal])[0]]
        waited = second.at - first.at
        expect(
            seconds - 1.5 <= waited <= seconds + MINUTE,
            f"Retry-After: {asked} asks for {seconds:.0f} s; it waited {waited:.1f} s",
        )
        expect(not on.log.parked, "a call that came too fast was parked: that is no fault of the call")


@behaviour("7.1", "Retry-After in seconds is kept")
async def retry_after_in_seconds(subject: Subject) -> None:
    """After a 429 a call to that endpoint MUST NOT leave before the seconds it names are over, and it MUST NOT count as
    an attempt."""
    await _throttled(subject, "37", 37)


@behaviour("7.2", "Retry-After as a date is kept")
async def retry_after_as_a_date(subject: Subject) -> None:
    """The same MUST hold where `Retry-After` is an HTTP date."""
    await _throttled(subject, None, 90)


@behaviour("7.3", "no answer is not waited for in vain")
async def no_answer(subject: Subject) -> None:
    """A call without an answer MUST be sent again after `timeout_seconds`, which MUST be at most 120."""
    subject = subject.unbatched()
    seconds = subject.sink.timeout_seconds
    expect(
        0 < seconds <= LONGEST_TIMEOUT, f"sink.py: timeout_seconds is {seconds}; it must be more than 0, at most 120"
    )
    of = material(subject)
    async with stage(subject, of.signal, **of.changes) as on:
        on.platform.script = silent_at_first()
        on.log.say(of.of(1))
        on.start()
        await on.done("a call that was not answered at first")
        expect(on.sent[1].at - on.sent[0].at >= seconds * 0.9, "it did not wait for the answer")
        expect(not on.log.parked, "a call that got no answer was parked")


@behaviour("7.4", "an outage is waited for")
async def an_outage_is_waited_for(subject: Subject) -> None:
    """While nobody gets through, calls MUST NOT be parked or committed, and the platform MUST NOT be hammered;
    afterwards everything MUST arrive."""
    subject = subject.unbatched()
    of = material(subject)
    async with stage(subject, of.signal, **of.changes) as on:
        signals = of.many(20)
        on.platform.script = always(MAINTENANCE)
        on.log.say(*signals)
        process = on.start(give_up_after=GiveUp(attempts=3, seconds=MINUTE))
        await on.passes(HOUR / 2)
        expect(not on.log.parked, "calls were parked while the platform was down")
        expect(not on.log.progress, "calls that never arrived count as finished")
        expect(len(on.sent) < 20 * 20 + HOUR / 20, f"a platform that is down was asked {len(on.sent)} times in 30 min")
        expect(process.delivery.health().ready, "not ready, though nothing is ours to repair")
        on.platform.script = obedient
        await on.done("what an outage held up")
        expect(set(on.delivered()) == set(on.keys(signals)), "not everything arrived after the outage")


@behaviour("7.5", "a wrong key holds")
async def a_wrong_key_holds(subject: Subject) -> None:
    """After a 401 nothing MUST leave but a probe now and then, nothing MUST be parked, and the process MUST say that it
    is not ready; when the key is right it MUST go on."""
    subject = subject.unbatched()
    of = material(subject)
    async with stage(subject, of.signal, **of.changes) as on:
        signals = of.many(3, each=4)
        on.platform.script = always(EXPIRED)
        on.log.say(*signals)
        process = on.start()
        await on.passes(10 * MINUTE)
        expect(not on.log.parked and not on.log.progress, "calls were given up over a wrong key")
        expect(
            process.delivery.health().state == "held" and not process.delivery.health().ready,
            f"after a 401 it is {process.delivery.health().state}, not held",
        )
        later = [each for each in on.sent if each.at > MINUTE]
        expect(
            0 < len(later) <= 2 * 9 * 2 * (2 if subject.sink.token else 1),
            f"it asked {len(later)} times in nine minutes with a wrong key; a probe every 30 s is enough",
        )
        on.platform.script = obedient
        await on.done("what a wrong key held up")
        expect(set(on.delivered()) == set(on.keys(signals)), "not everything arrived when the key was right")


@behaviour("7.6", "a refused call is parked alone")
async def a_refused_call_is_parked_alone(subject: Subject) -> None:
    """A call that can never pass MUST be parked once, with its signal, request and answer, and everything before,
    beside and behind it MUST go on."""
    subject = subject.unbatched()
    of = material(subject)
    async with stage(subject, of.signal, **of.changes) as on:
        signals = of.many(3, each=3)
        (bad, *_) = subject.said(of.of(1, 1), on.config)
        on.platform.script = always(REFUSED, bad.key)
        on.log.say(*signals)
        on.start()
        await on.done("one refused call among good ones")
        _is_parked(on, bad, "rejected")
        parked = on.log.parked[0]
        expect((parked.status, parked.answer) == (REFUSED.status, REFUSED.body), "the answer is not kept with the call")
        expect(on.platform.attempts(bad.key) == 1, f"a refused call left {on.platform.attempts(bad.key)} times")


@behaviour("7.7", "poison is parked alone")
async def poison_is_parked_alone(subject: Subject) -> None:
    """A call that fails again and again while its neighbours get through MUST be parked in the end, and MUST hold up
    nobody else."""
    subject = subject.unbatched()
    of = material(subject)
    async with stage(subject, of.signal, **of.changes) as on:
        (bad, *_) = subject.said(of.of(0), on.config)
        on.platform.script = _all_but(bad)
        on.log.say(of.of(0), of.of(0, 1))
        on.start(give_up_after=GiveUp(attempts=4, seconds=MINUTE))
        for nth in range(40):
            on.log.say(of.of(1, nth + 1))
            await on.passes(20)
        await on.done("one call that always fails among good ones")
        _is_parked(on, bad, "gave_up")


def _all_but(bad: Call) -> Script:
    return always(DOWN, bad.key)


def _is_parked(on: Stage, bad: Call, reason: str) -> None:
    parked = on.log.parked
    told = set(on.keys(on.log.said()))
    expect(
        [each.call_key for each in parked] == [bad.key],
        f"{len(parked)} calls are parked; it should be the bad one alone",
    )
    kept = parked[0]
    whole = (kept.method, kept.path, kept.body, bool(kept.signal)) == (bad.method, bad.path, bad.body, True)
    expect(whole, "what is parked is not all that is needed to send it again")
    expect(kept.reason.startswith(reason), f"it is parked as {kept.reason!r}; it should be {reason}")
    after = _behind(on, bad)
    expect(told - set(on.delivered()) <= {bad.key, *after}, "good calls were held up by the bad one")


def _behind(on: Stage, bad: Call) -> set[str]:
    """The later calls of the same signal, which may depend on the bad one."""
    for signal in on.log.said():
        if bad.key in (keys := on.keys([signal])):
            return set(keys[keys.index(bad.key) :])
    return set()


@behaviour("7.8", "the brake holds before a thousand are parked")
async def the_brake_holds(subject: Subject) -> None:
    """When one call after the other is refused, the sink MUST hold: more likely we are wrong than all of them."""
    subject = subject.unbatched()
    of = material(subject)
    async with stage(subject, of.signal, **of.changes) as on:
        signals = of.many(60)
        on.platform.script = always(ALL_REFUSED)
        on.log.say(*signals)
        process = on.start()
        await on.passes(10 * MINUTE)
        expect(
            len(on.log.parked) <= 30, f"{len(on.log.parked)} of 60 calls were parked; a brake should hold from 20 on"
        )
        expect(process.delivery.health().state == "held", f"it is {process.delivery.health().state}, not held")


@behaviour("7.9", "what cannot be said is kept")
async def what_cannot_be_said(subject: Subject) -> None:
    """A signal refused with `CannotSay` MUST be parked with its reason; one refused with `Unaddressable` MUST be
    counted, and not parked."""
    needs_a_table(subject)
    cases = [case for case in subject.cases if case.unaddressable or case.cannot_say is not None]
    if not cases:
        raise NotApplicable("no case is refused")
    for case in cases:
        async with stage(subject.unbatched(), case.signal, **case.changes) as on:
            on.log.say(another(case.signal, 1))
            on.start()
            await on.done(f"cases/{case.path.name}")
            expect(not on.sent, f"cases/{case.path.name} is refused, and something was sent")
            reasons = [each.reason for each in on.log.parked]
            wanted = [] if case.unaddressable else [f"cannot_say: {case.cannot_say}"]
            expect(reasons == wanted, f"cases/{case.path.name} was parked as {reasons}, not as {wanted}")


@behaviour("7.10", "trouble shows no secret")
async def trouble_shows_no_secret(subject: Subject) -> None:
    """Whatever goes wrong, log lines, metrics and parked records MUST NOT hold a secret, nor a token that was lent."""
    subject = subject.unbatched()
    of = material(subject)
    troubles = (DOWN, Answer(0, fault="connect"), Answer(429), REFUSED), (DENIED,), (DOWN, DENIED)
    for answers in troubles:
        async with stage(subject, of.signal, **of.changes) as on:
            on.platform.script = at_first(*answers)
            on.log.say(*of.many(3))
            on.start()
            await on.done("calls after trouble")
            shown = on.everything_shown()
            for field, secret in {**subject.secrets, **on.platform.tokens()}.items():
                expect(secret not in shown, f"{field} shows in logs, metrics or parked records")
