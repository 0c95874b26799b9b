"""A source we must ask is a value: what is asked, how often, how fast, and how an answer becomes events.

The poller in `streams.polling` is the only one that acts on it; a source's folder holds no I/O of its own. A source
knows nothing of the platforms we tell: what it needs of a request and its answer is declared here once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic import BaseModel

from schemas.events import ShopEvent


class Answered(Protocol):
    """A complete answer: header names are in lower case. Only answers with a status from 200 to 299 are read."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def body(self) -> bytes: ...

    @property
    def document(self) -> Any:
        """The body as JSON; `None` when it is none."""

    def at(self, path: str) -> Any:
        """What stands at a place of the JSON body, `orders.0.id` for example; `None` when there is nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """One complete request. `path` is appended to the source's base URL, unless it is a whole URL.

    `says` is a word for it from a bounded set: it labels metrics. `endpoint` names the budget it draws from, `cost`
    what it takes there. `memo` is the source's own note on where in its round this request stands; it comes back with
    the answer, and goes nowhere else. `bare` leaves without auth and fixed headers: for addresses of somebody else.
    """

    says: str
    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    endpoint: str = "default"
    cost: int = 1
    memo: str = ""
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """One round of questions for one shop, begun `at` a time. `position` is what the source last said of how far it has
    read, in its own words; empty when it never has. Both stay the same through the round."""

    shop: str
    at: datetime
    position: bytes = b""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that is no event: put aside with its own bytes. `key` names it ("order 17"), `reason` is a short code from
    a bounded set; the sentences hold nothing of a person."""

    key: str
    row: bytes
    reason: str
    problem: str
    remedy: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Polled:
    """What one answer means.

    `events` and `unreadable` are durable before anything else happens. Then `position` is remembered when there is
    one: say it only where nothing lies behind that was not told. Then comes `next`, after so many `seconds`; without
    one the round is over. `trouble` says why this is no answer to the question, though its status was: nothing else of
    it counts, readiness says so, and the same is asked again later.
    """

    events: tuple[ShopEvent, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    position: bytes | None = None
    next: Request | None = None
    seconds: float = 0.0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` in any `seconds` for the requests of this `endpoint`, each weighing its `cost`; "*" is a limit of
    all endpoints together."""

    endpoint: str
    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Lent:
    """A token that the platform lends for a while: `ask(config)` is the request that gets one, `read(answer)` takes
    from its answer the token and for how many seconds it is valid, or `None`. `headers(token)` puts it on a request."""

    ask: Callable[[Any], Request]
    read: Callable[[Answered], tuple[str, float] | None]
    headers: Callable[[str], Mapping[str, str]]
    expired: Callable[[Answered], bool] = lambda answer: answer.status == 401


@dataclass(frozen=True, slots=True)
class Source:
    """One platform we ask, on one screen.

    `config` is the pydantic model of its settings (`extra="forbid"`, secrets as `SecretStr`). `headers(config)` gives
    auth and fixed headers, added to every request at the moment of sending. `begin(visit, config)` is the first
    question of a round, `read(visit, request, answer, config)` what its answer means; both are pure, and the same fact
    must become the same `event_id` however often it is read: a round that was cut off is asked again.

    `every` is how long it rests between two rounds, and the least there may be: settings can lengthen it only.
    """

    name: str
    config: type[BaseModel]
    base_url: Callable[[Any], str]
    headers: Callable[[Any], Mapping[str, str]]
    begin: Callable[[Visit, Any], Request]
    read: Callable[[Visit, Request, Answered, Any], Polled]
    every: timedelta
    limits: tuple[Limit, ...] = ()
    lent: Lent | None = None
    timeout_seconds: float = 30.0
    answer_limit: int = 16_000_000
    hears: str = ""  # one line for README: what is heard


def load(name: str) -> Source:
    """`sources.<name>.source.SOURCE`. Raises `LookupError` naming the sources there are."""
    from importlib import import_module
    from pathlib import Path

    known = sorted(p.parent.name for p in Path(__file__).parent.glob("*/source.py"))
    if name not in known:
        raise LookupError(f"no source {name!r}; there are: {', '.join(known)}")
    source: Source = import_module(f"sources.{name}.source").SOURCE
    return source
