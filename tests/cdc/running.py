"""Shoprelay beside a captured shop: worker and sink as an operator starts them, and what they were told."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

from schemas.signals import OrderPlaced
from tests.cdc.lane import Shop
from tests.system.procs import Process, free_port, until
from tests.system.running import SHOPS, Running

ENGINE = """
[shops.{name}.cdc.connector]
"connector.class" = "{class}"
"database.hostname" = "{host}"
"database.port" = "{port}"
"database.user" = "{user}"
"database.dbname" = "{dbname}"
"slot.name" = "{slot}"
"publication.name" = "shoprelay_cdc"
[shops.{name}.cdc.secrets]
"database.password" = "env:CDC_PASSWORD"
[shops.{name}.cdc.http]
port = {http}
"""


class Relay:
    """`running` has the shop's topics, made by `shoprelay topics create`, and its settings."""

    def __init__(self, running: Running, shop: Shop) -> None:
        self.running, self.shop = running, shop
        self.engine_port = free_port()

    @classmethod
    async def start(cls, folder: Path, shop: Shop, tables: str = "", routed: tuple[str, ...] = ()) -> Relay:
        """`tables` are more lines of the table map, `routed` the topics of an outbox's router."""
        kafka, registry = os.environ["SHOPRELAY_KAFKA"], os.environ["SHOPRELAY_REGISTRY"]
        relay = cls(await Running.start(folder, wait=False, kafka=kafka, registry=registry), shop)
        relay.running.write_settings(SHOPS + relay.settings(tables, routed))
        given = ("--config", str(relay.running.settings()))
        made = relay.running.lane.shoprelay("topics", "topics", "create", *given, **relay.running.environment)
        assert await made.ended(60) == 0, made.output()
        await relay.running.started("worker", "sink")
        return relay

    def settings(self, tables: str, routed: tuple[str, ...]) -> str:
        shop, config = self.shop, self.shop.config()
        told = f'[shops.{shop.name}.cdc]\nschema = "{shop.database.schema}"\nrouted = {list(routed)}\n'
        told += f'[shops.{shop.name}.cdc.tables]\npreset = "reference"\n{tables}'
        if shop.database.kind == "postgres":
            told += ENGINE.format(
                name=shop.name, host=config["database.hostname"], port=config["database.port"],
                user=config["database.user"], dbname=shop.database.name, slot=f"cdc_{shop.name}",
                http=self.engine_port, **{"class": config["connector.class"]},
            )  # fmt: skip
        return f"\n{told}"

    def begin_engine(self) -> Process:
        """`shoprelay cdc`, where there is no Kafka Connect."""
        given = ("--config", str(self.running.settings()), "--log", "json")
        return self.running.lane.shoprelay(
            "engine", "cdc", self.shop.name, *given, **self.running.environment,
            SHOPRELAY_STATE_DIR=str(self.running.lane.folder / "engine-state"),
        )  # fmt: skip

    async def engine_ready(self, engine: Process) -> None:
        await self.running.lane.answers(engine, f"http://127.0.0.1:{self.engine_port}/readyz", 60)

    async def said(self, of: type | None = None) -> list[Any]:
        """The payloads of this shop's signals."""
        payloads = [signal.payload for _, signal in await self.running.signals() if signal.shop == self.shop.name]
        return [each for each in payloads if of is None or isinstance(each, of)]

    async def says(self, *wanted: type, seconds: float = 60.0) -> None:
        """Each of these at least once."""
        found: set[str] = set()

        async def all_of_them() -> bool:
            found.update(type(each).__name__ for each in await self.said())
            return {each.__name__ for each in wanted} <= found

        try:
            await until(all_of_them, seconds)
        except AssertionError:
            refused = [each.problem for each in await self.running.refused()]
            raise AssertionError(f"said: {sorted(found)}; refused: {refused}") from None

    async def placed(self) -> Counter[str]:
        """How often each order was said to be placed."""
        return Counter(each.order.order_id for each in await self.said(OrderPlaced))

    async def all_placed(self, numbers: set[str], seconds: float = 60.0) -> None:
        async def there() -> bool:
            return numbers <= set(await self.placed())

        await until(there, seconds, f"{len(numbers)} orders are said")

    async def close(self) -> None:
        await self.running.close()
