"""Klaviyo's own description of its API, as the judge of our bodies."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

_MEDIA_TYPE = "application/vnd.api+json"
_OPERATIONS = {
    "/api/events": "create_event",
    "/api/event-bulk-create-jobs": "bulk_create_events",
    "/api/profile-import": "create_or_update_profile",
    "/api/profile-bulk-import-jobs": "bulk_import_profiles",
    "/api/profile-subscription-bulk-create-jobs": "bulk_subscribe_profiles",
    "/api/data-privacy-deletion-jobs": "request_profile_deletion",
}


def judge(real_data: Path, path: str, method: str = "POST") -> jsonschema.Draft4Validator:
    """The body's schema of an operation."""
    return _judge(real_data, template(path), method.lower())


def template(path: str) -> str:
    """The path as the specification writes it."""
    return re.sub(r"^/api/(catalog-items|catalog-variants|profiles)/[^/]+$", r"/api/\1/{id}", path.partition("?")[0])


@cache
def _judge(real_data: Path, path: str, method: str) -> jsonschema.Draft4Validator:
    """From the whole specification where it has no file of its own."""
    name = f"apis/{_OPERATIONS[path]}.json" if path in _OPERATIONS else "stable.json"
    document = json.loads((real_data / "klaviyo-openapi" / name).read_text())
    content = document["paths"][path][method]["requestBody"]["content"][_MEDIA_TYPE]
    return _validator(content["schema"], document["components"])


@cache
def operations(real_data: Path) -> dict[tuple[str, str], frozenset[str]]:
    """Every operation there is, by method and path, with the scopes it wants."""
    paths = json.loads((real_data / "klaviyo-openapi" / "stable.json").read_text())["paths"]
    return {
        (method.upper(), path): frozenset(re.findall(r"`([a-z-]+:[a-z]+)`", about.get("description", "")))
        for path, methods in paths.items()
        for method, about in methods.items()
        if isinstance(about, dict)
    }


@cache
def windows(real_data: Path, method: str, path: str) -> tuple[int, int]:
    """How often an operation may be called, in a second and in a minute, as the specification says."""
    paths = json.loads((real_data / "klaviyo-openapi" / "stable.json").read_text())["paths"]
    told = paths[path][method.lower()]["x-klaviyo-ratelimit"]
    return int(told["burst"].partition("/")[0]), int(told["steady"].partition("/")[0])


@cache
def answer_judge(real_data: Path, method: str, path: str, status: int) -> jsonschema.Draft4Validator:
    """The schema of what an operation answers, `path` as the specification writes it."""
    document = json.loads((real_data / "klaviyo-openapi" / "stable.json").read_text())
    answer = document["paths"][path][method]["responses"][str(status)]
    return _validator(answer["content"][_MEDIA_TYPE]["schema"], document["components"])


def _validator(schema: Any, components: Any) -> jsonschema.Draft4Validator:
    whole = {**schema, "components": _closed(components)}
    return jsonschema.Draft4Validator(whole, format_checker=jsonschema.FormatChecker())


def _closed(node: Any) -> Any:
    """The same schemas, refusing fields they do not name: what Klaviyo does not list, it need not keep."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {name: _closed(each) for name, each in node.items()}
    names_its_fields = node.get("type") == "object" and isinstance(node.get("properties"), dict)
    return closed | {"additionalProperties": False} if names_its_fields else closed
