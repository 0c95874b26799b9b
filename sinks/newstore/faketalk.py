"""How the stand-in's parts read what they are asked and say no: JSON in, problem documents out."""

from __future__ import annotations

import json
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
from pydantic import BaseModel, ValidationError

from sinks.fake import Received, Reply

PROBLEM = "application/problem+json"
Shape = TypeVar("Shape", bound=BaseModel)


class Side(Protocol):
    """A part of the platform. Raises `Refused`."""

    def answer(self, request: Received) -> Reply | None:
        """`None` when the address is not of this part."""

    def stored(self) -> dict[str, Any]: ...


class Refused(Exception):
    """Says no, with one of the documented codes, or none."""

    def __init__(self, status: int, code: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.headers = status, code, headers


def problem(refused: Refused) -> Reply:
    told = {
        "type": "about:blank",
        "title": HTTPStatus(refused.status).phrase,
        "status": refused.status,
        "detail": str(refused),
        "error_code": refused.code,
        "message": str(refused),
        "messages": [str(refused)],
        "request_id": "sandbox",
    }
    verdict = "throttled" if refused.status == 429 else "refused"
    headers = {name.replace("_", "-"): value for name, value in refused.headers.items()}
    return Reply(refused.status, verdict, orjson.dumps(told), headers, PROBLEM)


def said(status: int, document: Any = None, verdict: str = "accepted") -> Reply:
    return Reply(status, verdict, b"" if document is None else orjson.dumps(document))


def document(request: Received) -> Any:
    """Numbers exactly as they were written."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Refused(415, "unsupported_media_type", "Content-Type must be application/json")
    try:
        return json.loads(request.body, parse_float=Decimal)
    except ValueError as broken:
        raise Refused(400, "bad_request", "the body is no JSON") from broken


def shaped(shape: type[Shape], told: Any) -> Shape:
    try:
        return shape.model_validate(told)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refused(400, "schema_validation_error", f"{place}: {first['msg']}") from wrong


def steps(request: Received) -> list[str]:
    return [unquote(step) for step in urlsplit(request.path).path.strip("/").split("/")]


def query(request: Received) -> dict[str, str]:
    """Raises `Refused` for a name that comes twice."""
    found = parse_qs(urlsplit(request.path).query, keep_blank_values=True)
    if any(len(values) > 1 for values in found.values()):
        raise Refused(400, "bad_request", "a query parameter came twice")
    return {name: values[0] for name, values in found.items()}


def method(request: Received, *allowed: str) -> None:
    if request.method not in allowed:
        raise Refused(405, "method_not_allowed", f"{request.method} is not allowed here")
