"""History waits where nobody takes in what stands at the front door, so that what is live need not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shoprelay.backfill.history import december
from tests.system.procs import until
from tests.system.running import Running, event, seen

pytestmark = pytest.mark.system
ORDERS = 2_000


async def test_history_waits_for_the_workers_and_goes_on_with_them(tmp_path: Path) -> None:
    system = await Running.start(tmp_path, wait=False)
    front_door = system.lane.topics.shop_events
    try:
        await system.started("worker")
        await system.tell(*(event(f"c{n}", seen()) for n in range(60)))

        async def everywhere() -> bool:
            return (
                len(await system.lane.committed(f"{system.lane.topics.prefix}shoprelay", front_door))
                == front_door.partitions
            )

        await until(everywhere, 30, "the worker has taken something in from everywhere")
        assert await system.processes["worker"].terminate() == 0

        file = tmp_path / "history.csv"
        file.write_text(december(ORDERS))
        process = system.lane.shoprelay(
            "backfill", "backfill", str(file), "--format", "uci", "--shop", "giftware", "--ahead", "100",
            "--rate", "400/s", "--progress", str(tmp_path / "progress"), "--config", str(system.settings()),
            **system.environment,
        )  # fmt: skip
        await until(lambda: "have not been taken in by the workers yet" in process.output(), 30, "it waits")
        assert 60 + 100 < len(await system.lane.records(front_door)) < ORDERS

        await system.started("worker")
        assert await process.ended(60) == 0, process.output()
        assert len(await system.lane.records(front_door)) == 60 + ORDERS
    finally:
        await system.close()
