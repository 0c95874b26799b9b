"""What becomes of products: told beside the customers, in the order of each product's log, parked and sent again."""

import json
from typing import Any

from schemas.signals import CatalogSignal, ProductChanged
from sinks.contract import Answer, Call
from tests.delivery.moved import moved_clock, until
from tests.delivery.said import described, ordered
from tests.delivery.world import CATALOG, World


def product(signal: CatalogSignal, config: Any) -> tuple[Call, ...]:
    body = json.dumps({"id": signal.signal_id}).encode()
    return (Call("Product", "POST", "/products", body, signal.signal_id, "products"),)


TOLD = {"calls": {"catalog": {ProductChanged: product}}, "catalog_topic": CATALOG}


@moved_clock
async def test_products_and_customers_are_told_side_by_side() -> None:
    world = World()
    world.log.say(*(ordered(f"c{n}") for n in range(20)))
    world.log.describe(*(described(f"p{n}", nth) for nth in (1, 2, 3) for n in range(20)))
    process = world.start(**TOLD)

    await until(world.done)

    told = world.platform.told()
    assert len(told) == len(set(told)) == 80
    for n in range(20):
        assert [key for key in told if key.startswith(f"p{n}-")] == [f"p{n}-{nth}" for nth in (1, 2, 3)]
    assert process.metric("shoprelay_signals_total", signal="ProductChanged", outcome="delivered") == 60
    assert await process.end() == 0


@moved_clock
async def test_a_product_that_is_refused_is_parked_where_it_came_from_and_sent_again() -> None:
    world = World()
    world.log.describe(described("p1"), described("p2"))
    world.platform.answers["p1-1"] = [Answer(400)]
    process = world.start(**TOLD)
    await until(world.done)

    (parked,) = world.log.still_parked.values()
    assert (parked.topic, parked.customer_key, parked.call_key) == (CATALOG, "mugs/p:p1", "p1-1")

    world.log.ask(parked)
    await until(lambda: not world.log.still_parked)

    assert world.platform.told().count("p1-1") == 2
    await process.end()


@moved_clock
async def test_a_sink_that_tells_no_products_reads_none() -> None:
    world = World()
    world.log.say(ordered())
    world.log.describe(described("p1"))
    process = world.start()

    await until(lambda: world.platform.told() == ["ada-ordered-1"])

    assert world.log.lag >= 1
    await process.end()


@moved_clock
async def test_a_customer_key_and_a_product_key_never_meet() -> None:
    """A slow product holds up no customer of the same partition."""
    world = World(partitions=1)
    world.log.describe(described("p1"))
    world.log.say(ordered())
    world.platform.answers["p1-1"] = [(4.0, Answer(200))]
    process = world.start(**TOLD)

    await until(lambda: world.platform.accepted == ["ada-ordered-1"])
    await until(world.done)
    await process.end()


@moved_clock
async def test_only_the_shops_of_this_account_are_told() -> None:
    world = World()
    world.log.describe(described("p1", shop="cups"), described("p2"))
    world.log.say(ordered())
    process = world.start(**TOLD, shops=frozenset({"mugs"}))

    await until(world.done)

    assert sorted(world.platform.told()) == ["ada-ordered-1", "p2-1"]
    assert process.metric("shoprelay_signals_total", signal="ProductChanged", outcome="not_told") == 1
    await process.end()
