"""Chapter 8, sequences: calls that wait for another one."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace as replace_struct

from schemas.signals import AnySignal, Signal
from shoprelay.certificate.behaviour import NotApplicable, behaviour, expect, needs_a_table
from shoprelay.certificate.material import another, before, material
from shoprelay.certificate.platform import always
from shoprelay.certificate.rehearsal import stage
from shoprelay.certificate.subject import Subject
from sinks.contract import Answer

REFUSED = Answer(400, {}, b'{"why":"no such order"}')


def _dependant(subject: Subject) -> tuple[AnySignal, AnySignal, dict[str, Any]]:
    """The signal that opens and the one whose call needs it, of the same customer, and their settings."""
    needs_a_table(subject)
    for case in subject.cases:
        config = subject.config(**case.changes)
        signal = another(case.signal, 1)
        told = before(signal)
        if case.calls and told and any(call.needs for call in subject.said(signal, config)):
            return told[0], signal, case.changes
    raise NotApplicable("no call needs another one")


def _of_the_same(needing: AnySignal, other: AnySignal) -> tuple[AnySignal, ...]:
    """Something else of the same customer; nothing when it is about a product."""
    if not (isinstance(needing, Signal) and isinstance(other, Signal)):
        return ()
    return (replace_struct(other, customer=needing.customer),)


@behaviour("8.8", "who needs a parked call waits behind it")
async def waits_behind_it(subject: Subject) -> None:
    """While a call that opens something is parked, a call of the same customer that needs it MUST be parked behind it,
    unsent; everything else of the customer MUST go on."""
    opening, needing, changes = _dependant(subject)
    subject = subject.unbatched()
    other = _of_the_same(needing, material(subject).of(1, 7))
    async with stage(subject, needing, **changes) as on:
        needed = {call.needs for call in subject.said(needing, on.config)}
        openers = [call for call in subject.said(opening, on.config) if call.opens in needed]
        if not openers:
            return  # 3.13 says so
        (opener, *_) = openers
        on.platform.script = always(REFUSED, opener.key)
        on.log.say(opening, needing, *other)
        on.start()
        await on.done("a refused order, what depends on it, and what does not")
        waiting = [call.key for call in subject.said(needing, on.config) if call.needs == opener.opens]
        sent = [key for key in waiting if on.platform.attempts(key)]
        expect(not sent, f"{sent} left, though {opener.opens!r} is parked")
        parked = {each.call_key: each.behind for each in on.log.parked}
        expect(opener.key in parked, f"{opener.says!r} was refused, and is not parked")
        behind = [key for key in waiting if parked.get(key) is None]
        expect(not behind, f"{behind} do not wait behind {opener.opens!r}")
        missing = set(on.keys(other)) - set(on.delivered())
        expect(not missing, f"{missing} were held up, which need nothing that is parked")
