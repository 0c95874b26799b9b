"""The schema registry is away: at the start everybody waits, in the middle only what needs it does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from schemas.layout import compact
from shoprelay.connections import SUBJECTS, codec_of, register_schemas, registry_of
from tests.system.procs import until
from tests.system.running import Running, event, seen

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def waiting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Worker and sink are not started, and the registry is away."""
    running = await Running.start(tmp_path_factory.mktemp("waiting"), wait=False)
    await register_schemas(running.configuration())
    await running.publisher()
    running.lane.stop_registry()
    yield running
    await running.close()


async def test_at_the_start_worker_and_sink_wait_and_say_so(waiting: Running) -> None:
    for name in ("worker", "sink"):
        waiting.begin(name)

    async def said() -> bool:
        answers = [await waiting.readiness(name) for name in ("worker", "sink")]
        return [(status, body.get("why")) for status, body in answers] == 2 * [(503, "waiting for the schema registry")]

    await until(said, 30, "both wait and are not ready")
    await waiting.tell(event("early", seen()))
    await waiting.lane.begin_registry()
    for name in ("worker", "sink"):
        await waiting.ready(name)
    await waiting.stored_for({"early"}, "Active on Site")


async def test_in_the_middle_known_schemas_go_on_and_an_unknown_one_waits(waiting: Running) -> None:
    configuration = waiting.configuration()
    registry = registry_of(configuration)
    ours = codec_of(registry, configuration, *SUBJECTS[0])
    newer = json.loads(ours.schema)
    newer["fields"].append({"name": "note", "type": ["null", "string"], "default": None, "doc": "new"})
    newer_id = await registry.register(ours.subject, compact(json.dumps(newer)))
    await registry.close()
    waiting.lane.stop_registry()

    everywhere = {f"known-{n}" for n in range(12)}
    await waiting.tell(*(event(who, seen()) for who in sorted(everywhere)))
    await waiting.stored_for(everywhere, "Active on Site")

    publisher = await waiting.publisher()
    body = publisher.encoded(event("unknown", seen()))[5:] + b"\0"  # the new field is the last, and null
    await waiting.tell_bytes("unknown", b"\0" + newer_id.to_bytes(4, "big") + body)

    async def waits() -> bool:
        return "the schema registry is away" in waiting.processes["worker"].output()

    await until(waits, 20, "the worker says that it waits")
    assert not await waiting.calls("unknown")
    await waiting.tell(event("unknown", seen(), "unknown-next"))
    await waiting.lane.begin_registry()
    await waiting.stored_for({"unknown"}, "Active on Site")

    async def both() -> bool:
        return len(await waiting.stored("unknown")) == 2

    await until(both, 20, "the one behind it came too")
    assert [call.unique_id for call in await waiting.stored("unknown")] == [
        "mugs:unknown-SessionActive:SessionActive",
        "mugs:unknown-next:SessionActive",
    ]
    assert waiting.processes["worker"].exit_code is None
    assert waiting.processes["sink"].exit_code is None
