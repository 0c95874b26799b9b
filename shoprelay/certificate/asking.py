"""One call to a stand-in, without HTTP and without the runner."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from pydantic import BaseModel

from sinks.contract import Answer, Ask, Call, Sink, Verdict, classify
from sinks.fake import Received, StandIn

MOST_ASKS = 100
PutOn = Callable[[Call], Call]  # puts a lent token on


def taken(
    sink: Sink,
    config: BaseModel,
    stand_in: StandIn,
    call: Call,
    at: float,
    put: PutOn,
    heard: list[Call] | None = None,
) -> tuple[Verdict, Answer]:
    """What becomes of one call at a stand-in, followed to its end. `put` puts a lent token on; `heard` gets what was
    asked on the way. Raises `RecursionError` when it never ends."""
    answers = [asked(sink, config, stand_in, put(call), at)]
    follow = sink.follow.get(call.endpoint)
    for _ in range(MOST_ASKS):
        verdict = classify(answers[-1], sink.rules)
        if follow is None or verdict in (Verdict.THROTTLED, Verdict.UNAVAILABLE):
            return verdict, answers[-1]
        said = follow(call, answers)
        if not isinstance(said, Ask):
            return said or verdict, answers[-1]
        at += max(said.seconds, 1.0)
        if heard is not None:
            heard.append(said.call)
        answers.append(asked(sink, config, stand_in, put(said.call), at))
    raise RecursionError(f"following a call to {call.endpoint!r} asks {MOST_ASKS} times without coming to an end")


def asked(sink: Sink, config: BaseModel, stand_in: StandIn, call: Call, at: float) -> Answer:
    """One call to a stand-in, without HTTP. `at` is in seconds since 1970."""
    given = {**({} if call.bare else sink.headers(config)), **dict(call.headers)}
    whole = call.path if "://" in call.path else sink.base_url(config).rstrip("/") + call.path
    parts = urlsplit(whole)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lower = {name.lower(): value for name, value in given.items()}
    reply = stand_in.answer(Received(at, call.method, path, lower, call.body))
    told = {"content-type": reply.content_type} | {name.lower(): value for name, value in reply.headers.items()}
    return Answer(reply.status, told, reply.body)
