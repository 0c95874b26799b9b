"""The document says what the gateway does: every path is answered, and every answer is as the document says."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest

from shoprelay.gateway.endpoints import ENDPOINTS
from shoprelay.gateway.errors import KINDS, Problem
from shoprelay.gateway.openapi import document, statuses
from sinks.contract import Answer
from tests.shoprelay.gateway.newstore import CUSTOMER
from tests.shoprelay.gateway.world import Served, served

REAL = {"{customer_id}": CUSTOMER, "{order_number}": "N-1"}
OPERATIONS = {
    operation["operationId"]: (path, method, operation)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
}

BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


@pytest.fixture
async def shop() -> AsyncIterator[Served]:
    async with served() as here:
        yield here


def judge(schema: Any) -> jsonschema.Draft202012Validator:
    whole = {**schema, "components": document()["components"]}
    return jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())


async def ask(shop: Served, name: str) -> Any:
    """The table's own example."""
    endpoint = BY_NAME[name]
    path = endpoint.path
    for part, real in REAL.items():
        path = path.replace(part, real)
    if endpoint.takes_body:
        return await shop.post(path, endpoint.example)
    return await shop.get(f"{path}{endpoint.example}")


def test_it_is_an_openapi_document_of_3_1() -> None:
    told = document()

    assert told["openapi"] == "3.1.0"
    assert set(told["info"]) >= {"title", "version"}
    assert set(OPERATIONS) == {endpoint.name for endpoint in ENDPOINTS}
    for schema in told["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere() -> None:
    names = set(re.findall(r"#/components/schemas/(\w+)", str(document())))

    assert names <= set(document()["components"]["schemas"])
    assert "$defs" not in str(document())


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_parameter_of_the_path_is_described_and_required(name: str) -> None:
    path, _, operation = OPERATIONS[name]
    described = {p["name"]: p for p in operation.get("parameters", [])}

    assert {n for n, p in described.items() if p["in"] == "path"} == set(re.findall(r"{(\w+)}", path))
    for parameter in described.values():
        assert parameter["description"]
        jsonschema.Draft202012Validator.check_schema(parameter["schema"])


@pytest.mark.parametrize("name", OPERATIONS)
async def test_the_running_gateway_answers_it_as_described(shop: Served, name: str) -> None:
    _, _, operation = OPERATIONS[name]
    if BY_NAME[name].takes_body:
        asked = operation["requestBody"]["content"]["application/json"]
        judge(asked["schema"]).validate(asked["example"])

    answer = await ask(shop, name)

    assert answer.status_code == 200
    content = operation["responses"]["200"]["content"]
    judge(content[answer.headers["Content-Type"]]["schema"]).validate(answer.json())


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize(
    "answer", [Answer(400), Answer(404), Answer(429), Answer(500), Answer(403), Answer(0, fault="timeout"), Answer(200)]
)
async def test_every_trouble_is_described_too(shop: Served, name: str, answer: Answer) -> None:
    shop.world.wire.answers = [answer]
    response = await ask(shop, name)
    described = OPERATIONS[name][2]["responses"]

    assert str(response.status_code) in described and response.status_code >= 400
    content = described[str(response.status_code)]["content"][response.headers["Content-Type"]]
    judge(content["schema"]).validate(response.json())
    assert ("Retry-After" in response.headers) == (response.status_code == 503)


@pytest.mark.parametrize("kind", KINDS)
def test_every_problem_is_as_described_and_has_its_paragraph(kind: str) -> None:
    judge({"$ref": "#/components/schemas/ProblemDocument"}).validate(json.loads(Problem(kind, "why").body()))
    assert any(KINDS[kind].status in statuses(endpoint) for endpoint in ENDPOINTS) or kind == "wrong-method"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.add(tag)
        self.ids |= {named["id"]} if named.get("id") else set()  # type: ignore[arg-type]
        self.links |= {named[n] for n in ("href", "src") if named.get(n)}  # type: ignore[misc]


async def test_the_page_needs_no_key_and_nothing_from_elsewhere(shop: Served) -> None:
    page, told = await shop.client.get("/v1/docs"), await shop.client.get("/v1/openapi.json")
    parsed = _Page()
    parsed.feed(page.text)

    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert told.json() == document()
    assert {link for link in parsed.links if not link.startswith("#")} == {"/v1/openapi.json"}
    assert {link[1:] for link in parsed.links if link.startswith("#")} <= parsed.ids
    assert not parsed.tags & {"script", "img", "link", "iframe"}
    assert parsed.ids >= {endpoint.name for endpoint in ENDPOINTS} | set(KINDS)
