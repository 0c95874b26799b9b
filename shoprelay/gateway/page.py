"""The documentation as one page that a person can read: from the same table as the document, without scripts."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape
from typing import Any

import orjson

from shoprelay.gateway.endpoints import ENDPOINTS, Endpoint
from shoprelay.gateway.errors import KINDS
from shoprelay.gateway.openapi import document, parameters

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430;background:#fff}
h1{font-size:1.6rem}
h2{font-size:1.15rem;margin-top:2.5rem;border-top:1px solid #d9dee5;padding-top:1rem}
code,pre{font:14px/1.4 ui-monospace,monospace;background:#f2f4f7;border-radius:3px}
code{padding:.1rem .3rem}
pre{padding:.6rem;overflow:auto}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid #e6e9ee}
th{font-weight:600}
.verb{font-weight:700;margin-right:.5rem}
"""


@cache
def page() -> bytes:
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Shoprelay gateway</title><style>{STYLE}</style>",
        "<h1>Shoprelay gateway, version 1</h1>",
        "<p>For the shop's backend. Every request carries <code>Authorization: Bearer &lt;key&gt;</code> "
        "(<code>$KEY</code> below) with a key of this gateway; the key belongs on a server, never into a browser. "
        "For programs: <a href='/v1/openapi.json'>openapi.json</a>.</p>",
        *(_endpoint(endpoint) for endpoint in ENDPOINTS),
        "<h2>Parts</h2>",
        *(_part(name, schema) for name, schema in document()["components"]["schemas"].items()),
        "<h2>When there is no answer</h2><p>A problem (<code>application/problem+json</code>, RFC 9457): what is "
        "wrong, and for a question that cannot be used every field with the problem and the remedy.</p>",
        _table(("", "type", "it means", "do"), _kinds()),
    ]
    return "\n".join(parts).encode()


def _endpoint(endpoint: Endpoint) -> str:
    heading = f"<span class=verb>{endpoint.method}</span><code>{escape(endpoint.path)}</code>"
    told = _reference(endpoint.told.__name__)
    if endpoint.takes_body:
        takes = f"<p>Send {_reference(endpoint.asked.__name__)}, be told {told}.</p>"
    else:
        rows = [
            (f"<code>{one['name']}</code>", one["in"], "yes" if one["required"] else "", escape(one["description"]))
            for one in parameters(endpoint)
        ]
        takes = _table(("parameter", "in", "required", "is"), rows) + f"<p>Be told {told}.</p>"
    return f"<h2 id='{endpoint.name}'>{heading}</h2><p>{escape(endpoint.summary)}.</p>{takes}{_example(endpoint)}"


def _example(endpoint: Endpoint) -> str:
    path = endpoint.path.replace("{", "").replace("}", "")
    if endpoint.takes_body:
        body = orjson.dumps(endpoint.example).decode()
        asked = f"curl -H \"$KEY\" -H 'Content-Type: application/json' $GATEWAY{path} \\\n  -d '{body}'"
    else:
        asked = f"curl -H \"$KEY\" '$GATEWAY{path}{endpoint.example}'"
    return f"<pre>{escape(asked)}</pre>"


def _part(name: str, schema: dict[str, Any]) -> str:
    needed = schema.get("required", ())
    rows = [
        (f"<code>{field}</code>", _kind(of), "yes" if field in needed else "", escape(of.get("description", "")))
        for field, of in schema.get("properties", {}).items()
    ]
    about = escape(schema.get("description", "" if rows else "Any JSON."))
    return f"<h3 id='{name}'>{name}</h3><p>{about}</p>{_table(('field', 'kind', 'always', 'is'), rows) if rows else ''}"


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _reference(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    return escape(str(schema.get("format") or schema.get("type") or "anything"))


def _kinds() -> Iterable[tuple[str, ...]]:
    for name, kind in KINDS.items():
        yield f"<span id='{name}'>{kind.status}</span>", f"<code>{name}</code>", escape(kind.title), escape(kind.remedy)


def _reference(name: str) -> str:
    return f"<a href='#{name}'>{name}</a>"


def _table(head: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["<tr>" + "".join(f"<th>{cell}" for cell in head)]
    lines += ["<tr>" + "".join(f"<td>{cell}" for cell in row) for row in rows]
    return "<table>" + "\n".join(lines) + "</table>"
