"""Sending: whole chunks in built batches, and single messages for those who use `topic.send`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError
from faust.transport.producer import Producer as FaustProducer

from streams.engine import clients
from streams.engine.exits import STOPPED, end, fatal
from streams.engine.fence import Headers

if TYPE_CHECKING:
    from streams.engine.app import Engine

Pair = tuple[bytes | None, bytes | None]
_NO_HEADERS: Headers = []


async def _all_of(sends: list[Awaitable[Any]]) -> list[Any]:
    """Wait for every one, then raise the first failure: none is left behind unseen."""
    results = await asyncio.gather(*sends, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


class Producer(FaustProducer):
    """Faust's ProducerT on one idempotent aiokafka producer. Batches wait out an outage of any length, in order.

    Two ways to send. `send_many` and `send_spread` raise to their caller. `send` hands out a future as Faust does;
    nobody has
    to await it, because a failed one ends the process before the next commit (`flush`).
    """

    engine: Engine

    async def on_start(self) -> None:
        await super().on_start()
        self.engine = self.app.engine
        self._lost: BaseException | None = None
        self.kafka = clients.producer(self.engine.settings)
        await self.engine.connect("producer", self.kafka.start)

    async def on_stop(self) -> None:
        try:
            await asyncio.wait_for(self.kafka.stop(), self.engine.stop_left() + 0.2)
        except TimeoutError:
            end("stopped without the broker; what was not acked will be handled again", code=STOPPED)

    # -- many at once

    async def send_many(
        self, topic: str, partition: int, items: Iterable[Pair], *, headers: Sequence[tuple[str, bytes]] = _NO_HEADERS
    ) -> int | None:
        """Append (key, value) pairs to one partition, in order, in few batches; returns the offset after the last, None
        if empty.

        Raises KafkaError if any of them was not written; some may have been then. MessageSizeTooLargeError comes before
        anything
        of its batch is sent.
        """
        self.engine.watchdog.check()
        limit, sent = self.engine.settings.max_request_bytes, []
        batch = self.kafka.create_batch()
        for key, value in items:
            if len(key or b"") + len(value or b"") > limit:
                raise MessageSizeTooLargeError(
                    f"{topic}: a record of {len(value or b'')} bytes exceeds max_request_bytes {limit}"
                )
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                sent.append(await self._enqueue(batch, topic, partition))
                batch = self.kafka.create_batch()
                if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                    raise MessageSizeTooLargeError(f"{topic}: a record of {len(value or b'')} bytes fits into no batch")
        last = int(batch.record_count())
        if last:
            sent.append(await self._enqueue(batch, topic, partition))
        if not sent:
            return None
        offset: int = (await _all_of(sent))[-1].offset
        return offset + last

    async def send_spread(self, topic: str, items: Mapping[int, Iterable[Pair]]) -> dict[int, int]:
        """`send_many` to several partitions at the same time; returns the offset after the last per partition. Raises
        as it does.
        """
        partitions = list(items)
        results = await _all_of([self.send_many(topic, p, items[p]) for p in partitions])
        return {p: after for p, after in zip(partitions, results, strict=True) if after is not None}

    async def _enqueue(self, batch: Any, topic: str, partition: int) -> Any:
        """A place in the producer's queue, waited for as long as it takes: a batch in the queue never expires."""
        batch.close()
        while True:
            try:
                return await self.kafka.send_batch(batch, topic, partition=partition)
            except KafkaTimeoutError:
                self.engine.hooks.on_kafka_error("KafkaTimeoutError")

    # -- one at a time, as Faust's channels call it

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
        *,
        transactional_id: str | None = None,
    ) -> Any:
        self.engine.watchdog.check()
        future = await self.kafka.send(
            topic,
            value,
            key,
            partition,
            int(timestamp * 1000) if timestamp else None,
            list(headers.items()) if hasattr(headers, "items") else headers,
        )
        future.add_done_callback(self._remember_loss)
        return future

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> Any:
        return await (await self.send(*args, **kwargs))

    def _remember_loss(self, future: Any) -> None:
        if not future.cancelled() and future.exception():
            self._lost = future.exception()

    async def flush(self) -> None:
        """Wait until everything sent so far is written. Ends the process if a message was lost or, while stopping, is
        late.
        """
        try:
            await asyncio.wait_for(self._drain(), self.engine.stop_left() if self.app.should_stop else None)
        except TimeoutError:
            end("stopped with messages the broker does not take; their events will be handled again", code=STOPPED)
        except KafkaError as exc:
            fatal("a message was not delivered", exc)
        await asyncio.sleep(0)  # lets the callbacks of the last failures run
        if self._lost:
            fatal("a message was not delivered", self._lost)

    async def _drain(self) -> None:
        await self.buffer.flush()
        await self.kafka.flush()

    def supports_headers(self) -> bool:
        return True
