"""Where everything of the demo listens, and the settings that lead there."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from shoprelay.demo.simulate import EXPIRES, STAGES
from sinks.contract import load
from sinks.fake import SERVED, StandIn

SHOP = "demo"
SINKS = ("klaviyo", "june", "waymore")
MORE: dict[str, str] = {}  # settings of a sink beside those that its stand-in names


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
        parts = [_house(self, bootstrap, speed), *(self._sink(name, speed) for name in SINKS)]
        self.settings.write_text("\n".join(parts), encoding="utf-8")

    def _sink(self, name: str, speed: float) -> str:
        stand_in: StandIn = import_module(f"sinks.{name}.fake").app()[SERVED].stand_in
        lines = [f"[sinks.{name}]", f'platform = "{name}"', f'longest_backoff = "{60 / speed * 1000:.0f}ms"']
        if load(name).remembers:
            lines.append(f'kept_key = "file:{self._secret(f"{name}.kept", KEPT_KEY)}"')
        lines += [f"http = {{ port = {self.ports[f'sink-{name}']} }}", f"[sinks.{name}.config]"]
        for setting, value in stand_in.settings(self.url(f"sandbox-{name}")).items():
            if value in stand_in.secrets:
                value = f"file:{self._secret(f'{name}.{setting}', value)}"
            lines.append(f'{setting} = "{value}"')
        return "\n".join([*lines, MORE.get(name, "")])

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
