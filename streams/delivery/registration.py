"""The token that a platform gives out once, for ever: asked for once in the life of a connection, then given back.

What is kept in partition 0: the `connection` (the signal that began or ended it), and the `token` with the name of the
connection it belongs to. So a token that somebody wrote down too late, when the shop had left already, is none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
import structlog
from aiokafka.errors import KafkaError

from sinks.contract import Answer, Call, Token
from streams.delivery.kept import Kept, Unreadable
from streams.delivery.pace import Random, jittered
from streams.delivery.settings import Backoff
from streams.delivery.unlent import Unlent

log = structlog.get_logger("shoprelay.delivery")
OWNED = 0  # who owns this partition of the signals speaks for all processes
CONNECTION, TOKEN = b"connection", b"token"
LOOK_SECONDS = 2.0  # between two looks for what another process has to write
SELDOM_SECONDS = 10.0  # the same, while nothing is missing
LEFT = Answer(0, fault="connect")  # what stands for an answer when there is nobody to talk to any more


class Place(NamedTuple):
    """Where a signal stands, and when its fact was, in milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    at: int


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """`there`: begun by the signal at this place, or from the beginning; otherwise ended by it."""

    there: bool = True
    topic: str = ""
    partition: int = 0
    offset: int = -1
    at: int = 0

    @property
    def name(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    def is_before(self, place: Place) -> bool:
        """Whether a signal speaks of what came after. Told again after a crash, an older one does not."""
        if (self.topic, self.partition) == (place.topic, place.partition):
            return self.offset < place.offset
        return self.at < place.at


class Lent(msgspec.Struct, frozen=True):
    connection: str
    token: str


class Registration:
    """`send` asks the platform, and never raises. `alone` says whether all partitions are ours, so that nobody else
    writes. Nothing is asked before `own` and `read`."""

    def __init__(
        self,
        token: Token,
        config: Any,
        kept: Kept,
        send: Callable[[Call], Awaitable[Answer]],
        backoff: Backoff,
        timeout_seconds: float,
        random: Random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token = token
        self._config = config
        self._kept = kept
        self._send = send
        self._backoff = backoff
        self._timeout = timeout_seconds
        self._random = random
        self._monotonic = monotonic
        self._given = token.given(config)
        self._lent: str | None = None
        self._connection = Connection()
        self._owner = self._known = False
        self._term = 0  # of owning, so that what was read in an earlier one does not count
        self._writing = asyncio.Lock()
        self._asking: asyncio.Task[Answer | None] | None = None
        self._looked_at = float("-inf")
        self.alone = False

    # -- what is so

    @property
    def connected(self) -> bool:
        return self._connection.there

    @property
    def began(self) -> str | None:
        """The name of the connection for which there is a token; `None` while there is none."""
        return self._connection.name if self.connected and self._value is not None else None

    @property
    def _value(self) -> str | None:
        return self._given or self._lent

    def gives_back(self, calls: tuple[Call, ...] | None) -> bool:
        return any(call.says in self._token.given_back for call in calls or ())

    def is_given_back(self, call: Call, answer: Answer) -> bool:
        """Whether it was already, and only the answer was lost: the platform does not know the token any more."""
        own = answer.fault is None and not isinstance(answer, Unlent)
        return own and self.gives_back((call,)) and self._token.expired(answer)

    def comes_back(self, place: Place) -> bool:
        return not self.connected and self._connection.is_before(place)

    def is_past(self, place: Place) -> bool:
        """Whether the connection began after this signal: its leave-taking is that of an earlier one."""
        return not self._connection.is_before(place)

    # -- partitions come and go

    def own(self, owner: bool) -> None:
        self._owner, self._known = owner, False
        self._term += 1

    async def read(self) -> None:
        """Learns what is kept. Raises what `Kept.read` raises."""
        term = self._term
        async with self._writing:
            self._looked_at = self._monotonic()
            values = (await self._kept.read([OWNED]))[OWNED]
            told = values.get(CONNECTION)
            self._connection = msgspec.json.decode(told, type=Connection) if told else Connection()
            lent = msgspec.json.decode(values[TOKEN], type=Lent) if TOKEN in values else None
            self._lent = lent.token if lent and self.connected and lent.connection == self._connection.name else None
            if self._owner and term == self._term:
                self._known = True
                if lent and self._lent is None:  # somebody died before it was forgotten, or wrote it down too late
                    await self._kept.delete(OWNED, TOKEN)

    async def finish(self, seconds: float) -> None:
        """The asking under way has so long to end, and to be written down; then somebody else may ask."""
        if self._asking is not None:
            await asyncio.wait([self._asking], timeout=seconds)
        self.own(False)

    # -- the token

    async def lent(self) -> str | Answer:
        """The token, or the answer that stands for the call's own."""
        while self.connected:
            if self._value is not None:
                return self._value
            if self._owner and self._known:
                if (failed := await self._asked()) is not None:
                    return failed
            else:
                await self._look()
        return LEFT

    async def other_than(self, refused: str) -> str | None:
        """What somebody else was given meanwhile, after a token was refused."""
        if not self.alone:
            await self._look(LOOK_SECONDS)
        return self._value if self.connected and self._value != refused else None

    async def _look(self, fresh: float = 0.0) -> None:
        """Reads again, at a bounded pace; not when it was `fresh` seconds ago."""
        last = self._looked_at
        since = self._monotonic() - last
        if since < fresh:
            return
        await asyncio.sleep(max(0.0, LOOK_SECONDS - since))
        if self._looked_at != last:
            return  # somebody else has looked
        self._looked_at = self._monotonic()
        try:
            await self.read()
        except (KafkaError, Unreadable) as away:
            log.warning("cannot read what is kept; trying again", error=type(away).__name__)

    async def _asked(self) -> Answer | None:
        """One asking for all who wait, and no call's end is its own: what the platform gave must not be lost."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(self._has_asked)
        return await asyncio.shield(self._asking)

    def _has_asked(self, asking: asyncio.Task[Answer | None]) -> None:
        self._asking = None
        if not asking.cancelled():
            asking.exception()  # who waited for it has heard

    async def _ask(self) -> Answer | None:
        connection = self._connection.name
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._send(self._token.ask(self._config))
        except TimeoutError:
            answer = Answer(0, fault="timeout")
        accepted = answer.fault is None and 200 <= answer.status < 300
        lent = self._token.read(answer) if accepted else None
        if lent is None:
            log.warning("no token was given", status=answer.status, fault=answer.fault)
            # A 2xx without a token is not the delivery of anything.
            return Unlent.by(Answer(502, fault="protocol") if accepted else answer)
        async with self._writing:
            await self._lasting(TOKEN, msgspec.json.encode(Lent(connection, lent[0])))
            if self.connected and self._connection.name == connection:
                self._lent = lent[0]
        return None

    async def _lasting(self, key: bytes, value: bytes) -> None:
        """The platform gives it out only once: we hold the only copy, and try until it is written."""
        failures = 0
        while True:
            try:
                return await self._kept.put(OWNED, key, value)
            except Exception as error:
                failures += 1
                log.error("cannot keep the token; trying until it works", error=type(error).__name__)
                await asyncio.sleep(jittered(self._backoff, failures, self._random))

    # -- the shop leaves, and comes back

    async def give_back(self, place: Place) -> None:
        """Forgets the token, durably. Raises what the topic raises; doing it twice does no harm."""
        await self._become(Connection(there=False, **place._asdict()))
        await self._kept.delete(OWNED, TOKEN)

    async def connect(self, place: Place) -> None:
        """A new connection, durably, without a token yet."""
        await self._become(Connection(**place._asdict()))

    async def _become(self, connection: Connection) -> None:
        async with self._writing:
            await self._kept.put(OWNED, CONNECTION, msgspec.json.encode(connection))
            self._connection, self._lent = connection, None

    # -- what goes on all the time

    async def keep_up(self) -> None:
        """Asks without being asked, and learns what other processes wrote."""
        failures = 0
        while True:
            wait = LOOK_SECONDS if self.began is None else SELDOM_SECONDS
            if self._owner and self._known and self.connected and self._value is None:
                failures = failures + 1 if isinstance(await self.lent(), Answer) else 0
                wait = max(wait, jittered(self._backoff, failures, self._random) if failures else 0.0)
            elif not self.alone:
                await self._look()
            await asyncio.sleep(wait)
