"""A sink is a value: what we tell a platform, when, under which key, how fast, and what its answers mean.

The runner in `streams.delivery` is the only one that acts on it; a platform folder holds no I/O of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

import msgspec
from pydantic import BaseModel

from schemas.signals import CartAbandoned, CatalogSignal, Conclusion, Signal
from sinks.answers import USUAL, Answer, Rule, Verdict, classify, deciding

__all__ = [
    "USUAL", "Answer", "Ask", "Batch", "Call", "Calls", "CannotSay", "CatalogCalls", "Dedupe", "Follow", "Kind",
    "Limit", "Mass", "Rule", "Sink", "Token", "Unaddressable", "Verdict", "classify", "deciding", "load",
]  # fmt: skip


class Dedupe(Enum):
    """Whether a repeat with the same key is stored once. README's table of platforms is made from this."""

    BY_KEY = "the platform keeps one per key"
    UPSERT = "a repeat overwrites itself"
    LOOKED_FOR = "what is there is found, and not made again"
    NONE = "a repeat is stored twice"


class Call(msgspec.Struct, frozen=True):
    """One complete request to one platform. Same signal, same config: same bytes and same key, on every attempt.

    `says` is the platform's word for it ("Placed Order"), a bounded set: it labels metrics. `path` is appended to the
    sink's base URL, unless it is a whole URL. `key` identifies this call for ever; where the platform has a place for
    it, it is in `body` too. `endpoint` names the budget it draws from, `cost` what it takes there.

    `opens` names something that only this call makes known to the platform ("order 17"); a later call of the same
    customer that `needs` it cannot pass before. While the one is parked, the other waits behind it, parked as well, and
    both are sent again in their order; everything else of the customer goes on.

    A `bare` call goes to somebody else, a file store say: without the sink's headers and token, and judged by the usual
    rules alone. `then` is what `Sink.follow` must know to go on after the answer; it never leaves.
    """

    says: str
    method: str
    path: str
    body: bytes
    key: str
    endpoint: str = "default"
    headers: tuple[tuple[str, str], ...] = ()
    cost: int = 1
    opens: str = ""
    needs: str = ""
    bare: bool = False
    then: bytes = b""


class CannotSay(Exception):
    """This signal should become a call and cannot: parked with this reason. Name the field, never its value."""


class Unaddressable(Exception):
    """Nobody to tell: the customer has no address this platform could use. Counted, not parked."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` in any `seconds` for the calls of this `endpoint`, each weighing its `cost`. All limits of an
    endpoint hold at once; "*" is a limit of all endpoints together."""

    endpoint: str
    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Token:
    """What a platform lends for a while. `ask(config)` is the call that gets one; `read(answer)` takes from its answer
    the token and for how many seconds it is valid, or `None` when it holds none. `headers(token)` puts it on every
    call; `onto(call, token)` does where it has its place in the body. An answer for which `expired` holds is met by
    one renewal and one more attempt. An asking that is refused holds the sink: the settings are wrong. Calls for
    which `wanted` does not hold leave without it. Where the settings hold a token already, `given(config)` is that
    one, and nobody is asked.

    `once`: it is given out at registration, for ever. It is kept durably and encrypted, nobody asks for it twice, and
    it is forgotten when a call that says one of `given_back` was delivered; from then on nothing is told until the shop
    says `StoreConnected` again. Said once more because the answer was lost, such a call counts as taken in when the
    platform does not know the token (`expired`)."""

    ask: Callable[[Any], Call]
    read: Callable[[Answer], tuple[str, float] | None]
    headers: Callable[[str], Mapping[str, str]] = lambda token: {}
    onto: Callable[[Call, str], Call] = lambda call, token: call
    expired: Callable[[Answer], bool] = lambda answer: answer.status == 401
    wanted: Callable[[Call], bool] = lambda call: True
    given: Callable[[Any], str | None] = lambda config: None
    once: bool = False
    given_back: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ask:
    """One more call before there is a verdict, after so many seconds: how a job goes, say. It is asked again when
    nobody answers; with `repeats=False` never, all begins anew with the call itself: for what would be made twice."""

    call: Call
    seconds: float = 0.0
    repeats: bool = True


@dataclass(frozen=True, slots=True)
class Batch:
    """How calls of one endpoint travel together once `from_items` of them wait; fewer go one by one, at once.

    `join(calls)` is the one request for all of them, in their order, with `budget` as its endpoint; its key is not
    looked at. `read(calls, answers)` is asked after every answer, all so far given, oldest first: one verdict per call;
    or the next thing to `Ask`; or `None` when what was answered is said of the whole. Then the last answer's verdict
    holds for each item, and a REJECTED batch is halved until the bad item stands alone. Both are pure. What is said
    against one item is suspicion: it goes alone next, and the answer to its own call counts. Except THROTTLED: it was
    not taken in because of others, and goes again at once, which is no attempt.

    `most_bytes` bounds the sum of the bodies joined. `in_flight` is how many batches may be under way. `repeats=False`
    when the platform refuses a batch with an item it has seen: what may have arrived already then goes one by one, and
    so do those of a batch that is refused as a whole. `one_per_customer` when the order within a request is not kept.
    """

    endpoint: str
    budget: str
    join: Callable[[Sequence[Call]], Call]
    read: Callable[[Sequence[Call], Sequence[Answer]], tuple[Verdict, ...] | Ask | None]
    most_items: int
    most_bytes: int
    from_items: int = 10
    in_flight: int = 2
    repeats: bool = True
    one_per_customer: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of what is told at the beginning: its name, and the items that one customer or product gives; none
    when it has nothing of this kind, or nothing the platform could take. What raises is parked. Pure. An item is JSON,
    as `sinks.body` writes it.

    "customers" and "products" are as the worker knows them now: of orders, the last few of who was here lately.
    "orders" are all that the log holds, one after the other, each as a `KnownCustomer` of one order."""

    name: str
    of: Literal["customers", "products", "orders"]
    items: Callable[[Any, Any], tuple[Mapping[str, Any], ...]]  # (KnownCustomer or Product, config)


@dataclass(frozen=True, slots=True)
class Mass:
    """Everything known when the account is connected, told once, in the background and beside what is live: one kind
    after the other, in parts of `part_items(config)` items, each part accepted before the next one leaves. It goes on
    where it was after a crash. `join(kind, items, config)` is the call of one part; `kinds(config)` in their order.
    Signals of history (`priority: backfill`) are left to it: told one by one they would look as if they happened now.
    Import history before the account is connected, or have it told once more with `shoprelay retell`."""

    kinds: Callable[[Any], tuple[Kind, ...]]
    join: Callable[[Kind, Sequence[Mapping[str, Any]], Any], Call]
    part_items: Callable[[Any], int] = lambda config: 100


Calls = Callable[[Signal, Any], tuple[Call, ...]]
CatalogCalls = Callable[[CatalogSignal, Any], tuple[Call, ...]]
Follow = Callable[[Call, Sequence[Answer]], Verdict | Ask | None]


@dataclass(frozen=True, slots=True)
class Sink:
    """One platform, on one screen.

    `config` is the pydantic model of its settings (`extra="forbid"`, secrets as `SecretStr`). `headers(config)` gives
    auth and fixed headers, added to every call at the moment of sending, never stored. `calls` maps a signal's payload
    class to a pure function `(signal, config) -> calls`; a signal that is not in the table is not told to this
    platform. `catalog` is the same table for what becomes of products: those signals come product by product, in the
    order of each product's log, beside the customers' own.

    `follow` is for calls whose answer only begins something, by endpoint. It is asked after each answer but those that
    ask for patience (THROTTLED, UNAVAILABLE, silence), all so far given, oldest first, and says the verdict, the next
    thing to `Ask`, or `None`: then the rules judge the last answer. It is pure. Until it has spoken the next call of
    the customer (or product) waits; a death in between begins with the call again.

    `kept` are the endpoints whose exact bytes are kept durably before they leave for the first time, so that every
    repeat sends those, whatever was released or set meanwhile; parked and sent again, too. `mass` is what is told once,
    at the beginning.
    `check` is the cheapest call that proves settings and secrets and changes nothing; `None` where there is none.

    `reminders` are the payloads that must not leave once something newer is known about that cart.
    `reserve` is the share of limits and slots that history (`priority: backfill`) leaves to what is live.
    `answer_limit` is how many bytes of an answer are read. `throttled_seconds` is what a 429 asks for that names no
    time; 0 leaves it to the back-off.
    """

    name: str
    config: type[BaseModel]
    base_url: Callable[[Any], str]
    headers: Callable[[Any], Mapping[str, str]]
    calls: Mapping[type[Conclusion], Calls]
    dedupe: Dedupe
    catalog: Mapping[type[Conclusion], CatalogCalls] = field(default_factory=dict)
    follow: Mapping[str, Follow] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    mass: Mass | None = None
    check: Callable[[Any], Call] | None = None
    rules: tuple[Rule, ...] = ()
    limits: tuple[Limit, ...] = ()
    token: Token | None = None
    batches: tuple[Batch, ...] = ()
    reserve: float = 0.2
    max_in_flight: int = 64
    timeout_seconds: float = 30.0
    answer_limit: int = 65_536
    throttled_seconds: float = 0.0
    reminders: frozenset[type[Conclusion]] = frozenset({CartAbandoned})
    tells: str = ""  # one line for README's table: what is told, and when

    def rules_for(self, call: Call) -> tuple[Rule, ...]:
        """Those that come before the usual ones: none for a call that goes to somebody else."""
        return () if call.bare else self.rules

    @property
    def remembers(self) -> bool:
        """Whether something about it has to outlive every process: it needs a place to keep that, and a key."""
        return bool(self.kept) or self.mass is not None or (self.token is not None and self.token.once)


def load(name: str) -> Sink:
    """`sinks.<name>.sink.SINK`. Raises `LookupError` naming the sinks there are."""
    from importlib import import_module
    from pathlib import Path

    known = sorted(p.parent.name for p in Path(__file__).parent.glob("*/sink.py"))
    if name not in known:
        raise LookupError(f"no sink {name!r}; there are: {', '.join(known)}")
    sink: Sink = import_module(f"sinks.{name}.sink").SINK
    return sink
