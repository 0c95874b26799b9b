"""A source's requests over the transport that delivery uses, with the token that its platform lends."""

from __future__ import annotations

from typing import Any

from sinks.contract import Call, Token
from sources.contract import Lent, Request, Source
from streams.delivery.clock import Clock
from streams.delivery.http import HttpTransport, Transport
from streams.delivery.token import borrowing

CONNECTIONS = 2  # one request at a time, and the one for a token


def as_call(request: Request) -> Call:
    return Call(
        says=request.says, method=request.method, path=request.path, body=request.body, key="",
        endpoint=request.endpoint, headers=request.headers, cost=request.cost, bare=request.bare,
    )  # fmt: skip


def transport_of(source: Source, config: Any, clock: Clock) -> Transport:
    http = HttpTransport(source.base_url(config), lambda: source.headers(config), source.answer_limit, CONNECTIONS)
    return lending(http, source.lent, config, clock)


def lending(inner: Transport, lent: Lent | None, config: Any, clock: Clock) -> Transport:
    return borrowing(inner, _token(lent) if lent else None, config, clock)


def _token(lent: Lent) -> Token:
    return Token(
        ask=lambda config: as_call(lent.ask(config)), read=lent.read, headers=lent.headers, expired=lent.expired
    )
