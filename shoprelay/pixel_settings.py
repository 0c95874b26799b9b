"""What an operator may set of the pixel: what each shop says of its pages, and how much browsers may post."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from shoprelay.parts import Part

_ORIGIN = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?|http://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")
SHORTEST_SECRET = 16  # of an HMAC whose results everybody may look at


class Pixel(Part):
    """The pages of one shop. The key is public; what protects is the origin, the limits, and the secret for names."""

    write_key: str = Field(pattern=r"^[A-Za-z0-9._-]{8,100}$", description="stands in the page; no secret")
    origins: tuple[str, ...] = Field(min_length=1, max_length=50, description="where the pages are")
    secrets: tuple[SecretStr, ...] = Field((), max_length=2, description="the shop's backend signs names with them")
    currency: str | None = Field(None, pattern="^[A-Z]{3}$", description="for products whose page names none")

    @field_validator("origins")
    @classmethod
    def _as_browsers_say_them(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_ORIGIN.fullmatch(origin) for origin in origins):
            raise ValueError("write an origin as browsers do: https://shop.example, in lower case, without a path")
        return origins

    @field_validator("secrets")
    @classmethod
    def _hard_to_guess(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(secret.get_secret_value()) < SHORTEST_SECRET for secret in secrets):
            raise ValueError(f"a secret has fewer than {SHORTEST_SECRET} characters; take a longer one")
        return secrets


class PixelLimits(Part):
    """Of every collector process. A network of IPv6 (/64) counts as one address."""

    per_shop: float = Field(500.0, gt=0, description="posts a second of one shop's visitors; more are answered 429")
    burst: float = Field(2_000.0, ge=1, description="posts of one shop's visitors that may come at once")
    per_address: float = Field(10.0, gt=0, description="posts a second of one address; more are answered 429")
    address_burst: float = Field(100.0, ge=1, description="posts of one address that may come at once")
    proxies: Annotated[int, Field(ge=0, le=5)] = Field(
        0, description="of yours in front, each of which appends to X-Forwarded-For; 0 takes the connection's address"
    )
