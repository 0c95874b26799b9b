"""What every command shares: where it speaks, how it refuses, and the settings it reads first."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from shoprelay import settings
from shoprelay.filed import Misconfigured
from shoprelay.settings import Account, Asked, Configuration

out, err = Console(), Console(stderr=True)

Config = Annotated[Path | None, typer.Option("--config", "-c", help="Settings file; default ./shoprelay.toml")]


def fail(problems: list[str]) -> NoReturn:
    for problem in problems:  # one line each, and what somebody wrote into the settings is no markup
        err.print(f"[red]✗[/] {escape(problem)}", highlight=False, soft_wrap=True)
    raise typer.Exit(2)


def configuration_of(path: Path | None, needs_kafka: bool = True) -> Configuration:
    try:
        configuration = settings.load(path, os.environ)
    except Misconfigured as bad:
        fail(bad.problems)
    missing = []
    if needs_kafka and not configuration.settings.kafka.bootstrap:
        missing.append("kafka.bootstrap: required; set it in shoprelay.toml or in SHOPRELAY_KAFKA")
    if needs_kafka and not configuration.settings.registry.url:
        missing.append("registry.url: required; set it in shoprelay.toml or in SHOPRELAY_REGISTRY")
    if missing:
        fail(missing)
    return configuration


def running(command: Coroutine[Any, Any, int]) -> NoReturn:
    """Exits with what it returns; 0 when it is interrupted, which is how a listener ends."""
    from schemas.registry import RegistryError
    from streams.topics import TopicsUnavailable

    try:
        code = asyncio.run(command)
    except (TopicsUnavailable, RegistryError) as away:
        fail([str(away)])
    except KeyboardInterrupt:
        code = 0
    raise typer.Exit(code)


def account_of(configuration: Configuration, name: str) -> Account:
    account = configuration.accounts.get(name)
    if account is None:
        known = ", ".join(sorted(configuration.accounts)) or "none are set"
        fail([f"sinks.{name}: not in the settings; there are: {known}"])
    return account


def asked_of(configuration: Configuration, name: str) -> Asked:
    asked = configuration.asked.get(name)
    if asked is None:
        known = ", ".join(sorted(configuration.asked)) or "none are set"
        fail([f"sources.{name}: not in the settings; there are: {known}"])
    return asked
