"""`shoprelay backfill`: files in, history told; each returns its exit code. The hands around `run`."""

from __future__ import annotations

import asyncio
import signal
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from rich.console import Console

from shoprelay.backfill.dry import Nowhere, Samples, dry_run
from shoprelay.backfill.pace import Ahead, Line
from shoprelay.backfill.progress import FOLDER, ProgressFile
from shoprelay.backfill.reading import Source, Unusable
from shoprelay.backfill.run import Run
from shoprelay.backfill.speech import all_files, bar, summary
from shoprelay.backfill.tally import Tally
from shoprelay.connections import librdkafka_of, names_of, publisher_of
from shoprelay.parked.speech import bad, good, odd
from shoprelay.policies import policy_of
from shoprelay.publish import NotPublished, Publisher
from shoprelay.sections import Shop
from shoprelay.settings import Configuration
from sources.backfill.format import Format, Telling
from streams.domain.policy import Policy
from streams.topics import TopicsUnavailable

SECONDS = 15.0  # until Kafka must have answered
IN_FLIGHT = {  # what waits for its ack: enough to keep the broker busy, little enough to stay in memory
    "queue.buffering.max.messages": 20_000,
    "queue.buffering.max.kbytes": 32_768,
    "message.timeout.ms": 60_000,
}
AGAIN = "run the same command again to go on: it begins after what the broker has"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line said. `ahead` events may wait for the workers (0: any number)."""

    format: Format
    shop: str
    currency: str
    zone: tzinfo
    until: datetime | None = None
    again: bool = False
    ahead: int = 5_000
    rate: float | None = None
    samples: int = 3
    show_personal: bool = False
    folder: Path = FOLDER

    def telling(self, file: Path) -> Telling:
        return Telling(self.shop, self.currency, self.zone, datetime.fromtimestamp(int(file.stat().st_mtime), UTC))

    def words(self) -> tuple[str, ...]:
        return self.format.name, self.shop, self.currency, str(self.zone), str(self.until or "")


def try_out(out: Console, configuration: Configuration, files: list[Path], asked: Asked) -> int:
    """A dry run: 0 when the files can be read, 2 when one is not of this format."""
    tallies = []
    for file in files:
        policy = _policy(configuration, asked.shop)
        progress = Nowhere(ProgressFile.of(file, ("dry", *asked.words()), asked.folder).path)
        samples = Samples(configuration.accounts, policy, asked.samples)
        with Source(file) as source:
            run = Run(source, asked.format, asked.telling(file), policy, samples, progress, asked.until)
            run.begin(None)
            if code := _guarded(out, file, partial(_watched, out, run, "looking at")):
                return code
        summary(out, run.tally, run.spot, None)
        dry_run(out, run, samples, asked.show_personal, progress.report().path)
        good(out, f"{file.name}: nothing was told; without --dry-run it would be {run.tally.told:,} facts")
        tallies.append(run.tally)
    if len(files) > 1:
        all_files(out, tallies)
    return 0


def tell(out: Console, configuration: Configuration, files: list[Path], asked: Asked) -> int:
    """0 when the broker has every fact of every file, refused lines or not; 1 when it stopped before; 2 when a file
    cannot be used. Raises `TopicsUnavailable` and `RegistryError`."""
    cluster = _cluster(configuration)
    publisher = asyncio.run(publisher_of(configuration, IN_FLIGHT))
    tallies: list[Tally] = []
    with _interrupted() as stopping:
        for file in files:
            told = (cluster, configuration.settings.topics.prefix, *asked.words())
            progress = ProgressFile.of(file, told, asked.folder)
            code = _tell_one(out, configuration, file, progress, asked, publisher, stopping, tallies)
            if code:
                return code
    if len(files) > 1:
        all_files(out, tallies)
    return 0


def _tell_one(
    out: Console, configuration: Configuration, file: Path, progress: ProgressFile, asked: Asked,
    publisher: Publisher, stopping: Callable[[], bool], tallies: list[Tally],
) -> int:  # fmt: skip
    saved = None if asked.again else progress.load()
    if saved is not None and saved.finished:
        good(out, f"{file.name}: told already, at {saved.saved_at:%Y-%m-%d %H:%M} UTC; --again tells it once more")
        summary(out, saved.tally, saved.spot, progress.report().path)
        tallies.append(saved.tally)
        return 0
    with Source(file) as source:
        policy = _policy(configuration, asked.shop)
        run = Run(
            source, asked.format, asked.telling(file), policy, publisher, progress, asked.until, stopping=stopping
        )
        run.begin(saved)
        if saved is not None:
            odd(out, f"{file.name}: goes on after line {saved.spot.line:,}, saved at {saved.saved_at:%H:%M:%S} UTC")
        code = _guarded(out, file, partial(_watched, out, run, file.name, _line(configuration), asked))
    if code and not stopping():  # what was published last may not have arrived: there is nothing to sum up
        return code
    summary(out, run.tally, run.spot, progress.report().path)
    tallies.append(run.tally)
    if code:
        return 1
    good(out, f"{file.name}: {run.tally.told:,} facts told, all of them acked")
    return 0


def _watched(out: Console, run: Run, what: str, line: Line | None = None, asked: Asked | None = None) -> bool:
    """With a bar, and at the pace that was asked for."""
    already, waited = run.tally.told, list[int]()
    with bar(out) as shown:
        task = shown.add_task(what, total=run.source.size, completed=0, told=0, more="")

        def waits(behind: int) -> None:
            if behind and not out.is_terminal and not waited:
                odd(out, f"waits: {behind:,} events have not been taken in by the workers yet")
            waited.append(behind)
            shown.update(task, more=f"waiting: the workers are {behind:,} behind" if behind else "")

        def heard(place: int, tally: Tally) -> None:
            shown.update(task, completed=place, told=tally.told - already)

        run.shown = heard
        if line is not None and asked is not None:
            run.pace = Ahead(line, asked.ahead, asked.rate, run.stopping, waits)
        return run.tell()


def _guarded(out: Console, file: Path, act: Callable[[], bool]) -> int:
    try:
        finished = act()
    except NotPublished as lost:
        bad(out, f"{lost}; {AGAIN}")
        return 1
    except Unusable as wrong:
        bad(out, str(wrong))
        return 2
    except (EOFError, zlib.error, OSError) as damaged:
        bad(out, f"{file.name}: cannot be read to its end ({type(damaged).__name__}): is it a whole file?")
        return 2
    if not finished:
        odd(out, f"stopped; {AGAIN}")
    return 0 if finished else 1


# -- what is around it


def _policy(configuration: Configuration, shop: str) -> Policy:
    shops = configuration.settings.shops
    return policy_of(shops.get(shop) or shops.get("default") or Shop())


def _line(configuration: Configuration) -> Line:
    names, kafka = names_of(configuration), configuration.settings.kafka
    group = f"{configuration.settings.topics.prefix}shoprelay"
    return Line(librdkafka_of(kafka), (names.shop_events.name, names.customer_events.name), group)


def _cluster(configuration: Configuration) -> str:
    """Its id: what was told to another cluster was not told to this one. Raises `TopicsUnavailable`."""
    admin: Any = AdminClient({"log_level": 0, **librdkafka_of(configuration.settings.kafka)})
    topic = names_of(configuration).shop_events.name
    try:
        known = admin.list_topics(timeout=SECONDS)
    except KafkaException as silent:
        why = silent.args[0].str()
        raise TopicsUnavailable(
            f"Kafka does not answer: {why}; check kafka.bootstrap and the security settings"
        ) from None
    if topic not in known.topics:
        raise TopicsUnavailable(f"{topic}: there is no such topic; run `shoprelay topics create`")
    return str(known.cluster_id or configuration.settings.kafka.bootstrap)


@contextmanager
def _interrupted() -> Iterator[Callable[[], bool]]:
    """Answers whether somebody wants it to stop. The second time it stops at once."""
    asked: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _: FrameType | None) -> None:
        asked.append(number)
        signal.signal(number, signal.default_int_handler)

    for number in before:
        signal.signal(number, stop)
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
