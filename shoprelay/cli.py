"""The command line. Every command reads the settings first, names all problems at once, and exits 2 if there are."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from shoprelay.backfill.ask import backfill
from shoprelay.discover import discover
from shoprelay.feed import feed
from shoprelay.filed import FILE
from shoprelay.listen.ask import listen
from shoprelay.parked.commands import app as parked_app
from shoprelay.settings import Configuration
from shoprelay.terminal import Config, account_of, asked_of, configuration_of, fail, out

if TYPE_CHECKING:
    from streams.security import Security
    from streams.topics import Topic

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
topics_app = typer.Typer(no_args_is_help=True, help="The Kafka topics Shoprelay needs.")
schemas_app = typer.Typer(no_args_is_help=True, help="The Avro schemas: the public contract.")
app.add_typer(topics_app, name="topics")
app.add_typer(schemas_app, name="schemas")
app.add_typer(parked_app, name="parked")
app.command()(backfill)
app.command()(listen)
app.command()(discover)
app.command()(feed)
LogForm = Annotated[str, typer.Option("--log", help="auto, json or console")]


def _logs(form: str) -> None:
    from shoprelay import logs

    if form not in ("auto", "json", "console"):
        fail([f"--log {form}: one of auto, json, console"])
    logs.configure(form)  # type: ignore[arg-type]


@app.command()
def worker(config: Config = None, log: LogForm = "auto") -> None:
    """Ingest, fold and deadlines: shop events in, signals out. Start as many as you like."""
    _logs(log)
    from shoprelay.worker_process import run_worker

    run_worker(configuration_of(config))


@app.command()
def sink(name: Annotated[str, typer.Argument(metavar="SINK", help="A name under \\[sinks]")], config: Config = None,
         log: LogForm = "auto") -> None:  # fmt: skip
    """Tells one platform: signals in, calls out."""
    _logs(log)
    from shoprelay.sink_process import run_sink

    configuration = configuration_of(config)
    sys.exit(run_sink(configuration, account_of(configuration, name)))


@app.command()
def collect(config: Config = None, log: LogForm = "auto") -> None:
    """Takes what shops post, and answers when the broker has it. Start as many as you like behind a load balancer."""
    _logs(log)
    from shoprelay.collector.process import run_collector

    sys.exit(run_collector(configuration_of(config)))


@app.command()
def retell(name: Annotated[str, typer.Argument(metavar="SINK", help="A name under \\[sinks]")],
           config: Config = None) -> None:  # fmt: skip
    """Everything known is told to a platform once more, when its sink starts the next time: after an import, say."""
    from shoprelay.retell import retell as forget

    configuration = configuration_of(config)
    account = account_of(configuration, name)
    if account.sink.mass is None:
        fail([f"sinks.{name}: {account.settings.platform} is not told everything at the beginning"])
    forget(configuration, account)
    out.print(f"[green]✓[/] {escape(name)} tells everything known once more: stop and start its sink", soft_wrap=True)


@app.command()
def gateway(config: Config = None, log: LogForm = "auto") -> None:
    """Answers the shop's backend: stock, delivery, customers, orders; the platform's token stays here."""
    _logs(log)
    from shoprelay.gateway.process import run_gateway

    front = configuration_of(config, needs_kafka=False).front
    if front is None:
        fail(["gateway: not in the settings; docs/gateway.md has an example"])
    sys.exit(run_gateway(front))


@app.command()
def poll(name: Annotated[str, typer.Argument(metavar="SOURCE", help="A name under \\[sources]")], config: Config = None,
         log: LogForm = "auto") -> None:  # fmt: skip
    """Asks one platform that does not tell: its answers in, shop events out."""
    _logs(log)
    from shoprelay.poll_process import run_poll

    configuration = configuration_of(config)
    sys.exit(run_poll(configuration, asked_of(configuration, name)))


@app.command()
def cdc(shop: Annotated[str, typer.Argument(metavar="SHOP", help="A shop with \\[shops.SHOP.cdc.connector]")],
        config: Config = None, log: LogForm = "auto") -> None:  # fmt: skip
    """Reads a shop's database with Debezium's engine, where there is no Kafka Connect; needs Java 17."""
    _logs(log)
    from shoprelay.cdc.engine import missing
    from shoprelay.cdc.process import NotThere, run_cdc

    configuration = configuration_of(config)
    database = configuration.settings.databases.get(shop)
    if database is None or "connector.class" not in database.connector:
        fail([f"shops.{shop}.cdc.connector: no connector.class; docs/connect-your-shop.md has an example"])
    if problems := missing():
        fail(problems)
    try:
        sys.exit(run_cdc(configuration, shop))
    except NotThere as wrong:
        fail([str(wrong)])


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards and print the addresses")] = False,
    seed: Annotated[int, typer.Option(help="Another seed is another shop hour")] = 7,
    people: Annotated[int, typer.Option(min=1, help="How many customers")] = 130,
    speed: Annotated[float, typer.Option(min=0.001, help="Simulated seconds per second")] = 60.0,
) -> None:
    """A simulated shop hour in about a minute, through the whole product; exits 1 on one difference."""
    from shoprelay.demo.play import play

    sys.exit(asyncio.run(play(out, seed=seed, people=people, speed=speed, keep=keep)))


@app.command()
def replay(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE", help="As --format says, by time")
    ],
    shop: Annotated[str, typer.Option(help="The shop these events belong to")],
    format: Annotated[str, typer.Option(help="rees46")] = "rees46",
    speed: Annotated[float, typer.Option(min=0.001, help="Recorded seconds per second")] = 1.0,
    config: Config = None,
) -> None:
    """Plays a recorded clickstream into the front door, its gaps scaled onto the present."""
    from shoprelay.replay import replay_file

    sys.exit(asyncio.run(replay_file(out, configuration_of(config), file, format=format, shop=shop, speed=speed)))


@app.command()
def sandbox(
    name: Annotated[str, typer.Argument(metavar="PLATFORM", help="A folder of sinks/: klaviyo, june, …")],
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one")] = 0,
) -> None:
    """A strict stand-in of a platform, to try a shop or a sink against."""
    from shoprelay.certificate.subject import names
    from sinks.fake import serve

    if name not in names():
        fail([f"no sink '{name}'; there are: {', '.join(names())}"])
    try:
        asyncio.run(serve(name, host, port))
    except OSError as taken:
        fail([f"--host {host} --port {port}: {taken.strerror}"])


@app.command("new-sink")
def new_sink(name: Annotated[str, typer.Argument(help="The platform, in small letters: acme")]) -> None:
    """An empty form of a platform's folder, which says in order what to fill: docs/add-a-sink.md."""
    import sinks
    from shoprelay.scaffold.write import Unwritable, write

    try:
        folder = Path(next(iter(sinks.__path__)))
        written = write(name, folder)
    except Unwritable as wrong:
        fail([str(wrong)])
    for path in written:
        out.print(f"[green]✓[/] {path.relative_to(folder.parent)}")
    out.print(
        f"Now fill it, in the order of docs/add-a-sink.md. What comes next: make certify SINK={name}", soft_wrap=True
    )


@app.command()
def certify(names: Annotated[list[str] | None, typer.Argument(help="Sinks; all of them when none is named")] = None
            ) -> None:  # fmt: skip
    """Runs the behaviours of docs/specs/sink.md for sinks, against their own stand-ins; exits 1 on a broken one."""
    from shoprelay.certificate.badges import show
    from shoprelay.certificate.certify import Outcome, certify
    from shoprelay.certificate.subject import Unusable, load
    from shoprelay.certificate.subject import names as all_names

    try:
        found = {name: certify(load(name)) for name in names or all_names()}
    except (LookupError, Unusable) as wrong:
        fail([str(wrong)])
    show(out, found)
    if any(finding.outcome is Outcome.BROKEN for findings in found.values() for finding in findings):
        raise typer.Exit(1)


def _topics(configuration: Configuration) -> tuple[str, list[Topic], Security]:
    from shoprelay.connections import database_topics, names_of

    wanted = names_of(configuration).all(sorted(configuration.accounts), database_topics(configuration))
    return configuration.settings.kafka.bootstrap, wanted, configuration.settings.kafka.security()


@topics_app.command("create")
def topics_create(config: Config = None) -> None:
    """Creates what is missing; changes nothing that exists."""
    from streams import topics

    bootstrap, wanted, security = _topics(configuration_of(config))
    try:
        created = asyncio.run(topics.create(bootstrap, wanted, security=security))
    except topics.TopicsUnavailable as away:
        fail([str(away)])
    for name in created:
        out.print(f"[green]✓[/] {name}")
    out.print(f"{len(created)} created")


@topics_app.command("check")
def topics_check(config: Config = None) -> None:
    """Compares partition counts, clean-up and retention with what the product relies on."""
    from streams import topics

    bootstrap, wanted, security = _topics(configuration_of(config))
    try:
        problems = asyncio.run(topics.check(bootstrap, wanted, security=security))
    except topics.TopicsUnavailable as away:
        fail([str(away)])
    if problems:
        fail([str(problem) for problem in problems])
    out.print("[green]✓[/] all topics are as they must be")


@schemas_app.command("check")
def schemas_check() -> None:
    """Refuses a change that could not read what was ever published."""
    from schemas import evolution

    if problems := evolution.check():
        fail([str(problem) for problem in problems])
    out.print("[green]✓[/] every published version can be read")


@schemas_app.command("register")
def schemas_register(config: Config = None) -> None:
    """Registers today's schemas with the registry."""
    from shoprelay.connections import register_schemas

    for subject, schema_id in asyncio.run(register_schemas(configuration_of(config))):
        out.print(f"[green]✓[/] {subject} = {schema_id}")


@schemas_app.command("publish")
def schemas_publish() -> None:
    """Adds today's schemas to `schemas/published/`, as a new version that must be readable for ever."""
    from schemas import evolution

    try:
        written = evolution.publish()
    except evolution.NotPublishable as wrong:
        fail([str(problem) for problem in wrong.problems])
    for file in written:
        out.print(f"[green]✓[/] {file}")


@app.command()
def platforms(
    write: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, metavar="FILE", help="Put the table into this README")
    ] = None,
) -> None:
    """The platforms there are: what each is told and when, what a repeat does, the limits kept."""
    from rich.table import Table

    from shoprelay import platforms as known

    rows = known.rows()
    if write is not None:
        try:
            write.write_text(known.written_into(write.read_text(encoding="utf-8"), rows), encoding="utf-8")
        except ValueError as unmarked:
            fail([f"{write}: {unmarked}"])
        return
    shown = Table(*known.HEAD, box=None, pad_edge=False)
    for row in rows:
        shown.add_row(*map(escape, row.cells()))
    out.print(shown)


@app.command()
def check(
    name: Annotated[str | None, typer.Argument(metavar="SINK", help="Ask its platform, too")] = None,
    config: Config = None,
) -> None:
    """Says what is wrong with the settings, or that nothing is; and whether a platform takes us in."""
    configuration = configuration_of(config, needs_kafka=False)
    if name is not None:
        from shoprelay.reachable import reach

        found = asyncio.run(reach(account_of(configuration, name)))
        mark = "[green]✓[/]" if found.fine else "[red]✗[/]"
        out.print(f"{mark} {escape(name)}: {escape(found.said)}", highlight=False, soft_wrap=True)
        raise typer.Exit(0 if found.fine else 1)
    names = ", ".join([*sorted(configuration.accounts), *sorted(configuration.asked)]) or "no sinks"
    source = configuration.path or f"no {FILE} here; what is built in"
    out.print(f"[green]✓[/] {escape(str(source))}: valid ({names})", highlight=False, soft_wrap=True)


def _add_commands_of_platforms() -> None:
    """A platform's folder may have commands of its own, under its name: they come and go with it."""
    import sinks

    for file in sorted(Path(next(iter(sinks.__path__))).glob("*/commands.py")):
        app.add_typer(import_module(f"sinks.{file.parent.name}.commands").app, name=file.parent.name)


_add_commands_of_platforms()

if __name__ == "__main__":
    app()
