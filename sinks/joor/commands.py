"""`shoprelay joor …`: what concerns JOOR and is no call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sinks.joor.template import COLUMNS, Unreadable, template

app = typer.Typer(no_args_is_help=True, help="What JOOR takes by hand.")


@app.callback()
def joor() -> None:
    """A group, though it has one command: others may follow."""


@app.command("template")
def write_template(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="One JSON object per line and customer")],
    out: Annotated[Path, typer.Option(help="The CSV to write")],
    columns: Annotated[str, typer.Option(help="The template's columns, in order, separated by commas")] = "",
) -> None:
    """Wholesale customers that are not in the shop, as the template that JOOR's Data Services take."""
    wanted = tuple(name.strip() for name in columns.split(",") if name.strip()) or COLUMNS
    try:
        text, rows = template(file.read_text(encoding="utf-8").splitlines(), wanted)
    except (Unreadable, UnicodeDecodeError) as wrong:
        for problem in wrong.problems if isinstance(wrong, Unreadable) else ["the file is not UTF-8"]:
            typer.echo(f"✗ {problem}", err=True)
        raise typer.Exit(2) from None
    out.write_text(text, encoding="utf-8", newline="")
    typer.echo(f"✓ {out}: {rows} customers")
