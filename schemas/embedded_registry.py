"""A small schema registry over a folder, for a machine with nothing but Python: the Confluent endpoints we use.

`python -m schemas.embedded_registry --dir DIR --port PORT` prints its address as the first line and runs until SIGTERM.
One process per folder; not meant for production, where a real registry belongs.
"""

import argparse
import asyncio
import fcntl
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

from aiohttp import web

from schemas.layout import BadSchema, compact, parse
from schemas.registry import (
    INCOMPATIBLE,
    INVALID_LEVEL,
    INVALID_SCHEMA,
    INVALID_VERSION,
    SCHEMA_NOT_FOUND,
    SUBJECT_NOT_FOUND,
    VERSION_NOT_FOUND,
)
from schemas.resolution import Difference, differences

LEVELS = ("NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE")
LEVEL_NOT_SET = 40408


class Refusal(Exception):
    """An answer with Confluent's error body; the HTTP status is the first three digits of the code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Shelf:
    """All subjects in one file, `registry.json`, replaced as a whole, so a crash leaves the old or the new one."""

    def __init__(self, folder: Path, level: str = "BACKWARD_TRANSITIVE") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "registry.json"
        self.lock = _lock(folder / "registry.lock")
        kept = json.loads(self.file.read_text()) if self.file.exists() else {}
        self.schemas: list[str] = kept.get("schemas", [])
        self.subjects: dict[str, list[int]] = kept.get("subjects", {})
        self.level: str = kept.get("level", level)
        self.levels: dict[str, str] = kept.get("levels", {})

    def close(self) -> None:
        self.lock.close()

    def save(self) -> None:
        state = {"schemas": self.schemas, "subjects": self.subjects, "level": self.level, "levels": self.levels}
        fresh = self.file.with_suffix(".new")
        with fresh.open("w") as out:
            json.dump(state, out)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self.file)

    def text(self, schema_id: int) -> str:
        if not 1 <= schema_id <= len(self.schemas):
            raise Refusal(SCHEMA_NOT_FOUND, f"Schema {schema_id} not found")
        return self.schemas[schema_id - 1]

    def versions(self, subject: str) -> list[int]:
        if subject not in self.subjects:
            raise Refusal(SUBJECT_NOT_FOUND, f"Subject '{subject}' not found.")
        return self.subjects[subject]

    def find(self, subject: str, version: str) -> dict[str, Any]:
        ids = self.versions(subject)
        if version != "latest" and not version.isdigit():
            raise Refusal(INVALID_VERSION, f"The specified version '{version}' is not a valid version id.")
        number = len(ids) if version == "latest" else int(version)
        if not 1 <= number <= len(ids):
            raise Refusal(VERSION_NOT_FOUND, f"Version {version} not found.")
        return {"subject": subject, "version": number, "id": ids[number - 1], "schema": self.text(ids[number - 1])}

    def lookup(self, subject: str, schema: str) -> dict[str, Any]:
        for number, schema_id in enumerate(self.versions(subject), 1):
            if self.text(schema_id) == schema:
                return {"subject": subject, "version": number, "id": schema_id, "schema": schema}
        raise Refusal(SCHEMA_NOT_FOUND, "Schema not found")

    def register(self, subject: str, schema: str) -> int:
        ids = self.subjects.get(subject, [])
        for schema_id in ids:
            if self.text(schema_id) == schema:
                return schema_id
        found = self.problems(subject, schema, ids)
        if found:
            raise Refusal(INCOMPATIBLE, f"Incompatible with an earlier version of '{subject}': {'; '.join(found)}")
        if schema not in self.schemas:
            self.schemas.append(schema)
        schema_id = self.schemas.index(schema) + 1
        self.subjects.setdefault(subject, []).append(schema_id)
        self.save()
        return schema_id

    def problems(self, subject: str, schema: str, earlier: list[int], *, all_of_them: bool = False) -> list[str]:
        level = self.levels.get(subject, self.level)
        if not all_of_them and not level.endswith("TRANSITIVE"):
            earlier = earlier[-1:]
        new = parse(schema)
        said: list[Difference] = []
        for old in (parse(self.text(schema_id)) for schema_id in earlier):
            if level.startswith(("BACKWARD", "FULL")):
                said += differences(old, new)
            if level.startswith(("FORWARD", "FULL")):
                said += differences(new, old)
        return [str(each) for each in dict.fromkeys(said)]


def _lock(path: Path) -> TextIO:
    held = path.open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise RuntimeError(f"{path.parent}: another embedded registry uses this folder; stop it first") from None
    return held


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
        level = (await _body(request)).get("compatibility")
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
