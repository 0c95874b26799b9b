"""A strict stand-in for Klaviyo: refuses what its documents refuse, and dedupes as they say.

This is its door: paths, key, scopes, revision, media types, budgets, errors. Behind it `intake.py` takes requests in,
`fakejobs.py` does import jobs, `fakecatalog.py` has the catalog, `store.py` keeps; `shapes.py`, `catalogshapes.py` and
`rules.py` say what is right.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any
from urllib.parse import urlsplit

import orjson
from aiohttp import web
from pydantic import ValidationError

from sinks.contract import Limit
from sinks.fake import Received, Reply, application
from sinks.klaviyo.catalogshapes import JOBS
from sinks.klaviyo.fakecatalog import Catalog, CatalogJobs
from sinks.klaviyo.fakejobs import Jobs, NoSuchJob
from sinks.klaviyo.intake import Intake
from sinks.klaviyo.rules import Invalid
from sinks.klaviyo.sink import MEDIA_TYPE, SINK
from sinks.klaviyo.store import Store
from sinks.windows import Windows

API_KEY = "pk_sandbox"
SCOPES = frozenset(
    {
        "events:write",
        "profiles:read",
        "profiles:write",
        "lists:read",
        "lists:write",
        "subscriptions:write",
        "data-privacy:write",
        "catalogs:read",
        "catalogs:write",
    }
)
RETIRED_BEFORE = "2024-07-15"  # two years before the newest revision
RETIRED_PATHS = ("/api/track", "/api/identify", "/api/v1", "/api/v2")
JOB_SECONDS = (1.0, 2.0)  # how long an import job is queued, and then processed


@dataclass(frozen=True, slots=True)
class _Resource:
    """`path` is a pattern of what follows `/api/`; its one group, if any, is the job or the thing."""

    endpoint: str
    method: str
    path: str
    scopes: str
    answer: Callable[..., Reply]


def app(
    api_key: str = API_KEY,
    scopes: frozenset[str] = SCOPES,
    limits: tuple[Limit, ...] = SINK.limits,
    clock: Callable[[], float] = time.time,
) -> web.Application:
    """`limits=()` takes calls as fast as they come."""
    return application(KlaviyoStandIn(api_key, scopes, limits), clock)


class KlaviyoStandIn:
    """`repeats_refused`: see `Intake`. `unwanted` are e-mail addresses it refuses. `job_seconds`: see `Jobs`."""

    def __init__(
        self,
        api_key: str = API_KEY,
        scopes: frozenset[str] = SCOPES,
        limits: tuple[Limit, ...] = SINK.limits,
        *,
        repeats_refused: bool = False,
        unwanted: frozenset[str] = frozenset(),
        job_seconds: tuple[float, float] = JOB_SECONDS,
    ) -> None:
        self.secrets: tuple[str, ...] = (api_key,)
        self._scopes = scopes
        self._windows = Windows(limits)
        self._errors = 0
        self._store = Store(unwanted)
        self.jobs = Jobs(self._store, job_seconds)
        self.catalog_jobs = CatalogJobs(self._store, job_seconds)
        intake, catalog = Intake(self._store, repeats_refused), Catalog(self._store)
        self._resources = (*_resources(intake, self.jobs), *_catalog(catalog, self.catalog_jobs))

    def settings(self, base: str) -> dict[str, str]:
        return {"base_url": base, "api_key": self.secrets[0]}

    def stored(self) -> dict[str, Any]:
        return self._store.stored()

    def answer(self, request: Received) -> Reply:
        path = urlsplit(request.path).path
        if path.startswith(RETIRED_PATHS):
            return self._refused(410, "gone", "This endpoint was retired; use the current API.")
        there = [(r, m) for r in self._resources if (m := re.fullmatch(f"/api/{r.path}", path))]
        if not there:
            return self._refused(404, "not_found", "There is no such resource.")
        found = [(resource, match) for resource, match in there if resource.method == request.method]
        if not found:
            return self._refused(405, "method_not_allowed", f"{request.method} is not allowed here.")
        resource, match = found[0]
        if refused := self._door(request, resource):
            return refused
        if wait := self._windows.take(resource.endpoint, request.at):
            headers = {"Retry-After": str(ceil(wait))}
            return self._refused(429, "throttled", "Request was throttled.", headers=headers, verdict="throttled")
        reply = self._answered(request, resource, match.groups())
        return Reply(reply.status, reply.verdict, reply.body, self._budget(resource.endpoint, request.at), MEDIA_TYPE)

    def _door(self, request: Received, resource: _Resource) -> Reply | None:
        headers = request.headers
        revision = headers.get("revision", "")
        if headers.get("authorization") != f"Klaviyo-API-Key {self.secrets[0]}":
            return self._refused(401, "not_authenticated", "Missing or incorrect private key.")
        if missing := set(resource.scopes.split()) - self._scopes:
            return self._refused(403, "permission_denied", f"The key lacks {', '.join(sorted(missing))}.")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(\.[a-z0-9]+)?", revision):
            return self._refused(400, "invalid", "A revision is required, as YYYY-MM-DD.", parameter="revision")
        if revision < RETIRED_BEFORE:
            return self._refused(410, "gone", "This revision was retired.")
        needed = ("accept",) if request.method in ("GET", "DELETE") else ("accept", "content-type")
        if any(headers.get(name) != MEDIA_TYPE for name in needed):
            return self._refused(415, "unsupported_media_type", f"Content-Type and Accept must be {MEDIA_TYPE}.")
        return None

    def _answered(self, request: Received, resource: _Resource, job: tuple[str, ...]) -> Reply:
        try:
            return resource.answer(request, *job)
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            pointer = "/" + "/".join(str(part) for part in first["loc"])
            return self._refused(400, "invalid", first["msg"], pointer=pointer)
        except Invalid as problem:
            return self._refused(
                problem.status,
                problem.code,
                str(problem),
                pointer=problem.pointer,
                parameter=problem.parameter,
                meta=problem.meta,
            )
        except NoSuchJob:
            return self._refused(404, "not_found", "There is no such job.")

    def _budget(self, endpoint: str, now: float) -> dict[str, str]:
        if (steady := self._windows.longest(endpoint)) is None:
            return {}
        left, reset = self._windows.remaining(steady, now), ceil(self._windows.reset(steady, now))
        return {"RateLimit-Limit": str(steady.count), "RateLimit-Remaining": str(left), "RateLimit-Reset": str(reset)}

    def _refused(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        pointer: str | None = None,
        parameter: str | None = None,
        headers: Mapping[str, str] | None = None,
        meta: Mapping[str, str] | None = None,
        verdict: str = "refused",
    ) -> Reply:
        self._errors += 1
        error: dict[str, Any] = {"id": f"{self._errors:032x}", "status": status, "code": code}
        error |= {"title": "Invalid input." if status == 400 else detail, "detail": detail}
        if pointer or parameter:
            error["source"] = {"pointer": pointer} if pointer else {"parameter": parameter}
        if meta:
            error["meta"] = meta
        return Reply(status, verdict, orjson.dumps({"errors": [error]}), headers or {}, MEDIA_TYPE)


def _resources(intake: Intake, jobs: Jobs) -> tuple[_Resource, ...]:
    """Scopes as the OpenAPI has them."""
    job = "profile-bulk-import-jobs/([^/]+)"
    consent = "subscriptions:write profiles:write lists:write"

    def post(name: str, scopes: str, answer: Callable[[Received], Reply]) -> _Resource:
        return _Resource(name, "POST", name, scopes, answer)

    return (
        post("events", "events:write", intake.event),
        post("event-bulk-create-jobs", "events:write", intake.events),
        _Resource("lists", "GET", "lists", "lists:read", _no_lists),
        post("profile-import", "profiles:write", intake.profile),
        _Resource("update-profile", "PATCH", "profiles/([^/]+)", "profiles:write", intake.update_profile),
        post("profile-bulk-import-jobs", "lists:write profiles:write", jobs.create),
        _Resource("profile-bulk-import-job", "GET", job, "lists:read profiles:read", jobs.state),
        _Resource("profile-import-errors", "GET", f"{job}/import-errors", "profiles:read", jobs.errors),
        post("profile-subscription-bulk-create-jobs", consent, intake.subscribe),
        post("profile-subscription-bulk-delete-jobs", consent, intake.unsubscribe),
        post("data-privacy-deletion-jobs", "data-privacy:write", intake.erase),
    )


def _no_lists(request: Received) -> Reply:
    document = {"data": [], "links": {"self": f"https://a.klaviyo.com{request.path}"}}
    return Reply(200, "accepted", orjson.dumps(document))


def _catalog(catalog: Catalog, jobs: CatalogJobs) -> Iterator[_Resource]:
    """Each kind of thing, alone and in jobs. Each operation is a budget of its own."""
    write, read = "catalogs:write", "catalogs:read"
    for kind, path in (("catalog-item", "catalog-items"), ("catalog-variant", "catalog-variants")):
        one = f"{path}/([^/]+)"
        yield _Resource(f"create-{kind}", "POST", path, write, partial(catalog.create, kind))
        yield _Resource(f"update-{kind}", "PATCH", one, write, partial(catalog.update, kind))
        yield _Resource(f"delete-{kind}", "DELETE", one, write, partial(catalog.delete, kind))
    create_category = partial(catalog.create, "catalog-category")
    yield _Resource("create-catalog-category", "POST", "catalog-categories", write, create_category)
    yield _Resource("catalog-categories", "GET", "catalog-categories", read, catalog.categories)
    yield _Resource(
        "back-in-stock-subscriptions", "POST", "back-in-stock-subscriptions", f"{write} profiles:write", catalog.wait
    )
    for job in JOBS:
        yield _Resource(f"{job}s", "POST", f"{job}s", write, partial(jobs.create, job))
        yield _Resource(job, "GET", f"{job}s/([^/]+)", read, partial(jobs.state, job))
