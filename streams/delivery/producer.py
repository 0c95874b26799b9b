"""A Kafka producer that connects when there is something to write."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer

LARGEST_REQUEST = 32 << 20  # the broker has the last word on size; the client must not have it


class LateProducer:
    """Written records are acknowledged by all replicas. A start that fails is tried again by whoever asks next."""

    def __init__(
        self, bootstrap: str, client_id: str, security: Mapping[str, Any], *, idempotent: bool = False
    ) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._security = security
        self._idempotent = idempotent
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap,
                    client_id=self._client_id,
                    acks="all",
                    enable_idempotence=self._idempotent,
                    compression_type="gzip",
                    max_request_size=LARGEST_REQUEST,
                    request_timeout_ms=30_000,
                    **self._security,
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def close(self) -> None:
        if self._producer is not None:
            await self._producer.stop()
