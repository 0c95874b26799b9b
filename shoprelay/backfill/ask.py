"""`shoprelay backfill` as it is asked for on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from shoprelay.terminal import Config, configuration_of


def backfill(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, metavar="FILE…", help="Plain or .gz")],
    shop: Annotated[str, typer.Option(help="The shop whose history this is")],
    format: Annotated[str, typer.Option(help="jsonl, shopify, woocommerce, …: docs/history.md")],
    currency: Annotated[str | None, typer.Option(help="Where the file names none; else as the format has it")] = None,
    time_zone: Annotated[str, typer.Option(help="Of times without an offset: Europe/London")] = "UTC",
    until: Annotated[str | None, typer.Option(help="Only what happened before: 2026-11-01")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and judge all of it, show calls, tell nobody")
    ] = False,
    samples: Annotated[int, typer.Option(min=0, help="Facts whose calls a dry run shows")] = 3,
    show_personal: Annotated[bool, typer.Option("--show-personal", help="Names and addresses in those calls")] = False,
    again: Annotated[bool, typer.Option("--again", help="From the beginning, whatever was told before")] = False,
    ahead: Annotated[
        int, typer.Option(min=0, help="At most so many events wait for the workers; 0: any number")
    ] = 5_000,
    rate: Annotated[str | None, typer.Option(help="At most so many: 500/s, 60000/h")] = None,
    progress: Annotated[Path, typer.Option(metavar="FOLDER", help="Where it keeps how far it is")] = Path(
        ".shoprelay/backfill"
    ),
    config: Config = None,
) -> None:
    """Tells a shop's history from files, behind what is live; goes on where it was after a kill."""
    from shoprelay.backfill.options import history_of
    from shoprelay.backfill.start import start

    asked = history_of(format, shop, currency, time_zone, until, rate, again=again, ahead=ahead, samples=samples,
                     show_personal=show_personal, folder=progress)  # fmt: skip
    sys.exit(start(configuration_of(config, needs_kafka=not dry_run), files, asked, dry_run))
