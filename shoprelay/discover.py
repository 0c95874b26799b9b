"""`shoprelay discover`: asks a platform where it is today, for those that can say."""

from __future__ import annotations

import asyncio
from importlib import import_module
from types import ModuleType
from typing import Annotated

import typer
from msgspec import structs

from shoprelay.settings import Account
from shoprelay.terminal import Config, account_of, configuration_of, err, fail, out
from sinks.contract import Answer, Call

LIMIT = 65_536
SECONDS = 30.0


def discover(
    name: Annotated[str, typer.Argument(metavar="SINK", help="A name under \\[sinks]")],
    at: Annotated[str | None, typer.Option(help="Another address to ask at: the stand-in's, say")] = None,
    config: Config = None,
) -> None:
    """Asks a platform where it is today, and prints the settings that lead there. Changes none; exits 1 without any."""
    account = account_of(configuration_of(config, needs_kafka=False), name)
    module = _discovery(account)
    call: Call = module.ask(account.config)
    answer = asyncio.run(_send(call if at is None else structs.replace(call, path=at)))
    found: dict[str, str] | None = module.read(answer) if 200 <= answer.status < 300 else None
    if found is None:
        err.print(
            f"[red]✗[/] sinks.{name}: no address in the answer ({answer.fault or answer.status})", highlight=False
        )
        raise typer.Exit(1)
    out.print(f"[sinks.{name}.config]", highlight=False, markup=False)
    for setting, url in found.items():
        known = "  # as it is" if getattr(account.config, setting) == url else ""
        out.print(f'{setting} = "{url}"{known}', highlight=False, markup=False, soft_wrap=True)


def _discovery(account: Account) -> ModuleType:
    try:
        return import_module(f"sinks.{account.sink.name}.discovery")
    except ModuleNotFoundError:
        fail([f"sinks.{account.name}: {account.sink.name} cannot be asked where it is; its addresses are settings"])


async def _send(call: Call) -> Answer:
    from streams.delivery.http import HttpTransport

    transport = HttpTransport("", dict, LIMIT, 1)
    try:
        return await asyncio.wait_for(transport.send(call), SECONDS)
    except TimeoutError:
        return Answer(0, fault="timeout")
    finally:
        await transport.close()
