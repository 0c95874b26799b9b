"""How a site is registered: once, for a UUID that does not expire. Pure."""

from __future__ import annotations

import math

from sinks.body import as_json
from sinks.contract import Answer, Call
from sinks.waymore.config import WayMoreConfig


def ask(config: WayMoreConfig) -> Call:
    """Holds the password: made at the moment of sending, and kept nowhere."""
    body = as_json({
        "username": config.username,
        "password": config.password.get_secret_value() if config.password else "",
        "source": config.source,
        "type": config.type,
        "version": config.version,
        "plugin_version": config.plugin_version,
        "domain": config.domain,
    })  # fmt: skip
    return Call("Authenticate", "POST", config.auth_url, body, "authenticate", endpoint="authenticate")


def read(answer: Answer) -> tuple[str, float] | None:
    uuid = answer.at("uuid")
    return (uuid, math.inf) if isinstance(uuid, str) and uuid else None


def given(config: WayMoreConfig) -> str | None:
    return config.uuid.get_secret_value() if config.uuid else None
