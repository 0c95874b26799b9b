"""The only place where Kafka clients are made, so that security and timeouts are the same for all of them."""

from __future__ import annotations

import time
from typing import Any

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from streams.engine.settings import EngineSettings
from streams.security import aiokafka_options

FETCH_WAIT_MS = 50
"""A broker answers a fetch when something comes; the embedded one only when this is over, and so it is a hop's
latency.
"""


def _common(settings: EngineSettings) -> dict[str, Any]:
    return {
        "bootstrap_servers": [host.strip() for host in settings.bootstrap.split(",")],
        "client_id": settings.group,
        "request_timeout_ms": int(settings.request_timeout_seconds * 1000),
        **aiokafka_options(settings.security),
    }


class PatientRange(RangePartitionAssignor):
    """Range assignment whose leader answers a moment later than it could.

    librdkafka's mock cluster answers INVALID_REQUEST to a follower whose SyncGroup comes after the leader's, and then
    again at each
    attempt, because the leader stays the faster one. A real broker hands the assignment out late as well.
    """

    @classmethod
    def assign(cls, cluster: Any, members: Any) -> Any:
        if len(members) > 1:
            time.sleep(0.08)
        return super().assign(cluster, members)


def member(settings: EngineSettings) -> Any:
    """A consumer in the group. Range assignment gives partition p of all topics of one size to the same worker."""
    return aiokafka.AIOKafkaConsumer(
        group_id=settings.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        partition_assignment_strategy=[PatientRange if settings.embedded_broker else RangePartitionAssignor],
        session_timeout_ms=int(settings.session_seconds * 1000),
        heartbeat_interval_ms=int(settings.heartbeat_seconds * 1000),
        rebalance_timeout_ms=int(max(settings.session_seconds, settings.drain_seconds + 2) * 1000),
        max_partition_fetch_bytes=settings.fetch_bytes_per_partition,
        fetch_max_wait_ms=FETCH_WAIT_MS,
        **_common(settings),
    )


def reader(settings: EngineSettings, *topics: str) -> Any:
    """A consumer outside the group that is told what to read; an offset that is gone is an error, not a jump."""
    return aiokafka.AIOKafkaConsumer(
        *topics,
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=max(settings.fetch_bytes_per_partition, 1 << 20),
        fetch_max_wait_ms=FETCH_WAIT_MS,
        **_common(settings),
    )


def producer(settings: EngineSettings) -> Any:
    """Idempotent and acked by all replicas: a batch is written once, or the sender learns that it was not."""
    return aiokafka.AIOKafkaProducer(
        acks="all",
        enable_idempotence=True,
        linger_ms=int(settings.linger_seconds * 1000),
        max_batch_size=settings.batch_bytes,
        max_request_size=settings.max_request_bytes,
        compression_type=settings.compression,
        **_common(settings),
    )


def admin(settings: EngineSettings) -> Any:
    return AIOKafkaAdminClient(**_common(settings))
