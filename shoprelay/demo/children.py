"""Child processes of the demo: started together, watched, and all gone when the demo is, whatever ends it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx

PORTS = range(21000, 32000)  # below the ephemeral range: a client there can connect to itself
PR_SET_PDEATHSIG = 1


class ChildDied(Exception):
    """A process of the demo ended by itself; the message has its name, exit code and last words."""


def free_port(taken: set[int]) -> int:
    """A loopback port nobody listens on, not yet in `taken`; adds it there."""
    for port in PORTS:
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        taken.add(port)
        return port
    raise ChildDied("no free port between 21000 and 32000")


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass(slots=True)
class Children:
    """Starts `python -m …` processes, their output in `logs`/<name>.log."""

    logs: Path
    environment: dict[str, str] = field(default_factory=dict)
    running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    async def start(self, name: str, *arguments: str) -> None:
        with (self.logs / f"{name}.log").open("ab") as log:
            self.running[name] = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self.environment}, preexec_fn=_die_with_parent,
                start_new_session=True,  # Ctrl-C in the terminal is for the demo to act on: it ends them in their order
            )  # fmt: skip

    def check(self) -> None:
        """Raises `ChildDied` if one has ended."""
        for name, process in self.running.items():
            if process.returncode is not None:
                last = (self.logs / f"{name}.log").read_text(errors="replace").strip().splitlines()[-5:]
                raise ChildDied(f"{name} ended with {process.returncode}:\n" + "\n".join(last))

    async def answers(self, client: httpx.AsyncClient, url: str, seconds: float = 60.0) -> None:
        """Waits until `url` answers 200."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        last = "nothing"
        while loop.time() < until:
            self.check()
            try:
                reply = await client.get(url)
                if reply.status_code == 200:
                    return
                last = reply.text[:300]
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
        raise ChildDied(f"{url} is not ready after {seconds:.0f} s: {last}")

    async def stop(self) -> dict[str, int]:
        """Ends all, the last started first; returns exit codes. Who does not go in 15 s is killed."""
        codes: dict[str, int] = {}
        for name, process in reversed(self.running.items()):
            if process.returncode is None:
                process.terminate()
            try:
                codes[name] = await asyncio.wait_for(process.wait(), 15)
            except TimeoutError:
                process.kill()
                codes[name] = await process.wait()
        self.running.clear()
        return codes
