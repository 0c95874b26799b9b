"""A small sink: every signal of three kinds is one call, a search is two; sessions are not told."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr

from schemas.signals import CartAbandoned, CartChanged, OrderPlaced, Searched, Signal
from sinks.contract import Call, Dedupe, Sink


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")
    api_key: SecretStr


def _call(signal: Signal, part: str = "") -> Call:
    body = {"id": signal.signal_id + part, "email": signal.customer.ref.email}
    return Call(
        says=type(signal.payload).__name__,
        method="POST",
        path="/events",
        body=json.dumps(body).encode(),
        key=signal.signal_id + part,
        endpoint="events",
    )


def one_call(signal: Signal, config: Any) -> tuple[Call, ...]:
    return (_call(signal),)


def two_calls(signal: Signal, config: Any) -> tuple[Call, ...]:
    return (_call(signal, "-a"), _call(signal, "-b"))


SINK = Sink(
    name="acme",
    config=Config,
    base_url=lambda config: "http://127.0.0.1:1",
    headers=lambda config: {"authorization": f"Key {config.api_key.get_secret_value()}"},
    calls={OrderPlaced: one_call, CartAbandoned: one_call, CartChanged: one_call, Searched: two_calls},
    dedupe=Dedupe.BY_KEY,
    max_in_flight=16,
    timeout_seconds=5.0,
)
