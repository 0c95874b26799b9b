"""Klaviyo's own description of its API, as the judge of our bodies."""

from __future__ import annotations

import json
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


@cache
def judge(real_data: Path, path: str) -> jsonschema.Draft4Validator:
    """The body's schema of an operation; from the whole specification where it has no file of its own."""
    name = f"apis/{_OPERATIONS[path]}.json" if path in _OPERATIONS else "stable.json"
    document = json.loads((real_data / "klaviyo-openapi" / name).read_text())
    content = document["paths"][path]["post"]["requestBody"]["content"][_MEDIA_TYPE]
    return _validator(content["schema"], document["components"])


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
