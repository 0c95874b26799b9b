"""HTTP → questions. Every field that cannot be used is named at once, with the problem and what to do about it."""

from __future__ import annotations

import asyncio
from typing import Any, get_args, get_origin

from aiohttp import web
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from shoprelay.gateway.endpoints import Endpoint
from shoprelay.gateway.errors import FieldProblem, Problem
from sinks.questions import Asked

BODY_SECONDS = 10.0  # for a body to arrive
MOST_ERRORS = 20


async def question(endpoint: Endpoint, request: web.Request) -> Asked:
    """What the platform is to be asked. Raises `Problem`."""
    try:
        if endpoint.takes_body:
            asked: Asked = endpoint.asked.model_validate_json(await _body(request), strict=True)
        else:
            asked = endpoint.asked.model_validate(_parameters(endpoint.asked, request))
        return endpoint.question(asked)
    except ValidationError as wrong:
        raise _invalid(endpoint.asked, wrong) from None


async def _body(request: web.Request) -> bytes:
    if request.content_type != "application/json":
        raise Problem("not-json", "the body must be declared as application/json")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise Problem("too-large", "the body is larger than this gateway reads") from None
    except TimeoutError:
        raise Problem("too-slow", f"the body did not arrive within {BODY_SECONDS:.0f} s") from None


def _parameters(model: type[Asked], request: web.Request) -> dict[str, Any]:
    """Of path and query, by name. What is given more than once is a list, and refused where one value is wanted."""
    found: dict[str, Any] = dict(request.match_info)
    for name in request.query:
        values = request.query.getall(name)
        field = model.model_fields.get(name)
        several = field is not None and get_origin(field.annotation) is tuple
        found[name] = values if several or len(values) > 1 or name in request.match_info else values[0]
    return found


def _invalid(model: type[Asked], wrong: ValidationError) -> Problem:
    """A list that has wrong items is also called too short: that is not told."""
    found = wrong.errors(include_input=False, include_url=False, include_context=False)
    above = {error["loc"][:depth] for error in found for depth in range(len(error["loc"]))}
    errors = [error for error in found if error["type"] != "too_short" or error["loc"] not in above]
    told = tuple(_field_problem(model, error["loc"], error["type"], error["msg"]) for error in errors[:MOST_ERRORS])
    first = f"{told[0].field or 'the body'}: {told[0].problem}"
    return Problem("invalid-question", first if len(errors) == 1 else f"{first}; and {len(errors) - 1} more", told)


def _field_problem(model: type[BaseModel], place: tuple[int | str, ...], kind: str, message: str) -> FieldProblem:
    field, owner = _field(model, place)
    wanted = field.description if field is not None and field.description else ""
    if kind == "extra_forbidden":
        names = ", ".join(owner.model_fields) if owner is not None else ""
        problem, remedy = "there is no such field", f"leave it out; there are: {names}"
    elif kind == "missing":
        problem, remedy = "it is missing", f"give {wanted}" if wanted else "give it"
    elif kind.startswith("json"):
        problem, remedy = "the body is not valid JSON", "send one JSON object"
    else:
        problem = message.removeprefix("Value error, ")
        remedy = f"give {wanted}" if wanted else "see /v1/docs"
    return FieldProblem(field=".".join(map(str, place)), problem=problem, remedy=remedy)


def _field(model: type[BaseModel], place: tuple[int | str, ...]) -> tuple[FieldInfo | None, type[BaseModel] | None]:
    """The field at a place, or the nearest above it that has one, and the model it is in."""
    owner: type[BaseModel] | None = model
    field: FieldInfo | None = None
    for step in place:
        if isinstance(step, int):
            continue
        if owner is None or step not in owner.model_fields:
            return (None if owner is not None else field), owner
        field = owner.model_fields[step]
        owner = next((kind for kind in _kinds(field.annotation) if issubclass(kind, BaseModel)), None)
        inner = owner
    return field, inner if place and owner is not None else model


def _kinds(annotation: Any) -> list[type]:
    inside = [kind for part in get_args(annotation) for kind in _kinds(part)]
    return [annotation, *inside] if isinstance(annotation, type) and not get_args(annotation) else inside
