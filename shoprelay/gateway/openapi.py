"""The OpenAPI 3.1 document, made from the table of endpoints and the models: it says what they do."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shoprelay.gateway.endpoints import ENDPOINTS, Endpoint
from shoprelay.gateway.errors import KINDS, MEDIA_TYPE, ProblemDocument

REFERENCE = "#/components/schemas/{model}"
COMMON = (401, 429, 500, 502, 503, 504)  # of every endpoint


@cache
def document() -> dict[str, Any]:
    models: list[tuple[type[BaseModel], Any]] = [(ProblemDocument, "serialization")]
    models += [(endpoint.asked, "validation") for endpoint in ENDPOINTS if endpoint.takes_body]
    models += [(endpoint.told, "serialization") for endpoint in ENDPOINTS]
    names, schemas = models_json_schema(list(dict.fromkeys(models)), ref_template=REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Shoprelay gateway",
            "version": "1",
            "description": "Stock, delivery, customers and orders, for the shop's backend.",
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key of this gateway"}},
        },
    }


def _operation(endpoint: Endpoint, names: Any) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": endpoint.name, "summary": endpoint.summary}
    if endpoint.takes_body:
        schema = names[endpoint.asked, "validation"]
        content = {"application/json": {"schema": schema, "example": endpoint.example}}
        operation["requestBody"] = {"required": True, "content": content}
    else:
        operation["parameters"] = parameters(endpoint)
    answer = {"application/json": {"schema": names[endpoint.told, "serialization"]}}
    age = {
        "description": "Seconds since the platform said so; absent when it was just asked",
        "schema": {"type": "integer"},
    }
    operation["responses"] = {
        "200": {"description": "The answer", "headers": {"Age": age}, "content": answer},
        **{str(status): _problem(status, names) for status in statuses(endpoint)},
    }
    return operation


def parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    """Of an endpoint without a body: those of its path and those of its query."""
    schema = endpoint.asked.model_json_schema(ref_template=REFERENCE)
    found = []
    for name, field in schema["properties"].items():
        in_path = f"{{{name}}}" in endpoint.path
        kind = {key: value for key, value in field.items() if key not in ("title", "description")}
        found.append({
            "name": name, "in": "path" if in_path else "query", "description": field.get("description", ""),
            "required": in_path or name in schema.get("required", ()), "schema": kind,
        })  # fmt: skip
    return found


def statuses(endpoint: Endpoint) -> tuple[int, ...]:
    """Of its problems."""
    own = {400, 422, *((408, 413, 415) if endpoint.takes_body else (404,))}
    return tuple(sorted(own | set(COMMON)))


def _problem(status: int, names: Any) -> dict[str, Any]:
    kinds = [(name, kind) for name, kind in KINDS.items() if kind.status == status]
    response: dict[str, Any] = {
        "description": "; ".join(f"{kind.title} (`{name}`)" for name, kind in kinds),
        "content": {MEDIA_TYPE: {"schema": names[ProblemDocument, "serialization"]}},
    }
    if status in (429, 503):
        response["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}}
    return response
