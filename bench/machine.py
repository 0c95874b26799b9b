"""What a figure was taken on, and what a process cost: read from /proc, so Linux only."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def environment(*packages: str) -> str:
    """One line: cores, processor, kernel, Python and versions."""
    model = next((line.split(": ")[1] for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"{os.cpu_count()} cores, {model}, Linux {platform.release().partition('-')[0]}, "
        f"CPython {platform.python_version()}, {versions}"
    )


def cpu_of(pid: int) -> float:
    """Seconds of CPU this process has used so far, user and system; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def peak_mb(pid: int) -> int:
    lines = _lines(f"/proc/{pid}/status")
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)


def _busy() -> float:
    """Seconds of CPU anything on this machine has used, without idling, waiting and what the host took away."""
    user, nice, system, _, _, interrupts, soft, *_ = map(int, _lines("/proc/stat")[0].split()[1:])
    return (user + nice + system + interrupts + soft) / TICK


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


@dataclass(slots=True)
class Watch:
    """CPU from its making on: of each process in `ours`, and of everybody else on the machine.

    `ours` are all processes of the measurement by id, this one not among them: it is counted as ours, too.
    """

    ours: Collection[int]
    _before: dict[int, float] = field(init=False)
    _all: float = field(init=False)

    def __post_init__(self) -> None:
        self.ours = {*self.ours, os.getpid()}
        self._before = {pid: cpu_of(pid) for pid in self.ours}
        self._all = _busy()

    def spent(self, pid: int) -> float:
        return cpu_of(pid) - self._before[pid]

    def others(self, seconds: float) -> float:
        """Cores that others used meanwhile, on average."""
        return max(0.0, (_busy() - self._all - sum(map(self.spent, self.ours))) / seconds)
