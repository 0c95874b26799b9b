"""What the parts of the settings are made of: durations as people write them, and where a process is listened to."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration(value: object) -> object:
    """`"90s"`, `"15m"`, `"1h"`, `"400d"`, `"250ms"` or a number of seconds; sums such as `"1h30m"` too."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    if isinstance(value, int | float):
        return timedelta(seconds=value)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", value)
    if not parts or "".join(n + u for n, u in parts) != value.replace(" ", ""):
        raise ValueError(f"{value!r} is not a duration; write one like 90s, 15m, 1h, 1h30m or 400d")
    return timedelta(seconds=sum(float(n) * _UNITS[u] for n, u in parts))


Duration = Annotated[timedelta, BeforeValidator(duration), Field(ge=timedelta(0))]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Http(Part):
    """`/metrics`, `/healthz` and `/readyz` of a process. Port 0 takes a free one and logs it."""

    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, le=65535)
