"""What an operator may set of webhooks: the collector's own part, and what each shop says of each of its systems."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

import sources.webhooks.contract
from shoprelay.parts import Duration, Http, Part

MOST_BODY = 8_000_000  # `webhooks` takes 8 MiB, and the headers want some of it


class Hook(Part):
    """One system of one shop. Two secrets are valid at once, so that one can be exchanged while the other signs."""

    secrets: Annotated[tuple[SecretStr, ...], Field(min_length=1, max_length=2)]
    currency: str | None = Field(None, pattern="^[A-Z]{3}$", description="for documents that name none")
    statuses: dict[str, str] = Field({}, description="their order statuses -> ours; what is not named stays as it is")

    @field_validator("secrets")
    @classmethod
    def _hard_to_guess(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(secret.get_secret_value()) < 8 for secret in secrets):
            raise ValueError("a secret has fewer than 8 characters; take a longer one")
        return secrets


Hooks = dict[str, Hook]


def known(hooks: Hooks) -> Hooks:
    """ValueError for a system there is no source for."""
    for system in hooks:
        try:
            sources.webhooks.contract.load(system)
        except LookupError as unknown:
            raise ValueError(str(unknown)) from None
    return hooks


class Collect(Part):
    """`shoprelay collect`: `host` and `port` are for the shops, `http` is for those who run it, as everywhere."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535, description="0 takes a free one and logs it")
    http: Http = Http()
    max_body: int = Field(5_000_000, ge=1_000, le=MOST_BODY, description="bytes; more is answered 413")
    max_depth: int = Field(64, ge=8, le=512, description="objects and lists in one another; deeper is answered 400")
    per_shop: float = Field(200.0, gt=0, description="deliveries a second of one shop; more are answered 429")
    burst: float = Field(1_000.0, ge=1, description="deliveries of one shop that may come at once")
    ack_within: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(seconds=4.5))] = Field(
        timedelta(seconds=4), description="of the broker; after that the shop is answered 503. Shopify waits 5 s"
    )
    waiting: int = Field(2_000, ge=1, description="deliveries that wait for the broker at once; more are answered 503")
