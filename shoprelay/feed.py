"""`shoprelay feed`: a shop's products as a file that a platform fetches, written whole or not at all."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from aiohttp import web
from rich.markup import escape

from schemas import signals
from shoprelay.parts import duration
from shoprelay.settings import Account, Configuration
from shoprelay.terminal import Config, account_of, configuration_of, fail, out
from sinks.feed import Feed, Stocked, Written, written
from streams.domain.catalog import ProductState, decode, total

READ_SECONDS = 120.0  # how long reading all products may take


def feed(
    name: Annotated[str, typer.Argument(metavar="SINK", help="A name under \\[sinks]")],
    file: Annotated[Path, typer.Option("--out", dir_okay=False, help="For a web server to hand out")],
    every: Annotated[str, typer.Option(help="Write it again and again, such as 15m; empty: once")] = "",
    serve: Annotated[str, typer.Option(metavar="HOST:PORT", help="Hand it out here, too; needs --every")] = "",
    variants: Annotated[
        bool, typer.Option("--variants", help="An entry for each variant, not for each product")
    ] = False,
    config: Config = None,
) -> None:
    """Writes the products told so far as the platform's feed file; an alternative to its catalog API."""
    configuration = configuration_of(config)
    account = account_of(configuration, name)
    declared = feed_of(account)
    try:
        seconds = duration(every) if every else timedelta(0)
    except ValueError as wrong:
        fail([f"--every {wrong}"])
    assert isinstance(seconds, timedelta)
    if serve and not (every and serve.rpartition(":")[2].isdecimal()):
        fail(["--serve takes HOST:PORT, and needs --every: who writes once is gone before anybody asks"])
    if not asyncio.run(_run(configuration, account, declared, file, seconds, variants, serve)):
        raise typer.Exit(1)


def feed_of(account: Account) -> Feed:
    """What the platform's folder declares; ends the command where it declares none."""
    platform = account.settings.platform
    try:
        found: Feed = import_module(f"sinks.{platform}.feed").FEED
    except ModuleNotFoundError:
        fail([f"sinks.{account.name}: {platform} fetches no feed"])
    return found


@asynccontextmanager
async def served(file: Path, address: str) -> AsyncIterator[str]:
    """`GET /<name of the file>`, with `ETag` and `Last-Modified`, and nothing else of that folder. Yields the address;
    404 until the file is there."""

    async def handed_out(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(file, headers={"Content-Type": "application/json"})

    app = web.Application()
    app.router.add_get(f"/{quote(file.name)}", handed_out)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, _, port = address.rpartition(":")
    try:
        await web.TCPSite(runner, host or "127.0.0.1", int(port)).start()
        yield f"http://{host or '127.0.0.1'}:{runner.addresses[0][1]}/{quote(file.name)}"
    finally:
        await runner.cleanup()


async def _run(
    configuration: Configuration,
    account: Account,
    declared: Feed,
    file: Path,
    every: timedelta,
    variants: bool,
    serve: str,
) -> bool:
    from shoprelay.connections import names_of
    from streams.engine.mirror import Mirror
    from streams.engine.settings import EngineSettings

    with tempfile.TemporaryDirectory() as unused:
        settings = EngineSettings(
            bootstrap=configuration.settings.kafka.bootstrap,
            group=f"{configuration.settings.topics.prefix}shoprelay-feed",
            state_dir=Path(unused),
            embedded_broker=configuration.settings.kafka.embedded,
            security=configuration.settings.kafka.security(),
        )
        mirror = Mirror(settings, names_of(configuration).catalog_changelog.name)
        async with mirror, AsyncExitStack() as open_doors:
            if serve:
                address = await open_doors.enter_async_context(served(file, serve))
                out.print(f"handed out at {escape(address)}", highlight=False, soft_wrap=True)
            try:
                await asyncio.wait_for(mirror.ready.wait(), READ_SECONDS)
            except TimeoutError:
                fail([f"the products could not be read within {READ_SECONDS:.0f} s; is Kafka there?"])
            while True:
                told = products(mirror.items(), frozenset(account.settings.shops))
                good = put(file, written(declared, told, account.config, variants=variants), declared.most_bytes)
                if not every:
                    return good
                await asyncio.sleep(every.total_seconds())


def products(stored: Iterator[tuple[bytes, bytes]], shops: frozenset[str]) -> Iterator[Stocked]:
    """Those that are told and not deleted, by their keys, with the latest stock of each variant and place; of all
    shops when none is named. Raises as `streams.domain.catalog.decode`."""
    for key, value in sorted(stored):
        shop = key.decode().rpartition("/p:")[0]
        state = decode(value)
        if state.product is not None and not state.deleted and (not shops or shop in shops):
            yield state.product, _stocks(state)


def _stocks(state: ProductState) -> tuple[signals.StockChanged, ...]:
    assert state.product is not None
    found = []
    for name, stock in sorted(state.stocks.items(), key=lambda each: each[1].at):
        variant_id, sku, location = (part or None for part in name.split("\x1f"))
        found.append(
            signals.StockChanged(
                total=total(state.stocks, name.rpartition("\x1f")[0]),
                product_id=state.product.product_id,
                variant_id=variant_id,
                sku=sku,
                quantity=stock.quantity,
                location=location,
            )
        )
    return tuple(found)


def put(file: Path, told: Written, most_bytes: int) -> bool:
    """In the place of the old file at once: whoever reads meanwhile gets one of the two whole. A file that is too
    large for the platform leaves the old one where it is."""
    for reason, many in told.left_out.most_common():
        out.print(f"[yellow]![/] {many} products are left out: {escape(reason)}", highlight=False, soft_wrap=True)
    if len(told.body) > most_bytes:
        out.print(f"[red]✗[/] {len(told.body)} bytes; the platform takes at most {most_bytes}", highlight=False)
        return False
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(told.body)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
    out.print(f"[green]✓[/] {escape(str(file))}: {told.entries} entries", highlight=False, soft_wrap=True)
    return True
