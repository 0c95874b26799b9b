"""`--dry-run`: the whole file read and judged, and what each sink would be told of the first facts. Nothing leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from schemas.events import ShopEvent
from shoprelay.backfill.progress import ProgressFile
from shoprelay.backfill.run import Run
from shoprelay.backfill.sample import Memory, Said, personal, words
from shoprelay.parked.speech import odd, say
from shoprelay.settings import Account
from streams.domain.policy import Policy

HIDDEN = "•••"
LOOKED_THROUGH = 200  # facts, for samples that say something
SHOWN_BYTES = 4_000  # of one body
_ADDRESS = re.compile(r"[^\s\"'<>@]+@[^\s\"'<>@]+")


class Samples:
    """Takes the place of the publisher: keeps what the first facts lead to, and lets all else pass."""

    def __init__(self, accounts: Mapping[str, Account], policy: Policy, wanted: int) -> None:
        self._accounts, self.wanted = accounts, wanted
        self._memory, self._looked = Memory(policy), 0
        self.said: list[tuple[ShopEvent, list[Said]]] = []

    def publish(self, event: ShopEvent) -> None:
        if len(self.said) >= self.wanted or self._looked >= LOOKED_THROUGH:
            return
        self._looked += 1
        said = [each for signal in self._memory.told(event) for each in words(signal, self._accounts)]
        if any(each.calls for each in said) or (said and not self._accounts):
            self.said.append((event, said))

    def flush(self) -> None:
        pass


class Nowhere(ProgressFile):
    """A dry run leaves only the report of what was refused."""

    def save(self, saved: Any) -> None:
        pass


def show_samples(out: Console, samples: Samples, show_personal: bool) -> None:
    for event, said in samples.said:
        kind, at = type(event.payload).__name__, event.occurred_at.strftime("%Y-%m-%d %H:%M:%S")
        out.print()
        say(out, f"{kind} {event.event_id}, {at} UTC", "▸", "bold")
        for each in said:
            _show(out, each, show_personal)


def _show(out: Console, said: Said, show_personal: bool) -> None:
    if not said.calls:
        say(out, f"  {said.account}: {type(said.signal.payload).__name__} {said.why}")
    hidden = [] if show_personal else personal(said.signal)
    for call in said.calls:
        say(out, f"  {said.account}: {call.says}: {call.method} {_text(call.path, hidden, show_personal)}")
        for line in _lines(call.body, hidden, show_personal):
            say(out, f"    {line}")


def _lines(body: bytes, hidden: list[str], show_personal: bool) -> Iterator[str]:
    if not body:
        return
    try:
        shown = orjson.dumps(_covered(orjson.loads(body), hidden, show_personal), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        shown = _text(body.decode(errors="replace"), hidden, show_personal)
    yield from shown[:SHOWN_BYTES].splitlines()
    if len(shown) > SHOWN_BYTES:
        yield f"… {len(shown) - SHOWN_BYTES:,} more characters"


def _covered(value: Any, hidden: list[str], show_personal: bool) -> Any:
    if isinstance(value, dict):
        return {name: _covered(each, hidden, show_personal) for name, each in value.items()}
    if isinstance(value, list):
        return [_covered(each, hidden, show_personal) for each in value]
    return _text(value, hidden, show_personal) if isinstance(value, str) else value


def _text(text: str, hidden: list[str], show_personal: bool) -> str:
    """Short texts (a country's code) are hidden only where they stand alone."""
    if show_personal:
        return text
    if text in hidden:
        return HIDDEN
    for each in hidden:
        if len(each) > 3:
            text = text.replace(each, HIDDEN)
    return _ADDRESS.sub(HIDDEN, text)


def dry_run(out: Console, run: Run, samples: Samples, show_personal: bool, report: Path) -> None:
    """After the whole file was read."""
    show_samples(out, samples, show_personal)
    if samples.wanted and not samples.said:
        odd(out, "none of the first facts lead to a call" if run.tally.told else "the file holds no facts")
    if run.tally.lines_refused:
        out.print()
        odd(out, f"these lines would be refused: {report}")
