"""The badge table: every behaviour and what each sink makes of it, and below it what is to be done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shoprelay.certificate.certify import CHAPTERS, Finding, Outcome

BADGES = {
    Outcome.KEPT: "[green]✓[/]",
    Outcome.BROKEN: "[bold red]✗[/]",
    Outcome.NOT_APPLICABLE: "[dim]–[/]",
    Outcome.UNFILLED: "[yellow]○[/]",
}
GUIDE = "docs/add-a-sink.md"

Findings = Mapping[str, Sequence[Finding]]  # by sink


def show(out: Console, found: Findings) -> None:
    out.print(_table(found))
    for name, findings in found.items():
        for line in _lines(name, findings):
            out.print(line, highlight=False, soft_wrap=True)


def _table(found: Findings) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("", justify="right", style="dim")
    table.add_column("behaviour")
    for name in found:
        table.add_column(name, justify="center")
    chapter = 0
    for row in zip(*found.values(), strict=True):
        behaviour = row[0].behaviour
        if behaviour.place[0] != chapter:
            chapter = behaviour.place[0]
            table.add_section()
            table.add_row(str(chapter), f"[bold]{CHAPTERS[chapter][0]}[/]", *("" for _ in found))
        table.add_row(behaviour.number, behaviour.title, *(BADGES[finding.outcome] for finding in row))
    return table


def _lines(name: str, findings: Sequence[Finding]) -> Iterator[str]:
    by_outcome: dict[Outcome, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_outcome[finding.outcome].append(finding)
    for finding in by_outcome[Outcome.BROKEN]:
        yield f"{BADGES[Outcome.BROKEN]} {name} {finding.behaviour.number}: {escape(finding.note)}"
    not_asked: dict[str, list[str]] = defaultdict(list)
    for finding in by_outcome[Outcome.NOT_APPLICABLE]:
        not_asked[finding.note].append(finding.behaviour.number)
    for note, numbers in not_asked.items():
        yield f"[dim]– {name} {', '.join(numbers)}: {escape(note)}[/]"
    to_fill: dict[tuple[int, str], list[str]] = defaultdict(list)
    for finding in by_outcome[Outcome.UNFILLED]:
        for todo in finding.todo:
            to_fill[todo].append(finding.behaviour.number)
    if to_fill:
        yield f"To fill, in the order of {GUIDE}:"
    for (step, note), numbers in sorted(to_fill.items(), key=lambda each: each[0][0]):
        waiting = ", ".join(numbers) if len(numbers) < 4 else f"{len(numbers)} behaviours"
        yield f"{BADGES[Outcome.UNFILLED]} step {step}: {escape(note)} [dim]({waiting})[/]"
    yield _summary(name, findings, by_outcome)


def _summary(name: str, findings: Sequence[Finding], by_outcome: Mapping[Outcome, Sequence[Finding]]) -> str:
    seconds = sum(finding.seconds for finding in findings)
    if broken := len(by_outcome.get(Outcome.BROKEN, ())):
        word = f"[bold red]{name} is not certified[/]: {broken} of {len(findings)} behaviours are broken"
    elif open_ := len(by_outcome.get(Outcome.UNFILLED, ())):
        word = f"[yellow]{name} is an empty form[/], and a good one: {open_} of {len(findings)} behaviours wait for it"
    else:
        kept, asked = len(by_outcome[Outcome.KEPT]), len(findings) - len(by_outcome.get(Outcome.NOT_APPLICABLE, ()))
        word = f"[bold green]{name} is certified[/]: {kept} of {asked} behaviours that apply"
    return f"{word}, {seconds:.1f} s"
