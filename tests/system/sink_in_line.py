"""A Klaviyo sink whose orders open what their fulfilments need, as wholesale platforms want it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from msgspec import structs

import sinks.klaviyo.sink
from schemas.signals import OrderFulfilled, OrderPlaced, Signal
from shoprelay.cli import app
from sinks.contract import Call

SINK = sinks.klaviyo.sink.SINK


def opening(signal: Signal, config: Any) -> tuple[Call, ...]:
    assert isinstance(signal.payload, OrderPlaced)
    whole, *lines = SINK.calls[OrderPlaced](signal, config)
    return (structs.replace(whole, opens=f"order {signal.payload.order.order_id}"), *lines)


def needing(signal: Signal, config: Any) -> tuple[Call, ...]:
    assert isinstance(signal.payload, OrderFulfilled)
    named = f"order {signal.payload.order_id}"
    return tuple(structs.replace(call, needs=named) for call in SINK.calls[OrderFulfilled](signal, config))


told: dict[Any, Callable[[Signal, Any], tuple[Call, ...]]] = {OrderPlaced: opening, OrderFulfilled: needing}
sinks.klaviyo.sink.SINK = replace(SINK, calls={**SINK.calls, **told})

if __name__ == "__main__":
    app()
