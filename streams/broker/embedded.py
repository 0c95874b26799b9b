"""An embedded Kafka broker in a process of its own: librdkafka's mock cluster, for the demo and for tests.

    python -m streams.broker.embedded --topics shop-events:12,refused:12 [--brokers 1] [--parent-pid N]

The first line on stdout is the bootstrap address. The process ends on SIGTERM, or when its stdin closes; with
`--parent-pid` when that process ends, whatever becomes of stdin. Each line on stdin is a command, answered by one line,
`ok` or `error WHY`:

    topic NAME PARTITIONS        create a topic
    errors API_KEY CODE...       answer the next requests of this kind with these error codes, one each
    clear API_KEY                forget errors that were not given out yet
    down [BROKER], up [BROKER]   drop the connections and refuse new ones; accept them again
    rtt MILLISECONDS [BROKER]    delay every answer

What it is not: it keeps everything in memory and at most 5 MiB (as sent, so compressed) or 100,000 batches per
partition, and drops the oldest without a word (`EmbeddedBroker.forgotten` tells). A batch that does not fit beside
the one before it is acked and can never be read: up to 2.5 MiB is safe, 5 MiB only as the first of its partition. It
compacts nothing, so a changelog over the limit loses state at the next restart: with 12 partitions that is about
160,000 writes of 300 bytes sent one by one, 785,000 in gzip batches of twenty (measured). It has no transactions,
does not notice a repeated batch of an idempotent producer, has no CreateTopics or DescribeConfigs requests and no
replay by time; a topic that was not created appears with 4 partitions when a client asks for it. librdkafka calls it
experimental: its version is pinned.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from streams.broker.library import MockCluster, NoBroker

POLL_SECONDS = 0.25


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m streams.broker.embedded", description=__doc__.splitlines()[0])
    parser.add_argument("--topics", default="", help="name:partitions, separated by commas")
    parser.add_argument("--brokers", type=int, default=1)
    parser.add_argument("--rebalance-delay-ms", type=int, default=100, help="what the first join of a group waits")
    parser.add_argument("--parent-pid", type=int, help="end when this process has ended")
    return parser.parse_args()


def _alive(pid: int, ours: bool) -> bool:
    """Whether the process is there. Our own parent counts as gone before anybody has collected its exit code."""
    if ours:
        return os.getppid() == pid
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _lines(parent: int | None) -> Iterator[str]:
    """Lines from stdin until it closes, or with a parent until that is gone."""
    stdin, pending, open_ = sys.stdin.fileno(), b"", True
    ours = parent == os.getppid()
    while parent is None or _alive(parent, ours):
        readable, _, _ = select.select([stdin] if open_ else [], [], [], POLL_SECONDS)
        if not readable:
            continue
        read = os.read(stdin, 65536)
        if not read:
            if parent is None:
                return
            open_ = False
        pending += read
        *whole, pending = pending.split(b"\n")
        yield from (line.decode() for line in whole)


def _obey(cluster: MockCluster, line: str) -> None:
    """Raises ValueError for what is no command."""
    match line.split():
        case ["topic", name, partitions]:
            cluster.topic(name, int(partitions))
        case ["errors", api_key, *codes] if codes:
            cluster.errors(int(api_key), [int(code) for code in codes])
        case ["clear", api_key]:
            cluster.clear(int(api_key))
        case ["down", *broker] if len(broker) < 2:
            cluster.down(int(broker[0]) if broker else 1)
        case ["up", *broker] if len(broker) < 2:
            cluster.up(int(broker[0]) if broker else 1)
        case ["rtt", milliseconds, *broker] if len(broker) < 2:
            cluster.rtt(int(milliseconds), int(broker[0]) if broker else 1)
        case _:
            raise ValueError(f"{line!r} is not a command")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    try:
        cluster = MockCluster(arguments.brokers, arguments.rebalance_delay_ms)
        for part in filter(None, arguments.topics.split(",")):
            name, _, partitions = part.rpartition(":")
            cluster.topic(name, int(partitions))
    except (NoBroker, ValueError) as impossible:
        sys.stderr.write(f"{impossible}\n")
        return 1
    _say(cluster.bootstrap)
    for line in _lines(arguments.parent_pid):
        try:
            _obey(cluster, line)
        except ValueError as wrong:
            _say(f"error {wrong}")
        else:
            _say("ok")
    cluster.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
