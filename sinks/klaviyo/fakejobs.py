"""The stand-in's import jobs: made of up to 10,000 profiles, done after a while, with errors that can be paged."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson

from sinks.fake import Received, Reply
from sinks.klaviyo import rules, shapes
from sinks.klaviyo.rules import Invalid
from sinks.klaviyo.store import Store

PAGE, LARGEST_PAGE = 20, 100
_PATH = "/api/profile-bulk-import-jobs"


class NoSuchJob(LookupError):
    pass


@dataclass(slots=True)
class Job:
    """`total` profiles, received `at`; `errors` as Klaviyo shows them, once the job is complete."""

    job_id: str
    at: float
    total: int
    errors: list[dict[str, Any]]
    cancelled: bool = False


class Jobs:
    """`seconds`: how long a job is queued, and then processed. What it holds is kept at once: nobody can tell."""

    def __init__(self, store: Store, seconds: tuple[float, float]) -> None:
        self._store = store
        self._seconds = seconds
        self._jobs: dict[str, Job] = {}

    def cancel(self) -> None:
        """Somebody cancels all jobs there are."""
        for job in self._jobs.values():
            job.cancelled = True

    def create(self, request: Received) -> Reply:
        told = shapes.ImportDocument.model_validate_json(request.body).data.attributes.profiles.data
        rules.check_size(request.body, rules.REQUEST_BYTES)
        rules.check_items(told, rules.PROFILES, "/data/attributes/profiles/data")
        raw = orjson.loads(request.body)["data"]["attributes"]["profiles"]["data"]
        errors = []
        for number, profile in enumerate(told):
            pointer = f"/data/attributes/profiles/data/{number}"
            try:
                if len(orjson.dumps(raw[number])) > rules.PROFILE_BYTES:
                    raise Invalid("A profile must not be larger than 100 KB.", pointer)
                self._store.one_profile(profile.attributes, pointer)
                self._store.known(profile.attributes, profile.id, pointer)
            except Invalid as problem:
                errors.append(_error(f"{len(self._jobs):016x}{number:016x}", problem, raw[number]))
        job = Job(f"01SANDBOXJOB{len(self._jobs):014d}", request.at, len(told), errors)
        self._jobs[job.job_id] = job
        return self._shown(job, request, 202)

    def state(self, request: Received, job_id: str) -> Reply:
        return self._shown(self._job(job_id), request, 200)

    def errors(self, request: Received, job_id: str) -> Reply:
        job, query = self._job(job_id), parse_qs(urlsplit(request.path).query)
        size = query.get("page[size]", [str(PAGE)])[0]
        if not size.isdecimal() or not 1 <= int(size) <= LARGEST_PAGE:
            raise Invalid(f"The page size must be from 1 to {LARGEST_PAGE}.", parameter="page[size]")
        start, there = _offset(query), job.errors if self._status(job, request.at) == "complete" else []
        links = {"self": f"{_base(request)}{request.path}"}
        if start + int(size) < len(there):
            cursor = urlsafe_b64encode(f"from:{start + int(size)}".encode()).decode()
            pages = urlencode({"page[size]": size, "page[cursor]": cursor})
            links["next"] = f"{_base(request)}{_PATH}/{job_id}/import-errors?{pages}"
        return Reply(200, "accepted", orjson.dumps({"data": there[start : start + int(size)], "links": links}))

    def _job(self, job_id: str) -> Job:
        if job_id not in self._jobs:
            raise NoSuchJob
        return self._jobs[job_id]

    def _status(self, job: Job, now: float) -> str:
        return "cancelled" if job.cancelled else state_of(job.at, self._seconds, now)

    def _shown(self, job: Job, request: Received, status: int) -> Reply:
        attributes = progress(self._status(job, request.at), job.at + sum(self._seconds), job.at, job.total, job.errors)
        shown = resource(request, "profile-bulk-import-job", job.job_id, attributes, f"{_PATH}/{job.job_id}")
        return Reply(status, "accepted", orjson.dumps(shown))


def state_of(at: float, seconds: tuple[float, float], now: float) -> str:
    """Of a job received `at`: queued for the first of `seconds`, processed for the second."""
    queued, processed = seconds
    age = now - at
    return "queued" if age < queued else "processing" if age < queued + processed else "complete"


def progress(state: str, done_at: float, at: float, total: int, errors: list[dict[str, Any]]) -> dict[str, Any]:
    """What every job says of itself."""
    complete = state == "complete"
    return {
        "status": state,
        "created_at": _stamp(at),
        "total_count": total,
        "completed_count": total - len(errors) if complete else 0,
        "failed_count": len(errors) if complete else 0,
        **({"completed_at": _stamp(done_at)} if complete else {}),
    }


def resource(request: Received, kind: str, name: str, attributes: dict[str, Any], path: str) -> dict[str, Any]:
    """A document with one resource, as JSON:API has it."""
    links = {"self": f"{_base(request)}{path}"}
    return {"data": {"type": kind, "id": name, "attributes": attributes, "links": links}}


def _error(error_id: str, problem: Invalid, payload: dict[str, Any]) -> dict[str, Any]:
    attributes = {"code": problem.code, "title": "Invalid input.", "detail": str(problem)}
    source = {"source": {"pointer": problem.pointer}, "original_payload": payload}
    return {"type": "import-error", "id": error_id, "attributes": attributes | source}


def _offset(query: dict[str, list[str]]) -> int:
    if not (cursor := query.get("page[cursor]")):
        return 0
    try:
        return int(urlsafe_b64decode(cursor[0]).removeprefix(b"from:"))
    except ValueError as problem:
        raise Invalid("There is no such page.", parameter="page[cursor]") from problem


def _base(request: Received) -> str:
    return f"https://{request.headers.get('host', 'a.klaviyo.com')}"


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
