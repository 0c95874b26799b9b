"""The gateway's door: key, pace, question, answer. Nothing of a request or an answer is logged."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Mapping

import orjson
import structlog
from aiohttp import web

from shoprelay.gateway import openapi, translation
from shoprelay.gateway.cache import Answers
from shoprelay.gateway.endpoints import ENDPOINTS, Endpoint
from shoprelay.gateway.errors import Problem
from shoprelay.gateway.keys import Keys, Secrets
from shoprelay.gateway.metrics import GatewayMetrics
from shoprelay.gateway.page import page
from shoprelay.gateway.upstream import Platform
from streams.delivery.clock import Clock

log = structlog.get_logger("shoprelay.gateway")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


class Door:
    """`kept` are seconds by the `kept` of endpoints."""

    def __init__(
        self, platform: Platform, keys: Keys, secrets: Secrets, metrics: GatewayMetrics, clock: Clock,
        kept: Mapping[str, float], largest_body: int,
    ) -> None:  # fmt: skip
        self._platform, self._keys, self._secrets, self._metrics = platform, keys, secrets, metrics
        self._clock, self._kept, self._largest = clock, kept, largest_body
        self._answers = Answers(clock)

    def application(self) -> web.Application:
        app = web.Application(client_max_size=self._largest, middlewares=[self._strangers])
        for endpoint in ENDPOINTS:
            app.router.add_route(endpoint.method, endpoint.path, self._handler(endpoint))
        app.on_response_prepare.append(self._sign)
        app.router.add_get("/v1/openapi.json", self._document)
        app.router.add_get("/v1/docs", self._page)
        return app

    def _handler(self, endpoint: Endpoint) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            began = self._clock.monotonic()
            try:
                response = await self._answer(endpoint, request)
            except Problem as problem:
                response = self._problem(problem)
            except Exception as error:
                log.error(
                    "a mistake of the gateway", endpoint=endpoint.name, error=type(error).__name__, at=_place(error)
                )
                response = self._problem(Problem("internal", "it was logged where it happened"))
            self._metrics.answered(endpoint.name, response.status, self._clock.monotonic() - began)
            return response

        return handle

    async def _answer(self, endpoint: Endpoint, request: web.Request) -> web.Response:
        self._let_in(request)
        question = await translation.question(endpoint, request)

        async def ask() -> bytes:
            return (await self._platform.ask(question)).model_dump_json().encode()

        answered = await self._answers.get(question, self._kept[endpoint.kept], ask)
        self._metrics.came_from(endpoint.name, answered.source)
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        if answered.source == "kept":
            headers["Age"] = str(int(answered.age))
        return self._response(200, answered.body, headers)

    def _let_in(self, request: web.Request) -> None:
        number = self._keys.number(request.headers.get("Authorization"))
        if number is None:
            raise Problem("no-key", "the request carries no key of this gateway")
        if wait := self._keys.wait(number):
            raise Problem("too-many-requests", "this key is asking faster than it may", retry_after=wait)

    def _problem(self, problem: Problem) -> web.Response:
        return self._response(problem.status, problem.body(), {**problem.headers(), "Cache-Control": "no-store"})

    def _response(self, status: int, body: bytes, headers: Mapping[str, str]) -> web.Response:
        """The only way out: no secret of the platform passes, whoever put it there."""
        return web.Response(status=status, body=self._secrets.masked(body), headers=headers)

    async def _sign(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Server"] = "shoprelay"  # and not of which version what is

    @web.middleware
    async def _strangers(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Paths and methods that do not exist are problems, too."""
        try:
            return await handler(request)
        except web.HTTPMethodNotAllowed as wrong:
            response = self._problem(Problem("wrong-method", "this path is asked in another way"))
            response.headers["Allow"] = wrong.headers["Allow"]
        except web.HTTPNotFound:
            response = self._problem(Problem("no-such-path", "the gateway has no such path"))
        self._metrics.answered("none", response.status, 0.0)
        return response

    async def _document(self, request: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps(openapi.document()), content_type="application/json")

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(body=page(), content_type="text/html", charset="utf-8", headers=PAGE_HEADERS)


def _place(error: Exception) -> str:
    """Where it happened. Its message may hold what somebody asked or was told, so it is not logged."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
