"""What happens when the worker, the broker or the group misbehaves: it goes on, or it ends. It never hangs."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from streams.broker.handle import EmbeddedBroker

pytestmark = pytest.mark.system


def _outage(broker, start_worker, feed, until, seconds):
    names = group, source = broker.group(4)
    worker = start_worker(broker, names)
    worker.wait_ready(owned=4)
    traffic = feed(broker, source, 100)
    traffic.wait_sent(100)
    broker.stop()
    threading.Event().wait(seconds)  # the length of the outage is what is tested
    broker.start()
    handled = worker.now["handled"]
    worker.wait(lambda now: now["handled"] > handled + 100, 40)
    total = traffic.stop()
    until(lambda: broker.committed(group, source) == broker.ends(source), 40, "commit of all records")
    assert sum(broker.counts(group).values()) == broker.ends(source) >= total
    assert worker.stop() == 0


def test_broker_away_for_ten_seconds(own_broker, start_worker, feed, until):
    """Guards the outage: the worker lives through ten seconds without a broker and counts every record."""
    _outage(own_broker, start_worker, feed, until, 10)


@pytest.mark.slow
def test_broker_away_for_a_minute(own_broker, start_worker, feed, until):
    """Guards the long outage: longer than request timeout and session."""
    _outage(own_broker, start_worker, feed, until, 60)


def test_sigterm_with_handlers_in_hand(broker, start_worker, feed, until):
    """Guards the stop: exit 0 in seconds whatever the handlers do, and what was acked is committed."""
    names = group, source = broker.group(4)
    traffic = feed(broker, source, 500)
    for slow in ("", "0.5"):
        worker = start_worker(broker, names, SLOW=slow)
        handled = worker.wait_ready()["handled"]
        worker.wait(lambda now, handled=handled: now["handled"] > handled)
        began = time.monotonic()
        assert worker.stop() == 0
        assert time.monotonic() - began < 5
    total = traffic.stop()
    last = start_worker(broker, names)
    until(lambda: broker.committed(group, source) == total, 20, "commit of all records")
    assert last.now["repeats"] == 0, "everything acked before SIGTERM was committed"
    assert broker.counts(group) == traffic.wanted()


def test_sigterm_with_the_broker_gone(own_broker, start_worker):
    """Guards the stop: without a broker to say goodbye to, the exit takes seconds and its code is 0."""
    names = _, source = own_broker.group()
    worker = start_worker(own_broker, names)
    own_broker.send(source, ((b"k%d" % i, b"v") for i in range(100)), 0)
    worker.wait(lambda now: now["handled"] == 100)
    own_broker.stop()
    try:
        began = time.monotonic()
        assert worker.stop(12) == 0
        assert time.monotonic() - began < 8
    finally:
        own_broker.start()


def test_sigterm_before_the_broker_was_reached(start_worker, broker, until):
    """Guards the stop: a worker that still waits for its broker can be stopped."""
    names = broker.group()
    worker = start_worker(broker, names, BOOTSTRAP="127.0.0.1:9")
    until(lambda: "does not reach" in worker.tail(), 10, "the first attempt")
    assert worker.stop(10) == 0


def test_a_handler_that_never_acks_is_noticed(broker, start_worker):
    """Guards the stall: first not ready, then exit 70, and nothing committed."""
    names = group, source = broker.group()
    worker = start_worker(broker, names, SLOW=600, STALL=4)
    worker.wait_ready()
    broker.send(source, [(b"k", b"v")], 0)
    worker.wait(lambda now: now["state"] == "stalled" and not now["ready"], 10)
    assert worker.exit(10) == 70
    assert broker.committed(group, source) == 0


def test_a_handler_that_blocks_the_loop_is_noticed(broker, start_worker):
    """Guards the poll: a loop that stands still for a session ends the process from its watchdog thread."""
    names = group, source = broker.group()
    worker = start_worker(broker, names, BLOCK=600, SESSION=3)
    worker.wait_ready()
    broker.send(source, [(b"k", b"v")], 0)
    assert worker.exit(10) == 70
    assert "event loop did not run" in worker.tail()
    assert broker.committed(group, source) == 0


def test_a_busy_handler_at_revocation_ends_the_process(broker, start_worker):
    """Guards the drain: a handler that goes on after its partition is given away would write over the new owner's
    state.
    """
    names = _, source = broker.group(2)
    a = start_worker(broker, names, "a", SLOW=600, DRAIN=1, STALL=100)
    a.wait_ready()
    broker.send(source, [(b"k", b"v")])
    a.wait(lambda now: now["handled"] == 1)
    b = start_worker(broker, names, "b")
    assert a.exit(15) == 70
    b.wait_ready(20, owned=2)
    b.wait(lambda now: now["handled"] == 1)


def test_a_worker_stopped_longer_than_its_session(broker, start_worker, until):
    """Guards the state from a zombie: stopped with a chunk in hand and continued after a takeover, it ends and
    changes nothing.
    """
    names = group, source = broker.group()
    keys = [b"k%d" % i for i in range(50)]
    a = start_worker(broker, names, "a", SLOW=1.0, SESSION=3)
    a.wait_ready()
    broker.send(source, ((k, b"v") for k in keys), 0)
    a.wait(lambda now: now["handled"] >= 1)
    a.send_signal(signal.SIGSTOP)
    b = start_worker(broker, names, "b", SESSION=3)
    b.wait(lambda now: now["handled"] == 50, 30)
    broker.send(source, ((k, b"w") for k in keys), 0)
    until(lambda: broker.committed(group, source) == 100, 20, "the new owner's commit")
    a.send_signal(signal.SIGCONT)
    assert a.exit(10) == 70
    assert broker.counts(group) == dict.fromkeys(keys, 2)
    assert b.stop() == 0


# api keys: 0 Produce, 8 OffsetCommit, 9 OffsetFetch, 11 JoinGroup, 12 Heartbeat, 14 SyncGroup
COORDINATION = {
    "join-42": (11, [42] * 2, "before"),
    "sync-42": (14, [42] * 2, "before"),
    "join-not-authorized": (11, [30], "before"),
    "offset-fetch-42": (9, [42] * 2, "before"),
    "heartbeat-unknown-member": (12, [25], "running"),
    "heartbeat-illegal-generation": (12, [22], "running"),
    "heartbeat-42": (12, [42], "running"),
    "heartbeat-fenced": (12, [82], "running"),
    "commit-unknown-member": (8, [25] * 2, "running"),
    "commit-42": (8, [42] * 3, "running"),
}


def _coordination_error(wrap_broker, start_worker, until, name):
    key, codes, when = COORDINATION[name]
    with EmbeddedBroker(topics=[]) as embedded:
        broker = wrap_broker(embedded)
        names = group, source = broker.group()
        broker.send(source, ((b"k%d" % i, b"v") for i in range(20)), 0)
        if when == "before":
            embedded.inject(key, *codes)
        worker = start_worker(broker, names, name, SESSION=3)
        if when == "running":
            worker.wait(lambda now: now["handled"] == 20, 40)
            embedded.inject(key, *codes)
            broker.send(source, ((b"k%d" % i, b"v") for i in range(20)), 0)
        total = broker.ends(source)

        def over() -> bool:
            return worker.process.poll() is not None or broker.committed(group, source) == total

        until(over, 40, f"{name}: all committed, or an exit")
        if worker.process.poll() is None and when == "running":  # the answer may come after everything was handled
            broker.send(source, [(b"late", b"v")], 0)
            total += 1
            until(over, 40, f"{name}: all committed, or an exit")
        if worker.process.poll() is not None:
            assert worker.exit() == 70
            embedded.clear(key)
            start_worker(broker, names, f"{name}-next", SESSION=3)
            until(lambda: broker.committed(group, source) == total, 40, f"{name}: the next start")
        assert sum(broker.counts(group).values()) == total, name


@pytest.mark.embedded
def test_coordination_errors_rejoin_or_exit(wrap_broker, start_worker, until):
    """Guards the group: whatever the coordinator answers, all records are handled by this process or by its next
    start.
    """
    with ThreadPoolExecutor(10) as pool:
        for outcome in [
            pool.submit(_coordination_error, wrap_broker, start_worker, until, name) for name in COORDINATION
        ]:
            outcome.result()
