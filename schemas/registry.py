"""Client of a schema registry that speaks the Confluent API: Confluent's own, Karapace, Apicurio, or the embedded one.

Errors, all below `RegistryError`:
  RegistryUnavailable  nobody answered, or not as a registry does: try again later (retries are the caller's)
  RegistryDenied       credentials are missing or wrong: a person must act
  NotRegistered        the registry answers and does not know this id, subject or version
  Incompatible         the registry refuses this schema beside the earlier versions of its subject
  InvalidSchema        the registry cannot read this schema
"""

import asyncio
import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import quote

import httpx

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
SUBJECT_NOT_FOUND, VERSION_NOT_FOUND, SCHEMA_NOT_FOUND = 40401, 40402, 40403
INCOMPATIBLE, INVALID_SCHEMA, INVALID_VERSION, INVALID_LEVEL = 409, 42201, 42202, 42203

Level = Literal["NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"]
LEVELS: tuple[Level, ...] = get_args(Level)


class RegistryError(Exception):
    """The registry could not do what was asked; the message says what to do."""


class RegistryUnavailable(RegistryError):
    pass


class RegistryDenied(RegistryError):
    pass


class NotRegistered(RegistryError):
    pass


class Incompatible(RegistryError):
    pass


class InvalidSchema(RegistryError):
    pass


@dataclass(frozen=True, slots=True)
class Registered:
    """One version of a subject. `schema` is the JSON text as the registry keeps it."""

    subject: str
    version: int
    id: int
    schema: str


@dataclass(frozen=True, slots=True)
class Writer:
    """What a schema id stands for. `kind` is AVRO, JSON or PROTOBUF."""

    schema: str
    kind: str


class Registry:
    """`url` may end in a path, such as Apicurio's `/apis/ccompat/v7`. `auth` is a user and a password.

    Schemas never change behind an id, so they are kept (at most `keep` of them) and each is fetched once, however
    many ask at the same time.
    """

    def __init__(
        self,
        url: str,
        *,
        auth: tuple[str, str] | None = None,
        timeout: float = 5.0,
        keep: int = 1000,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._client = httpx.AsyncClient(
            auth=auth, timeout=timeout, transport=transport, headers={"Accept": f"{CONTENT_TYPE}, application/json"}
        )
        self._keep = keep
        self._writers: OrderedDict[int, Writer] = OrderedDict()
        self._ids: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._fetching: dict[int, asyncio.Task[Writer]] = {}

    async def close(self) -> None:
        for task in self._fetching.values():
            task.cancel()
        await asyncio.gather(*self._fetching.values(), return_exceptions=True)
        await self._client.aclose()

    async def writer(self, schema_id: int) -> Writer:
        """The schema behind an id. Raises NotRegistered, RegistryUnavailable, RegistryDenied."""
        if (known := self._writers.get(schema_id)) is not None:
            self._writers.move_to_end(schema_id)
            return known
        task = self._fetching.get(schema_id)
        if task is None:
            task = self._fetching[schema_id] = asyncio.create_task(self._fetch(schema_id))
            task.add_done_callback(lambda done: self._fetched(schema_id, done))
        return await asyncio.shield(task)

    async def _fetch(self, schema_id: int) -> Writer:
        answer = await self._ask("GET", f"/schemas/ids/{schema_id}")
        return Writer(schema=answer["schema"], kind=answer.get("schemaType") or "AVRO")

    def _fetched(self, schema_id: int, task: asyncio.Task[Writer]) -> None:
        del self._fetching[schema_id]
        # asking for the exception also marks it as seen when everybody who waited has gone away
        if not task.cancelled() and task.exception() is None:
            self._writers[schema_id] = task.result()
            if len(self._writers) > self._keep:
                self._writers.popitem(last=False)

    async def register(self, subject: str, schema: str) -> int:
        """The id of this schema under this subject, new or old. Raises Incompatible, InvalidSchema too."""
        return await self._id_of(f"/subjects/{quote(subject, safe='')}/versions", subject, schema)

    async def lookup(self, subject: str, schema: str) -> int:
        """The id of this schema where it is registered under this subject already. Raises NotRegistered."""
        return await self._id_of(f"/subjects/{quote(subject, safe='')}", subject, schema)

    async def _id_of(self, path: str, subject: str, schema: str) -> int:
        if (known := self._ids.get((subject, schema))) is not None:
            return known
        found = int((await self._ask("POST", path, {"schema": schema}))["id"])
        self._ids[subject, schema] = found
        if len(self._ids) > self._keep:
            self._ids.popitem(last=False)
        return found

    async def subjects(self) -> list[str]:
        return [str(name) for name in await self._ask("GET", "/subjects")]

    async def versions(self, subject: str) -> list[int]:
        return [int(each) for each in await self._ask("GET", f"/subjects/{quote(subject, safe='')}/versions")]

    async def version(self, subject: str, version: int | Literal["latest"] = "latest") -> Registered:
        answer = await self._ask("GET", f"/subjects/{quote(subject, safe='')}/versions/{version}")
        return Registered(answer["subject"], int(answer["version"]), int(answer["id"]), answer["schema"])

    async def problems(self, subject: str, schema: str, version: int | Literal["latest"] = "latest") -> list[str]:
        """Why this schema may not follow that version; empty when it may, or when the subject has none yet."""
        path = f"/compatibility/subjects/{quote(subject, safe='')}/versions/{version}?verbose=true"
        try:
            answer = await self._ask("POST", path, {"schema": schema})
        except NotRegistered:
            return []
        if answer["is_compatible"]:
            return []
        return [str(message) for message in answer.get("messages") or ["the registry gives no reason"]]

    async def level(self, subject: str | None = None) -> Level:
        """Compatibility level of a subject, or of the registry where the subject has none of its own."""
        try:
            answer = await self._ask("GET", _config(subject))
        except NotRegistered:
            answer = await self._ask("GET", _config(None))
        return answer["compatibilityLevel"]  # type: ignore[no-any-return]

    async def set_level(self, level: Level, subject: str | None = None) -> None:
        await self._ask("PUT", _config(subject), {"compatibility": level})

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": CONTENT_TYPE}
        try:
            response = await self._client.request(method, self.url + path, content=content, headers=headers)
        except httpx.TransportError as gone:
            # the exception's own text may hold the address with its password
            raise RegistryUnavailable(
                f"the schema registry does not answer ({type(gone).__name__}): check SHOPRELAY_REGISTRY and its health"
            ) from None
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if response.is_success and answer is not None:
            return answer
        raise _error(response.status_code, answer, path)


def _config(subject: str | None) -> str:
    return "/config" if subject is None else f"/config/{quote(subject, safe='')}"


def _error(status: int, answer: Any, path: str) -> RegistryError:
    code = answer.get("error_code") if isinstance(answer, dict) else None
    said = str(answer.get("message", "")) if isinstance(answer, dict) else ""
    if status in (401, 403):
        return RegistryDenied(f"the schema registry answered {status} to {path}: check its user and password")
    if status == 404 and isinstance(code, int) and 40400 <= code <= 40499:
        return NotRegistered(f"{path}: {said or 'not found'}")
    if status == INCOMPATIBLE:
        return Incompatible(f"{path}: {said or 'incompatible with an earlier version'}")
    if status == 422:
        return InvalidSchema(f"{path}: {said or 'invalid schema'}")
    # a 404 without a registry's own code means a wrong address, which must not make good records look unknown
    return RegistryUnavailable(f"{path} was answered {status}, not as a schema registry does: check SHOPRELAY_REGISTRY")
