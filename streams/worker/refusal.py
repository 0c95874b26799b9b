"""Refusing: a record nobody understands goes to `refused` with its bytes and a reason somebody can act on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from schemas.codec import Codec
from schemas.records import Header, Refused
from streams.worker.metrics import WorkerMetrics
from streams.worker.ports import Milliseconds, Outbox, Record, Why

log = structlog.get_logger("shoprelay.worker")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record of partition p is refused into partition p, so that one source's mistakes stay in order."""

    codec: Codec[Refused]
    outbox: Outbox
    topic: str
    partitions: int
    now: Milliseconds
    metrics: WorkerMetrics

    async def __call__(self, record: Record, why: Why) -> None:
        refused = Refused(
            source=record.topic,
            reason=why.reason,
            field=why.field,
            problem=why.problem,
            remedy=why.remedy,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            headers=tuple(Header(name=name, value=value) for name, value in record.headers),
            refused_at=datetime.fromtimestamp(self.now() / 1000, UTC),
        )
        await self.outbox.send_spread(
            self.topic, {record.partition % self.partitions: [(record.topic.encode(), self.codec.encode(refused))]}
        )
        self.metrics.refused(record.topic, why.reason)
        log.warning(
            "a record was refused",
            topic=record.topic, partition=record.partition, offset=record.offset,
            reason=why.reason, field=why.field, problem=why.problem, remedy=why.remedy,
        )  # fmt: skip
