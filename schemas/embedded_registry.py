"""A small schema registry over a folder, for a machine with nothing but Python: the Confluent endpoints we use.

`python -m schemas.embedded_registry --dir DIR --port PORT` prints its address as the first line and runs until SIGTERM.
One process per folder; not meant for production, where a real registry belongs.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from aiohttp import web

from schemas.layout import BadSchema, compact, parse
from schemas.registry import INVALID_LEVEL, INVALID_SCHEMA, LEVELS
from schemas.shelf import Refusal, Shelf

LEVEL_NOT_SET = 40408


def application(shelf: Shelf) -> web.Application:
    app = web.Application(client_max_size=16 * 1024 * 1024, middlewares=[_answer_errors])
    app.add_routes(_routes(shelf))
    return app


def _routes(shelf: Shelf) -> Iterable[web.RouteDef]:
    async def subjects(_: web.Request) -> web.Response:
        return _json(sorted(shelf.subjects))

    async def versions(request: web.Request) -> web.Response:
        return _json(list(range(1, len(shelf.versions(request.match_info["subject"])) + 1)))

    async def version(request: web.Request) -> web.Response:
        return _json(shelf.find(request.match_info["subject"], request.match_info["version"]))

    async def register(request: web.Request) -> web.Response:
        return _json({"id": shelf.register(request.match_info["subject"], await _schema(request))})

    async def lookup(request: web.Request) -> web.Response:
        return _json(shelf.lookup(request.match_info["subject"], await _schema(request)))

    async def by_id(request: web.Request) -> web.Response:
        number = request.match_info["id"]
        return _json({"schema": shelf.text(int(number) if number.isdigit() else 0)})

    async def compatible(request: web.Request) -> web.Response:
        schema = await _schema(request)
        subject, asked = request.match_info["subject"], request.match_info.get("version")
        earlier = [shelf.find(subject, asked)["id"]] if asked else shelf.versions(subject)
        found = shelf.problems(subject, schema, earlier, all_of_them=asked is not None)
        return _json({"is_compatible": not found, "messages": found})

    async def get_level(request: web.Request) -> web.Response:
        subject = request.match_info.get("subject")
        if subject is not None and subject not in shelf.levels and request.query.get("defaultToGlobal") != "true":
            raise Refusal(LEVEL_NOT_SET, f"Subject '{subject}' does not have subject-level compatibility configured")
        return _json({"compatibilityLevel": shelf.levels.get(subject or "", shelf.level)})

    async def put_level(request: web.Request) -> web.Response:
        level = str((await _body(request)).get("compatibility"))
        if level not in LEVELS:
            raise Refusal(INVALID_LEVEL, f"Invalid compatibility level. Valid values are {', '.join(LEVELS)}")
        if (subject := request.match_info.get("subject")) is None:
            shelf.level = level
        else:
            shelf.levels[subject] = level
        shelf.save()
        return _json({"compatibility": level})

    check = "/compatibility/subjects/{subject}/versions"
    return [
        web.get("/subjects", subjects),
        web.get("/subjects/{subject}/versions", versions),
        web.get("/subjects/{subject}/versions/{version}", version),
        web.post("/subjects/{subject}/versions", register),
        web.post("/subjects/{subject}", lookup),
        web.get("/schemas/ids/{id}", by_id),
        web.post(check, compatible),
        web.post(check + "/{version}", compatible),
        web.get("/config", get_level),
        web.get("/config/{subject}", get_level),
        web.put("/config", put_level),
        web.put("/config/{subject}", put_level),
    ]


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(INVALID_SCHEMA, "The body must be a JSON object")
    return body


async def _schema(request: web.Request) -> str:
    body = await _body(request)
    if body.get("schemaType", "AVRO") != "AVRO" or body.get("references"):
        raise Refusal(INVALID_SCHEMA, "The embedded registry keeps AVRO schemas without references")
    try:
        parse(body["schema"])
        return compact(body["schema"])
    except (BadSchema, KeyError, TypeError) as wrong:
        raise Refusal(INVALID_SCHEMA, f"Input schema is an invalid Avro schema: {wrong}") from None


def _json(value: Any, status: int = 200) -> web.Response:
    return web.json_response(value, status=status, content_type="application/vnd.schemaregistry.v1+json")


@web.middleware
async def _answer_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as no:
        return _json({"error_code": no.code, "message": no.message}, int(str(no.code)[:3]))


async def serve(folder: Path, host: str, port: int) -> None:
    shelf = Shelf(folder)
    runner = web.AppRunner(application(shelf), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sys.stdout.write(f"http://{host}:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()
    shelf.close()


def main() -> None:
    options = argparse.ArgumentParser(prog="schemas.embedded_registry", description=__doc__)
    options.add_argument("--dir", type=Path, required=True, help="folder that keeps the schemas")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=0, help="0 takes a free one")
    asked = options.parse_args()
    asyncio.run(serve(asked.dir, asked.host, asked.port))


if __name__ == "__main__":
    main()
