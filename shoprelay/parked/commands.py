"""`shoprelay parked …`: what is asked for on the command line, in the words of the rooms that do it."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shoprelay.parts import duration
from shoprelay.terminal import Config, account_of, configuration_of, err, fail, out

if TYPE_CHECKING:
    from shoprelay.parked.selection import Wanted
    from shoprelay.parked.session import Session

app = typer.Typer(
    no_args_is_help=True, help="Calls a platform would not take: look at them, send them again, drop them."
)

SinkName = Annotated[str, typer.Argument(metavar="SINK", help="A name under \\[sinks]")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids, or their beginnings")]
Reason = Annotated[str | None, typer.Option(help="Those whose reason begins like this")]
Customer = Annotated[str | None, typer.Option(help="Those of this customer's key")]
Since = Annotated[str | None, typer.Option(help="Last tried since: 2h, 1d, or 2026-11-21T12:00")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many")]
Rate = Annotated[str | None, typer.Option(help="At most so many: 50/s, 600/min")]
Wait = Annotated[str, typer.Option(help="Stop waiting when the sink does nothing for so long")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Ask, and do not wait for what becomes of it")]

_PER = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}


@app.command("list")
def list_(
    sink: SinkName, reason: Reason = None, customer: Customer = None, since: Since = None, limit: Limit = None,
    json: Annotated[bool, typer.Option("--json", help="A line of JSON for each, ids in full")] = False,
    config: Config = None,
) -> None:  # fmt: skip
    """What is parked, the last tried first, and how much of it for which reason."""
    now = datetime.now(UTC)
    wanted = _wanted(None, reason, customer, since, limit, now)

    async def act(session: Session) -> int:
        from shoprelay.parked.looking import list_parked

        return list_parked(out, err, session, wanted, now, json=json)

    _run(config, sink, act)


@app.command()
def show(sink: SinkName, id: Annotated[str, typer.Argument(help="An id, or its beginning")],
         config: Config = None) -> None:  # fmt: skip
    """Everything about one: the signal, what was sent, what came back."""

    async def act(session: Session) -> int:
        from shoprelay.parked.looking import show_parked

        return await show_parked(out, err, session, id)

    _run(config, sink, act)


@app.command()
def redrive(
    sink: SinkName, ids: Ids = None, reason: Reason = None, customer: Customer = None, since: Since = None,
    limit: Limit = None, rate: Rate = None,
    with_openers: Annotated[bool, typer.Option("--with-openers", help="And first what these wait behind")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and in which order")] = False,
    no_wait: NoWait = False, wait: Wait = "30s", config: Config = None,
) -> None:  # fmt: skip
    """Sends parked calls again, in order, with whatever waits behind them; all of them unless told which."""
    now = datetime.now(UTC)
    wanted = _wanted(ids, reason, customer, since, limit, now)
    per_second, patience = rate_of(rate), 0.0 if no_wait else _seconds("--wait", wait)

    async def act(session: Session) -> int:
        from shoprelay.parked.second_way import How, redrive

        how = How(rate=per_second, patience=patience)
        return await redrive(out, err, session, wanted, how, now, with_openers=with_openers, dry_run=dry_run)

    _run(config, sink, act)


@app.command()
def drop(
    sink: SinkName, ids: Ids = None, reason: Reason = None, customer: Customer = None, since: Since = None,
    limit: Limit = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    no_wait: NoWait = False, wait: Wait = "30s", config: Config = None,
) -> None:  # fmt: skip
    """Lets parked calls go for ever, and sends what waited behind them."""
    now = datetime.now(UTC)
    wanted = _wanted(ids, reason, customer, since, limit, now)
    patience = 0.0 if no_wait else _seconds("--wait", wait)
    if not (ids or reason or customer or since or limit):
        fail(["drop: which? name ids, or --reason, --customer, --since or --limit"])

    async def act(session: Session) -> int:
        from shoprelay.parked.second_way import How, drop

        return await drop(out, err, session, wanted, How(patience=patience), now, agreed=_agreed(yes))

    _run(config, sink, act)


def _agreed(yes: bool) -> Callable[[str], bool]:
    return lambda question: yes or (sys.stdin.isatty() and typer.confirm(question))


def _run(config: Path | None, name: str, act: Callable[[Session], Awaitable[int]]) -> None:
    configuration = configuration_of(config)
    account_of(configuration, name)
    from schemas.registry import RegistryError
    from shoprelay.parked.session import opened
    from shoprelay.publish import NotPublished
    from streams.topics import TopicsUnavailable

    async def session() -> int:
        async with opened(out, configuration, name) as ready:
            return await act(ready)

    again = "run the same command again to go on: what is done already is not done twice"
    try:
        sys.exit(asyncio.run(session()))
    except (TopicsUnavailable, RegistryError) as away:
        fail([str(away)])
    except NotPublished as refused:
        err.print(f"[red]✗[/] {refused}; {again}", highlight=False, soft_wrap=True)
    except KeyboardInterrupt:
        err.print(f"[yellow]![/] stopped; {again}", highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def _wanted(
    ids: list[str] | None, reason: str | None, customer: str | None, since: str | None, limit: int | None, now: datetime
) -> Wanted:
    from shoprelay.parked.selection import Wanted

    at = moment_of(since, now) if since else None
    return Wanted(ids=tuple(ids or ()), reason=reason, customer=customer, since=at, limit=limit)


def moment_of(since: str, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(since)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except ValueError:
        pass
    try:
        return now - duration(since)  # type: ignore[no-any-return, operator]
    except ValueError:
        fail([f"--since {since}: neither a duration nor a time; write 2h, 1d or 2026-11-21T12:00 (UTC)"])


def _seconds(option: str, value: str) -> float:
    try:
        return duration(value).total_seconds()  # type: ignore[no-any-return, attr-defined]
    except ValueError as wrong:
        fail([f"{option}: {wrong}"])


def rate_of(rate: str | None) -> float | None:
    if rate is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/(s|min|m|h))?", rate)
    if not found or float(found[1]) == 0:
        fail([f"--rate {rate}: not a rate; write 50/s or 600/min"])
    return float(found[1]) / _PER[found[2] or "s"]
