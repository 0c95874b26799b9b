"""Where everything of the demo listens, and the settings that lead there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from shoprelay.demo.simulate import EXPIRES, STAGES
from sinks.contract import load
from sinks.fake import SERVED, StandIn

SHOP = "demo"
SINKS = ("klaviyo", "june", "waymore", "joor", "shopify", "newstore")
SOURCES = ("joor",)
GATEWAY, GATEWAY_KEY = "gateway", "demo-backend-key-of-a-shop"
# Settings beside those that a stand-in names. JOOR takes 54 writes in five minutes, NewStore one import of each kind:
# of 40 products an hour of one minute has no room for more.
MORE = {
    "joor": 'tags = "WHOLESALE"\nstyles = false',
    "newstore": 'payment_method = "card"\nservice_levels = { parcel = "STANDARD" }\nis_inventory_master = true',
}


@dataclass(slots=True)
class Stage:
    folder: Path
    ports: dict[str, int] = field(default_factory=dict)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    @property
    def settings(self) -> Path:
        return self.folder / "shoprelay.toml"

    def write_settings(self, bootstrap: str, speed: float) -> None:
        """With every secret in a file of its own, so that they are enough for a command in another terminal."""
        parts = [_house(self, bootstrap, speed), *(self._sink(name, speed) for name in SINKS), self._others()]
        self.settings.write_text("\n".join(parts), encoding="utf-8")

    def _sink(self, name: str, speed: float) -> str:
        stand_in: StandIn = import_module(f"sinks.{name}.fake").app()[SERVED].stand_in
        lines = [f"[sinks.{name}]", f'platform = "{name}"', f'longest_backoff = "{60 / speed * 1000:.0f}ms"']
        if load(name).remembers:
            lines.append(f'kept_key = "file:{self._secret(f"{name}.kept", KEPT_KEY)}"')
        lines += [f"http = {{ port = {self.ports[f'sink-{name}']} }}", f"[sinks.{name}.config]"]
        lines += self._config(name, stand_in)
        return "\n".join([*lines, MORE.get(name, "")])

    def _config(self, name: str, stand_in: StandIn) -> Iterator[str]:
        own = {line.partition(" = ")[0] for line in MORE.get(name, "").splitlines()}
        for setting, value in stand_in.settings(self.url(f"sandbox-{name}")).items():
            if value in stand_in.secrets:
                value = f"file:{self._secret(f'{name}.{setting}', value)}"
            if setting not in own:
                yield f'{setting} = "{value}"'

    def _others(self) -> str:
        """Who asks: JOOR is asked for orders, and the shop's backend asks us."""
        return f"""
[sources.joor]
platform = "joor"
shop = "{SHOP}"
http = {{ port = {self.ports["poll-joor"]} }}
[sources.joor.config]
base_url = "{self.url("sandbox-joor")}"
token = "file:{self.folder / "joor.token"}"
history_days = 3650
[gateway]
sink = "newstore"
keys = ["file:{self._secret("gateway.key", GATEWAY_KEY)}"]
listen = {{ port = {self.ports[GATEWAY]} }}
http = {{ port = {self.ports[f"{GATEWAY}-metrics"]} }}
"""

    def _secret(self, name: str, value: str) -> Path:
        path = self.folder / name
        path.write_text(value, encoding="utf-8")
        return path


KEPT_KEY = "A" * 43 + "="  # of 32 bytes, for an hour that nobody lives through


def _house(stage: Stage, bootstrap: str, speed: float) -> str:
    stages = ", ".join(f'"{seconds / speed * 1000:.0f}ms"' for seconds in STAGES)
    return f"""
[kafka]
bootstrap = "{bootstrap}"
embedded = true
[registry]
url = "{stage.url("registry")}"
[worker]
store = "memory"
state_dir = "{stage.folder / "state"}"
http = {{ port = {stage.ports["worker"]} }}
session = "6s"
tick = "200ms"
[shops.{SHOP}]
stages = [{stages}]
grace = "200ms"
expires_after = "{EXPIRES / speed * 1000:.0f}ms"
"""
