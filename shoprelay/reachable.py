"""Whether a platform takes an account in: settings and secrets, tried with its cheapest harmless call."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from shoprelay.settings import Account
from sinks.contract import Answer, Verdict, classify
from streams.delivery.clock import SystemClock
from streams.delivery.http import HttpTransport, Transport
from streams.delivery.token import borrowing

MEANS = {
    Verdict.DELIVERED: "takes us in",
    Verdict.THROTTLED: "is there, and asks for patience: too many calls just now",
    Verdict.UNAVAILABLE: "does not answer as it should: look at its status page and at the network, then try again",
    Verdict.MISCONFIGURED: "does not take us in: check the secret, what it is allowed to do, and the address",
    Verdict.REJECTED: "refuses the call that changes nothing: look at what it says, and at the settings",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """`asked` is false where there is nothing harmless to ask."""

    said: str
    fine: bool
    asked: bool = True


async def reach(account: Account, transport: Transport | None = None) -> Finding:
    sink, config = account.sink, account.config
    valid = "its settings are valid; nothing was asked, for"
    if sink.check is None:
        return Finding(f"{valid} it has no call that changes nothing", True, False)
    if sink.token is not None and sink.token.once and sink.token.given(config) is None:
        return Finding(f"{valid} asking would register this account, which the sink does when it starts", True, False)
    call = sink.check(config)
    http = transport or HttpTransport(sink.base_url(config), lambda: sink.headers(config), sink.answer_limit, 1)
    known = borrowing(http, sink.token, config, SystemClock())
    try:
        async with asyncio.timeout(sink.timeout_seconds):
            answer = await known.send(call)
    except TimeoutError:
        answer = Answer(0, fault="timeout")
    finally:
        await known.close()
    verdict = classify(answer, sink.rules)
    heard = f"answered {answer.status}" if answer.status else f"no answer: {answer.fault}"
    fine = verdict in (Verdict.DELIVERED, Verdict.THROTTLED)
    return Finding(f"{MEANS[verdict]} ({call.says}: {heard})", fine)
