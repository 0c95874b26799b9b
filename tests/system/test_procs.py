"""The harness itself: what it shows is what is there, and it leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from tests.system.procs import PARTITIONS, Lane, until

pytestmark = pytest.mark.system

ABANDONED = """
import asyncio, os, sys
from pathlib import Path
from tests.system.procs import open_lane
async def main():
    lane = await open_lane(Path(sys.argv[1]), None)
    print(lane.broker.pid, *(process.pid for process in lane.processes.values()), flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def gone(pid: int) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def start_and_kill(folder: Path) -> list[int]:
    """The processes a lane started in another Python, which was killed when all of them ran."""
    command = [sys.executable, "-c", ABANDONED, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2 and not any(gone(pid) for pid in pids)
        parent.kill()
    return pids


async def test_records_and_commits_are_seen(lane: Lane) -> None:
    topic = lane.topics.shop_events
    assert await lane.records(topic) == []
    producer = Producer({"bootstrap.servers": lane.bootstrap, "partitioner": "murmur2_random"})
    for number in range(20):
        producer.produce(topic.name, f"v{number}".encode(), key=f"k{number}".encode(), headers={"n": str(number)})
    assert producer.flush(15) == 0
    found = await lane.records(topic)
    assert {record.value for record in found} == {f"v{number}".encode() for number in range(20)}
    assert {record.partition for record in found} == set(range(PARTITIONS))
    assert all(record.headers["n"] == record.value[1:] for record in found if record.value)

    group = f"{lane.topics.prefix}looking"
    consumer = Consumer({"bootstrap.servers": lane.bootstrap, "group.id": group})
    consumer.commit(offsets=[TopicPartition(topic.name, 1, 3)], asynchronous=False)
    consumer.close()
    assert await lane.committed(group, topic) == {1: 3}


async def test_a_process_keeps_its_log_over_a_restart(lane: Lane) -> None:
    first = lane.python("timer", "timeit", "-n1", "-r1")
    assert await first.ended() == 0
    second = lane.python("timer", "http.server", "0", "--bind", "127.0.0.1")
    await until(lambda: "Serving" in second.output(), 15, "it serves")
    assert "1 loop" in second.output()
    assert await second.terminate() == -15


async def test_a_process_that_ends_is_said_with_its_words(lane: Lane) -> None:
    broken = lane.python("broken", "no.such.module")
    with pytest.raises(AssertionError, match=r"broken ended with 1:[^$]*no\.such"):
        await broken.ended()
        await lane.answers(broken, lane.registry)


async def test_the_developers_own_settings_stay_outside(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPRELAY_SECRET", "mine")
    assert "SHOPRELAY_SECRET" not in lane.environment()
    assert lane.environment()["SHOPRELAY_KAFKA"] == lane.bootstrap


async def test_nothing_survives_a_killed_pytest(tmp_path: Path) -> None:
    pids = start_and_kill(tmp_path)
    await until(lambda: all(gone(pid) for pid in pids), 10, "broker and registry are gone")
