"""What is refused is kept whole, in its source's order, with a reason to act on; nothing of it stands in our logs."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from schemas.codec import Undecodable
from schemas.records import Header
from streams.domain.validate import Problem
from streams.worker.app import Codecs
from streams.worker.metrics import WorkerMetrics
from streams.worker.refusal import Refusal
from streams.worker.stored import milliseconds
from tests.domain.story import NOON
from tests.worker.world import REFUSED, SHOP_EVENTS, Logs, Written, samples

NOBODY = Problem("customer", "names nobody", "set at least one name")
RECORD = Written(SHOP_EVENTS, 5, 17, b"ada@example.com", b'{"email": "ada@example.com"}', (("trace", b"\x00"),))


@pytest.fixture
def logs() -> Logs:
    return Logs()


@pytest.fixture
def refuse(codecs: Codecs, metrics: WorkerMetrics, logs: Logs) -> Refusal:
    return Refusal(codecs.refused, logs, REFUSED, 4, lambda: milliseconds(NOON), metrics)


async def test_the_record_is_kept_whole_beside_the_reason(refuse: Refusal, logs: Logs, codecs: Codecs) -> None:
    await refuse(RECORD, NOBODY)

    refused = codecs.refused.decode(logs.values(REFUSED)[0])
    assert (refused.key, refused.value, refused.headers) == (
        RECORD.key,
        RECORD.value,
        (Header(name="trace", value=b"\x00"),),
    )
    assert (refused.source, refused.topic, refused.partition, refused.offset) == (SHOP_EVENTS, SHOP_EVENTS, 5, 17)
    assert (refused.reason, refused.field, refused.problem, refused.remedy) == (
        "invalid", "customer", "names nobody", "set at least one name",
    )  # fmt: skip
    assert refused.refused_at == NOON


async def test_bytes_that_cannot_be_decoded_bring_their_own_reason(refuse: Refusal, logs: Logs, codecs: Codecs) -> None:
    await refuse(RECORD, Undecodable("truncated", None, "the body ends early"))

    refused = codecs.refused.decode(logs.values(REFUSED)[0])
    assert (refused.reason, refused.field) == ("truncated", None) and "serialize" in refused.remedy


async def test_one_partitions_mistakes_stay_in_order(refuse: Refusal, logs: Logs, codecs: Codecs) -> None:
    for offset in range(3):
        await refuse(Written(SHOP_EVENTS, 5, offset, None, None), NOBODY)

    records = logs.read(REFUSED)
    assert {(record.partition, record.key) for record in records} == {(5 % 4, SHOP_EVENTS.encode())}
    assert [codecs.refused.decode(record.value).offset for record in records] == [0, 1, 2]


async def test_it_is_told_in_the_log_without_anything_of_the_record(refuse: Refusal) -> None:
    with capture_logs() as told:
        await refuse(RECORD, NOBODY)

    (line,) = told
    assert (line["topic"], line["partition"], line["offset"], line["field"]) == (SHOP_EVENTS, 5, 17, "customer")
    assert "ada@example.com" not in repr(line)


async def test_what_could_not_be_put_aside_is_not_counted(
    refuse: Refusal, logs: Logs, registry: CollectorRegistry
) -> None:
    logs.refuses = [OSError("the broker is away")]
    with pytest.raises(OSError, match="away"):
        await refuse(RECORD, NOBODY)
    assert samples(registry, "shoprelay_events_refused_total") == {}

    await refuse(RECORD, NOBODY)
    assert samples(registry, "shoprelay_events_refused_total") == {(SHOP_EVENTS, "invalid"): 1}
