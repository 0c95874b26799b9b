"""Appending with certainty: `append` returns when the broker has the record, and raises when that is not known in time.

Nothing is kept for later: a record that was not acked in time is given up, and the shop, which was told so, sends it
again. The broker may have it all the same; it then comes twice, which is harmless.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog
from confluent_kafka import KafkaException, Producer

log = structlog.get_logger("shoprelay.collector")
PUMP_SECONDS = 0.002  # between two looks for acks while anything is under way
PROBE_SECONDS = 2.0  # between two looks whether the broker is there while nothing is
PROBE_PATIENCE = 1.5
DISTRUST_SECONDS = 5.0  # after a failed append the word of the broker's metadata counts for nothing that long
BUFFER_KBYTES = 65_536


class NotAppended(Exception):
    """The broker has not got it, as far as is known. The message says why."""


class Appender:
    """One topic. To be used from one event loop, between `open` and `close`."""

    def __init__(self, options: dict[str, Any], topic: str, *, within: float, waiting: int) -> None:
        self._producer = Producer(
            {
                "log_level": 0,
                "partitioner": "murmur2_random",  # as every other client here
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 2,
                "compression.type": "zstd",
                "message.max.bytes": 8 << 20,
                "delivery.timeout.ms": int(within * 1000),
                "request.timeout.ms": int(within * 1000),
                "socket.timeout.ms": max(int(within * 1000), 1000),
                "queue.buffering.max.messages": waiting,
                "queue.buffering.max.kbytes": BUFFER_KBYTES,
                "reconnect.backoff.max.ms": 500,
                **options,
            }
        )
        self._topic, self._within = topic, within
        self._waiting: set[asyncio.Future[None]] = set()
        self._stirred = asyncio.Event()
        self._tasks: Sequence[asyncio.Task[None]] = ()
        self._trouble: str | None = "the broker was not asked yet"
        self._distrusted_until = 0.0
        self._acked_at = 0.0
        self.took: deque[float] = deque(maxlen=512)  # seconds of the last appends

    @property
    def trouble(self) -> str | None:
        """Why appends do not pass; None while they do."""
        return self._trouble

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def open(self) -> None:
        self._tasks = (asyncio.create_task(self._pump()), asyncio.create_task(self._watch()))

    async def close(self) -> None:
        """Waits for what is under way, at most as long as an append may take."""
        if self._waiting:
            await asyncio.wait(set(self._waiting), timeout=self._within + 0.5)
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def append(self, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Raises NotAppended: at once when too many wait already, else within the time an append may take."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        began = time.monotonic()

        def acked(error: Any, _: Any) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(NotAppended(str(error.str())))

        try:
            self._producer.produce(self._topic, key=key, value=value, headers=headers, on_delivery=acked)
        except BufferError:
            raise NotAppended("too many deliveries wait for the broker") from None
        except KafkaException as refused:
            raise self._failed(str(refused.args[0].str())) from None
        self._waiting.add(done)
        self._stirred.set()
        try:
            async with asyncio.timeout(self._within):
                await done
        except NotAppended as lost:
            raise self._failed(str(lost)) from None
        except TimeoutError:
            raise self._failed("the broker did not answer in time") from None
        finally:
            self._waiting.discard(done)
        self._acked_at = now = time.monotonic()
        self.took.append(now - began)
        self._trouble, self._distrusted_until = None, 0.0

    def _failed(self, why: str) -> NotAppended:
        if self._trouble is None:
            log.warning("appends do not pass; shops are answered 503 and send again", why=why)
        self._trouble = why
        self._distrusted_until = time.monotonic() + DISTRUST_SECONDS
        return NotAppended(why)

    async def _pump(self) -> None:
        """Acks are handed over by whoever asks for them. A thread that waits for them would fight for the interpreter;
        asking every two milliseconds, only while something is under way, costs less and is as quick."""
        while True:
            if not self._waiting:
                self._stirred.clear()
                await self._stirred.wait()
            self._producer.poll(0)
            await asyncio.sleep(PUMP_SECONDS)

    async def _watch(self) -> None:
        """While nothing is appended, asks the broker for the topic, so that readiness is true without traffic, too."""
        while True:
            idle = time.monotonic() - self._acked_at > PROBE_SECONDS
            if idle and time.monotonic() >= self._distrusted_until:
                await self._probe()
            await asyncio.sleep(PROBE_SECONDS)

    async def _probe(self) -> None:
        try:
            answer = await asyncio.to_thread(self._producer.list_topics, self._topic, PROBE_PATIENCE)
        except KafkaException as silent:
            why = f"the broker does not answer: {silent.args[0].str()}"
        else:
            error = answer.topics[self._topic].error
            why = "" if error is None else f"{self._topic}: {error.str()}"
        if why and self._trouble is None:
            log.warning("appends would not pass", why=why)
        if not why and self._trouble is not None:
            log.info("appends pass")
        self._trouble = why or None
