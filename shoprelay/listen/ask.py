"""`shoprelay listen` as it is asked for on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from shoprelay.terminal import Config, configuration_of, err, out, running


def listen(
    shop: Annotated[str | None, typer.Option(help="Only what concerns this shop")] = None,
    customer: Annotated[str | None, typer.Option(help="Only this one: any of their names, or as shown")] = None,
    only: Annotated[list[str] | None, typer.Option(help="events, signals, refused or parked; may be repeated")] = None,
    since: Annotated[str | None, typer.Option(help="And what came since: 10m, 1d, or 2026-11-21T12:00")] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on with what comes")] = True,
    show_personal: Annotated[bool, typer.Option("--show-personal", help="Names instead of hashes")] = False,
    config: Config = None,
) -> None:
    """Shows what comes in and what becomes of it, as it happens; Ctrl-C ends it."""
    from shoprelay.listen.command import listen as begin
    from shoprelay.listen.options import wanted_of

    wanted = wanted_of(shop, customer, only, since, follow)
    running(begin(out, err, configuration_of(config), wanted, follow=follow, show_personal=show_personal))
