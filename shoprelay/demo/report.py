"""The table at the end of the demo."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from shoprelay.demo.reference import Expected, Told
from shoprelay.demo.simulate import OUTAGE
from shoprelay.demo.stage import SINKS

Labels = tuple[str, ...]


@dataclass(slots=True)
class Outcome:
    """`did` is what the stand-ins have stored, `metrics` and `stats` what processes and stand-ins say of themselves."""

    should: Expected
    start: float
    speed: float
    told: int = 0
    did: Counter[Told] = field(default_factory=Counter)
    arrived: dict[Told, list[float]] = field(default_factory=dict)
    changed_at: float = 0.0
    metrics: dict[str, str] = field(default_factory=dict)
    stats: dict[str, Any] = field(default_factory=dict)
    differences: list[tuple[str, Told, int]] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """Calls that differ, and counts that differ from the model's though all calls are right."""
        found = [f"{kind}: {times} × {told}" for kind, told, times in self.differences]
        for name, should, did in self.counts():
            if should != did:
                found.append(f"{name}: {did}, should be {should}")
        return found

    def counts(self) -> list[tuple[str, int, int]]:
        should = self.should.reminders
        withheld = sum(summed(self.metrics["sink-klaviyo"], "shoprelay_reminders_withheld_total").values())
        outcomes = summed(self.metrics["sink-klaviyo"], "shoprelay_reminders_total", "outcome")
        wrong = sum(summed(self.metrics["sink-klaviyo"], "shoprelay_reminders_proved_wrong_total").values())
        refused = sum(summed(self.metrics["worker"], "shoprelay_events_refused_total").values())
        return [
            ("reminders sent", should["sent"], int(outcomes.get(("sent",), 0))),
            ("reminders withheld", should["withheld"], int(withheld)),
            ("reminders proved wrong", should["proved wrong"], int(wrong)),
            ("records refused", self.should.refused, int(refused)),
        ]

    def delays(self, platform: str) -> list[float]:
        """Seconds from telling an event to the call it caused, sorted; what the outage held up is left out, and what
        was called for more than once."""
        down, up = OUTAGE
        return sorted(
            times[0] - (self.start + at / self.speed)
            for told, at in self.should.told_at.items()
            if told[0] == platform
            and not down <= at <= up + 60
            and self.should.calls[told] == 1
            and len(times := self.arrived.get(told, [])) == 1
        )

    @property
    def exact(self) -> bool:
        return not self.problems


def summed(text: str, name: str, *by: str) -> dict[Labels, float]:
    """Samples of one metric, added up by these labels."""
    sums: dict[Labels, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name:
                key = tuple(sample.labels.get(label, "") for label in by)
                sums[key] = sums.get(key, 0.0) + sample.value
    return sums


def quantile(values: list[float], q: float) -> float:
    """Of sorted values; the higher neighbour."""
    return values[min(len(values) - 1, int(q * len(values)))] if values else float("nan")


def report(out: Console, outcome: Outcome) -> None:
    worker = outcome.metrics["worker"]
    table = Table(title="One shop hour", title_justify="left", show_edge=False, pad_edge=False)
    for heading, justify in (("", "left"), ("", "left"), ("count", "right"), ("", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    heard = summed(worker, "shoprelay_events_heard_total", "event")
    table.add_row("events in", "told by the shop", str(outcome.told), "some twice, some nonsense")
    table.add_row("", "understood", f"{sum(heard.values()):.0f}")
    repeats = summed(worker, "shoprelay_fold_notes_total", "note").get(("repeated",), 0)
    table.add_row("", "told twice, taken once", f"{repeats:.0f}")
    table.add_section()
    for (signal,), count in sorted(summed(worker, "shoprelay_signals_concluded_total", "signal").items()):
        table.add_row("concluded" if signal == "CartAbandoned" else "", signal, f"{count:.0f}")
    table.add_section()
    for name in SINKS:
        for n, ((says, verdict), count) in enumerate(
            sorted(summed(outcome.metrics[f"sink-{name}"], "shoprelay_calls_total", "says", "verdict").items())
        ):
            table.add_row(f"calls to {name}" if n == 0 else "", says, f"{count:.0f}", verdict)
        table.add_section()
    for n, (what, should, did) in enumerate(outcome.counts()):
        agreed = "[green]as the model says[/]" if should == did else f"[red]the model says {should}[/]"
        table.add_row("" if n else "promises", what, str(did), agreed)
    for (reason,), count in sorted(
        summed(outcome.metrics["sink-klaviyo"], "shoprelay_reminders_withheld_total", "reason").items()
    ):
        table.add_row("", f"withheld: {reason}", f"{count:.0f}")
    out.print(table)
    for name in SINKS:
        if not (late := outcome.delays(name)):
            continue
        out.print(
            f"event told to call at {name}: p50 {quantile(late, 0.5) * 1000:.0f} ms, "
            f"p99 {quantile(late, 0.99) * 1000:.0f} ms ({len(late)} calls)"
        )
    for problem in outcome.problems[:40]:
        out.print(f"[red]✗[/] {problem}", highlight=False)
    count = sum(outcome.should.calls.values())
    verdict = "[green]✓ no difference[/]" if outcome.exact else f"[red]✗ {len(outcome.problems)} differences[/]"
    out.print(f"{count} calls compared with the reference model: {verdict}")
