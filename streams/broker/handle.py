"""`EmbeddedBroker`: starts the embedded broker in its own process, talks to it, and ends it."""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from typing import IO, Self

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.broker.library import NoBroker
from streams.topics import Topic, all_topics

START_SECONDS = 30.0
ANSWER_SECONDS = 10.0
STOP_SECONDS = 5.0


class EmbeddedBroker:
    """A running embedded broker; `with` or `async with` starts and ends it. It also ends when this process does.

    Methods raise `NoBroker` when the broker cannot start or has ended, ValueError for what it refuses. They answer
    within a millisecond or so; only starting takes longer (`async with` does it beside the event loop).
    """

    def __init__(self, topics: Iterable[Topic] | None = None, brokers: int = 1) -> None:
        self._topics = list(all_topics() if topics is None else topics)
        self._brokers = brokers
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self.bootstrap = ""

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> str:
        """Returns the bootstrap address, host:port."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        topics = ",".join(f"{topic.name}:{topic.partitions}" for topic in self._topics)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "streams.broker.embedded", "--topics", topics, "--brokers", str(self._brokers),
             "--parent-pid", str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            bufsize=0,  # a command cut off by the broker's death must not wait in a buffer for `close` to fail on
            start_new_session=True,  # Ctrl-C in the terminal is for us to act on; the broker goes last
        )  # fmt: skip
        self.bootstrap = self._line(START_SECONDS)
        return self.bootstrap

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()
        self._process = self._errors = None

    def topic(self, name: str, partitions: int) -> None:
        self._command(f"topic {name} {partitions}")

    def inject(self, api_key: int, *codes: int) -> None:
        """The next requests of this kind are answered with these Kafka error codes, one each."""
        self._command(f"errors {api_key} {' '.join(map(str, codes))}")

    def clear(self, api_key: int) -> None:
        self._command(f"clear {api_key}")

    def down(self, broker: int = 1) -> None:
        self._command(f"down {broker}")

    def up(self, broker: int = 1) -> None:
        self._command(f"up {broker}")

    def rtt(self, milliseconds: int, broker: int = 1) -> None:
        self._command(f"rtt {milliseconds} {broker}")

    def forgotten(self) -> dict[tuple[str, int], int]:
        """(topic, partition) -> records dropped because the partition was full; empty as long as nothing was lost."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        topics = admin.list_topics(timeout=ANSWER_SECONDS).topics.values()
        asked = {TopicPartition(t.topic, p): OffsetSpec.earliest() for t in topics for p in t.partitions}
        first = {at: future.result().offset for at, future in admin.list_offsets(asked).items()} if asked else {}
        return {(at.topic, at.partition): offset for at, offset in first.items() if offset > 0}

    def _command(self, line: str) -> None:
        process = self._running()
        assert process.stdin is not None
        try:
            process.stdin.write(line.encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        answer = self._line(ANSWER_SECONDS)
        if answer != "ok":
            raise ValueError(answer.removeprefix("error "))

    def _line(self, seconds: float) -> str:
        stdout = self._running().stdout
        assert stdout is not None
        readable, _, _ = select.select([stdout], [], [], seconds)
        if not readable:
            raise NoBroker(f"the embedded broker says nothing for {seconds:.0f} s; start another")
        line = stdout.readline().decode().strip()
        if not line:
            raise self._ended()
        return line

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise NoBroker("the embedded broker is not started")
        return self._process

    def _ended(self) -> NoBroker:
        process, errors = self._running(), self._errors
        code = process.wait()
        words = ""
        if errors is not None:
            errors.seek(0)
            words = errors.read()[-2000:].decode(errors="replace").strip()
        return NoBroker(f"the embedded broker ended with {code}: {words or 'it said nothing'}")

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)
