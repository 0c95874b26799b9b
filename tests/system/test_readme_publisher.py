"""The ten lines of the README publish an event, as they stand there, from a shop's own process."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.system.running import Running

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
ROOT = Path(__file__).parents[2]


def ten_lines() -> str:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    _, heading, chapter = readme.partition("\n## Publish an event\n")
    assert heading, 'README.md has no heading "Publish an event"'
    block = re.search(r"^```python\n(.*?)^```$", chapter, re.DOTALL | re.MULTILINE)
    assert block, 'README.md has no python block under "Publish an event"'
    return block[1]


async def test_the_readmes_lines_reach_the_platform(system: Running) -> None:
    prefix = system.lane.topics.prefix  # of this run on a real Kafka; a shop's topics have none
    lines = ten_lines().replace("shop-events", f"{prefix}shop-events")
    shop = system.lane.python_lines("shop", lines)
    assert await shop.ended() == 0, shop.output()
    await system.stored_for({"C1"}, "Added to Cart")
    (call,) = await system.stored("C1")
    assert call.properties["AddedItemProductName"] == "Blue Mug"
    assert call.body["data"]["attributes"]["value"] == 12
