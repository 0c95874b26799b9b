"""Does every record reach a handler, and does nothing count as done that is not?"""

from __future__ import annotations

import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from confluent_kafka import Producer

from streams.engine import EngineSettings, create_app

pytestmark = pytest.mark.system
STATE = struct.Struct(">qq")


@pytest.mark.parametrize("starts", [8, pytest.param(30, marks=pytest.mark.slow)])
def test_starts_are_exact(broker, start_worker, until, starts):
    """Guards the start race: with a committed offset in the middle and state to restore, a start loses and repeats
    nothing.
    """
    wanted = [f"v{i}" for i in range(5, 20)]

    def start(number: int) -> list[str]:
        group, source = broker.group()
        broker.send(source, ((b"k", b"v%d" % i) for i in range(20)), 0)
        broker.send(f"{group}-counts-changelog", ((b"k", STATE.pack(i + 1, i)) for i in range(5)), 0)
        broker.commit(group, source, 5)
        worker = start_worker(broker, (group, source), f"w{number}", SEEN=1)
        worker.wait(lambda now: len(now["seen"] or ()) >= 15)
        until(lambda: broker.committed(group, source) == 20, 10, "commit of all records")
        worker.kill()
        assert worker.now["repeats"] == 0
        return worker.now["seen"]

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(start, range(starts))) == [wanted] * starts


def test_rebalance_under_traffic_and_a_kill(broker, start_worker, feed, until):
    """Guards moving partitions: joining, leaving and dying under traffic count every record once per key, none lost."""
    names = group, source = broker.group(4)
    traffic = feed(broker, source, 300 if broker.embedded else 1000)
    a = start_worker(broker, names, "a", SLOW=0.01, SESSION=3)
    a.wait_ready(owned=4)
    b = start_worker(broker, names, "b", SLOW=0.01, SESSION=3)
    b.wait_ready(owned=2)
    traffic.wait_sent(300)
    assert b.stop() == 0
    a.wait_ready(owned=4)
    if not broker.embedded:  # the embedded broker refuses commits while a group rebalances
        assert a.now["repeats"] == 0, "joining and leaving repeat nothing"
    c = start_worker(broker, names, "c", SLOW=0.01, SESSION=3)
    c.wait_ready(owned=2)
    traffic.wait_sent(300)
    a.kill()
    c.wait_ready(30, owned=4)
    traffic.wait_sent(100)
    total = traffic.stop()
    until(lambda: broker.committed(group, source) == total, 40, "commit of all records")
    assert broker.counts(group) == traffic.wanted()
    assert c.stop() == 0


def test_an_agent_that_raises_ends_the_process(broker, start_worker):
    """Guards the ack: an exception exits with 70, commits nothing past it, and the restart begins at the failed
    record.
    """
    names = group, source = broker.group()
    broker.send(source, ((b"k%d" % i, b"v%d" % i) for i in range(10)), 0)
    worker = start_worker(broker, names, RAISE_AT="v12", SEEN=1)
    worker.wait(lambda now: now["handled"] == 10)
    broker.send(source, ((b"k%d" % i, b"v%d" % i) for i in range(10, 20)), 0)
    assert worker.exit() == 70
    done = broker.committed(group, source)
    assert done in (0, 10)
    again = start_worker(broker, names, SEEN=1)
    again.wait(lambda now: len(now["seen"] or ()) == 20 - done)
    assert again.now["seen"][0] == f"v{done}"


@pytest.mark.kafka
def test_a_changelog_that_refuses_ends_the_process(broker, start_worker):
    """Guards the state: if the broker refuses a changelog batch, nothing is committed and the exit code is 70."""
    group, source = broker.group(1, max_message_bytes="150")
    broker.send(source, ((b"k%d" % i, b"v") for i in range(50)), 0)
    assert start_worker(broker, (group, source)).exit() == 70
    assert broker.committed(group, source) == 0


@pytest.mark.embedded
def test_a_changelog_write_that_fails_ends_the_process(own_broker, start_worker):
    """Guards the state: a changelog batch that the broker answers with an error leads to exit 70 and no commit. (The
    errors are injected; the real broker refuses in the test beside this one.)"""
    names = group, source = own_broker.group()
    worker = start_worker(own_broker, names, SLOW=0.5)
    worker.wait_ready()
    own_broker.send(source, [(b"k", b"v0")], 0)
    worker.wait(lambda now: now["handled"] == 1)  # counted, not yet written
    own_broker.embedded.inject(0, *[10] * 5)  # Produce: MESSAGE_TOO_LARGE
    assert worker.exit() == 70
    assert own_broker.committed(group, source) == 0


@pytest.mark.kafka
def test_a_send_nobody_awaits_ends_the_process(broker, start_worker):
    """Guards commit after flush: a queued message that the broker refuses later still prevents the commit."""
    names = group, source = broker.group()
    out = broker.topic(f"{group}-out", 1, max_message_bytes="60")
    broker.send(source, ((b"k%d" % i, b"v") for i in range(20)), 0)
    assert start_worker(broker, names, OUT=out).exit() == 70
    assert broker.committed(group, source) == 0


@pytest.mark.kafka
async def test_large_records_pass(broker, tmp_path):
    """Guards big events: a record of 5 MB is written among small ones, in order; one over the limit is refused."""
    topic = broker.topic(broker.group()[0] + "-large", 1, max_message_bytes=str(8 << 20))
    app = create_app(EngineSettings(bootstrap=broker.bootstrap, group="large", state_dir=tmp_path))
    await app.producer.start()
    try:
        items = [(b"a", b"1"), (b"b", b"x" * 5_000_000), (b"c", b"3")]
        assert await app.producer.send_many(topic, 0, items) == 3
        assert await app.producer.send_spread(topic, {0: [(b"d", b"4")]}) == {0: 4}
        with pytest.raises(MessageSizeTooLargeError, match="max_request_bytes"):
            await app.producer.send_many(topic, 0, [(b"e", b"x" * (9 << 20))])
    finally:
        await app.producer.stop()
    assert [m.key() for m in broker.read(topic)] == [b"a", b"b", b"c", b"d"]


@pytest.mark.kafka
@pytest.mark.slow
def test_memory_stays_bounded_behind_a_slow_handler(broker, start_worker):
    """Guards memory: 400 MB of backlog behind a handler that hangs costs a fetch and a chunk per partition."""
    names = _, source = broker.group(4)
    broker.send(source, ((b"k%d" % i, b"x" * 100_000) for i in range(4000)))
    worker = start_worker(broker, names, SLOW=600)
    worker.wait_ready(owned=4)
    worker.wait(lambda now: now["handled"] > 0)
    threading.Event().wait(5)  # time in which an unbounded buffer would fill
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    peak_mb = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024
    assert peak_mb < 150


def test_missing_topics_are_named(broker, start_worker):
    """Guards the silent idler: absent topics end the worker with 2 and a sentence that says which and what to do."""
    group, _ = broker.group()
    broker.partitions["no-such-topic-" + group] = 1
    worker = start_worker(broker, (group, "no-such-topic-" + group))
    assert worker.exit() == 2
    assert f"no-such-topic-{group}" in worker.tail() and "shoprelay topics create" in worker.tail()


@pytest.mark.kafka
def test_the_markers_of_a_transaction_count_as_handled(broker, start_worker, until):
    """Guards the deadlines' clock: a publisher's commit marker stands after its records, and nobody handles a marker.
    Without
    `Lanes._pass_over` the group stays one offset short of the end for as long as the topic is quiet."""
    group, source = broker.group()
    worker = start_worker(broker, (group, source), "w")
    worker.wait_ready()
    publisher = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": f"{group}-publisher"})
    publisher.init_transactions(10)
    publisher.begin_transaction()
    publisher.produce(source, b"v", b"k", 0)
    publisher.commit_transaction(10)

    until(lambda: broker.committed(group, source) == 2, 15, "commit past the marker")
    assert worker.stop() == 0
