"""The kit for stand-ins: a platform's rules as one pure-looking class, served over HTTP, recorded, and scriptable.

A platform's `fake.py` says how it answers (`StandIn`) and gives `app()`. Beside the platform's own paths there are:
`GET /_calls?since=N`, `DELETE /_calls`, `GET /_stats`, `GET /_stored`, `POST /_script` and `DELETE /_script`.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import import_module
from typing import Any, Protocol

import orjson
from aiohttp import web
from pydantic import ValidationError

from sinks.script import Script, Step

MASK = "***"
BODY_BYTES = 16 * 1024 * 1024
CALLS_KEPT = 200_000


@dataclass(frozen=True, slots=True)
class Received:
    """`at` is in seconds since 1970; header names are lower-case; `path` is as it came, with its query."""

    at: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """`verdict` is for whoever reads the records: accepted, duplicate, refused, throttled or scripted."""

    status: int
    verdict: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


class StandIn(Protocol):
    """`secrets` are masked in the records. `settings` are those of a sink that is to reach the stand-in at `base`."""

    secrets: tuple[str, ...]

    def answer(self, request: Received) -> Reply: ...

    def stored(self) -> dict[str, Any]: ...

    def settings(self, base: str) -> dict[str, str]: ...


@dataclass(frozen=True, slots=True)
class _Recorded:
    number: int
    request: Received
    status: int | None
    verdict: str


class _Service:
    """Records every call, meets the script, asks the stand-in."""

    def __init__(self, stand_in: StandIn, clock: Callable[[], float]) -> None:
        self.stand_in = stand_in
        self._clock = clock
        self._script = Script()
        self._calls: deque[_Recorded] = deque(maxlen=CALLS_KEPT)
        self._count = 0
        self._answers: Counter[tuple[str, str]] = Counter()

    # -- the platform's own paths

    async def call(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(self._clock(), request.method, request.raw_path, headers, await request.read())
        step = self._script.next(request.path)
        if step is None:
            return self._response(self._taken_in(received))
        return await self._misbehave(step, request, received)

    async def _misbehave(self, step: Step, request: web.Request, received: Received) -> web.StreamResponse:
        if step.status is not None:
            reply = Reply(step.status, "scripted", step.body.encode(), step.headers)
            self._record(received, reply.status, reply.verdict)
            return self._response(reply)
        if step.delay_ms is not None:
            reply = self._taken_in(received)
            await asyncio.sleep(step.delay_ms / 1000)
            return self._response(reply)
        if step.close == "after":
            self._taken_in(received)
        else:
            self._record(received, None, "scripted")
        if step.hang is not None:
            await asyncio.sleep(step.hang)
        if request.transport is not None:
            if step.nonsense:
                request.transport.write(b"\x16\x03\x01 nonsense\r\n\r\n")
            request.transport.close()
        return web.Response()

    def _taken_in(self, received: Received) -> Reply:
        reply = self.stand_in.answer(received)
        self._record(received, reply.status, reply.verdict)
        return reply

    def _record(self, received: Received, status: int | None, verdict: str) -> None:
        self._calls.append(_Recorded(self._count, received, status, verdict))
        self._count += 1
        self._answers[str(status or "none"), verdict] += 1

    def _response(self, reply: Reply) -> web.Response:
        headers = {"Content-Type": reply.content_type, **reply.headers}
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    # -- ours

    async def calls(self, request: web.Request) -> web.Response:
        since = request.query.get("since", "0")
        if not since.isdecimal():
            return _json({"error": "since must be a number: the `next` of an earlier answer"}, status=400)
        shown = [self._shown(call) for call in self._calls if call.number >= int(since)]
        return _json({"calls": shown, "next": self._count})

    async def forget(self, request: web.Request) -> web.Response:
        self._calls.clear()
        self._answers.clear()
        return web.Response(status=204)

    async def stats(self, request: web.Request) -> web.Response:
        statuses: Counter[str] = Counter()
        verdicts: Counter[str] = Counter()
        for (status, verdict), count in self._answers.items():
            statuses[status] += count
            verdicts[verdict] += count
        scripted = len(self._script.steps)
        return _json(
            {"received": verdicts.total(), "statuses": statuses, "verdicts": verdicts, "script_steps_left": scripted}
        )

    async def stored(self, request: web.Request) -> web.Response:
        return _json(self.stand_in.stored())

    async def script(self, request: web.Request) -> web.Response:
        try:
            self._script.load(await request.read() if request.method == "POST" else b"[]")
        except ValidationError as problem:
            return _json({"error": str(problem)}, status=400)
        return _json({"steps": len(self._script.steps)})

    def _shown(self, call: _Recorded) -> dict[str, Any]:
        request = call.request
        text = self._masked(request.body.decode(errors="replace"))  # a secret is in the body when a token is asked for
        try:
            body = orjson.loads(text)
        except orjson.JSONDecodeError:
            body = text
        return {
            "number": call.number,
            "at": request.at,
            "method": request.method,
            "path": self._masked(request.path),
            "headers": {name: self._masked(value) for name, value in request.headers.items()},
            "body": body,
            "sha256": sha256(request.body).hexdigest(),  # equal for equal bytes alone
            "status": call.status,
            "verdict": call.verdict,
        }

    def _masked(self, text: str) -> str:
        for secret in self.stand_in.secrets:
            text = text.replace(secret, MASK)
        return text


SERVED = web.AppKey("SERVED", _Service)


def application(stand_in: StandIn, clock: Callable[[], float] = time.time) -> web.Application:
    service = _Service(stand_in, clock)
    app = web.Application(client_max_size=BODY_BYTES)
    app[SERVED] = service
    app.router.add_get("/_calls", service.calls)
    app.router.add_delete("/_calls", service.forget)
    app.router.add_get("/_stats", service.stats)
    app.router.add_get("/_stored", service.stored)
    app.router.add_post("/_script", service.script)
    app.router.add_delete("/_script", service.script)
    app.router.add_route("*", "/{path:.*}", service.call)
    return app


async def serve(name: str, host: str = "127.0.0.1", port: int = 0) -> None:
    """Serves `sinks.<name>.fake` until SIGINT or SIGTERM; says where. Raises `ModuleNotFoundError`, `OSError`."""
    app: web.Application = import_module(f"sinks.{name}.fake").app()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    try:
        await web.TCPSite(runner, host, port).start()
        base = f"http://{host}:{runner.addresses[0][1]}"
        sys.stdout.write(f"{name} stand-in at {base}\n\n{way_to(name, app[SERVED].stand_in, base)}\n")
        sys.stdout.flush()
        await stopped.wait()
    finally:
        await runner.cleanup()


def way_to(name: str, stand_in: StandIn, base: str) -> str:
    """What to put into the environment, and then into `shoprelay.toml`, where secrets never stand themselves."""
    exports, lines = [], [f"[sinks.{name}]", f'platform = "{name}"', f"[sinks.{name}.config]"]
    for setting, value in stand_in.settings(base).items():
        if value in stand_in.secrets:
            variable = f"{name}_{setting}".upper()
            exports.append(f"export {variable}={value}")
            value = f"env:{variable}"
        lines.append(f'{setting} = "{value}"')
    return "\n".join([*exports, "", *lines, ""])


def _json(document: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(document), status=status, content_type="application/json")
