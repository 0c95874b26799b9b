"""The stand-in for NewStore refuses what its documents refuse: profiles, import jobs and their files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sinks.newstore.files import packed
from tests.sinks.documents import changed
from tests.sinks.newstore_caller import Caller

# -- profiles


@pytest.mark.parametrize(
    ("status", "method", "path", "document"),
    [
        (201, "POST", "", {"email": "ada@example.com", "full_name": "Ada"}),
        (400, "POST", "", {"email": "nobody"}),
        (400, "POST", "", {"full_name": "Ada"}),
        (400, "POST", "", {"email": "a@b", "full_name": "Ada", "first_name": "Ada", "last_name": "King"}),
        (400, "POST", "", {"email": "a@b", "first_name": "Ada"}),
        (400, "POST", "", {"email": "a@b", "phone_number": "030 123"}),
        (400, "GET", "?count=0", None),
        (400, "GET", "?count=501", None),
        (400, "GET", "?count=500/of-nobody", None),
        (400, "GET", "?offset=9999&count=2", None),
        (404, "GET", "/nobody", None),
        (404, "POST", "/nobody", {"operation": "delete"}),
        (400, "PATCH", "/{}", {"full_name": "Ada"}),
        (409, "PATCH", "/{}", {"full_name": "Ada", "last_updated_at": "2026-01-01T00:00:00Z"}),
        (400, "POST", "/{}", {}),
        (202, "POST", "/{}", {"operation": "delete"}),
    ],
    ids=str,
)
def test_at_the_profiles_door(status: int, method: str, path: str, document: Any) -> None:
    caller = Caller()
    known = json.loads(caller.ask("POST", "/customer/profiles", {"email": "bob@example.com"}).body)

    assert caller.ask(method, f"/customer/profiles{path.format(known['id'])}", document).status == status


# -- imports

JOB = {
    "provider": "p", "name": "n", "source_uri": "https://f", "entities": ["products"], "full": False, "shop": "s",
    "locale": "en-US",
}  # fmt: skip
HEAD = {"catalog": "c", "shop": "s", "locale": "en-US"}
PRICES = {"shop": "s", "locale": "en-US", "currency": "EUR", "pricebook": "default"}


def end_of(caller: Caller, job: dict[str, Any], body: bytes | None) -> str:
    made = json.loads(caller.ask("POST", "/v0/d/import", job).body)["id"]
    if body is not None:
        caller.raw("PUT", "/_files/f.zip", body)
    caller.ask("POST", f"/v0/d/import/{made}/start", {"transformed_uri": "https://files.example/_files/f.zip"})
    states = [json.loads(caller.ask("GET", f"/v0/d/import/{made}").body)["state"] for _ in range(2)]
    return str(states[-1])


@pytest.mark.parametrize(
    ("entity", "head", "item", "state"),
    [
        ("products", HEAD, {"product_id": "mug"}, "finished"),
        ("products", HEAD, {"product_id": "mug=1"}, "failed"),
        ("products", HEAD, {"product_id": "m" * 256}, "failed"),
        ("products", HEAD, {"title": "Mug"}, "failed"),
        ("products", HEAD, {"product_id": "mug", "colour": "blue"}, "failed"),
        ("products", HEAD, {"product_id": "mug", "images": "mug.png"}, "failed"),
        ("products", {"catalog": "c"}, {"product_id": "mug"}, "failed"),
        ("prices", PRICES, {"product_id": "mug", "value": 9.99}, "finished"),
        ("prices", PRICES, {"product_id": "mug", "value": "9.99"}, "failed"),
        ("prices", HEAD, {"product_id": "mug", "value": 9.99}, "failed"),
        ("availabilities", HEAD, {"product_id": "mug", "fulfillment_node_id": "FN1", "quantity": 5}, "finished"),
        ("availabilities", HEAD, {"product_id": "mug", "quantity": 5}, "failed"),
        ("availabilities", HEAD, {"product_id": "mug", "fulfillment_node_id": "FN1", "quantity": -5}, "failed"),
    ],
)
def test_a_job_reads_its_file(entity: str, head: dict[str, Any], item: dict[str, Any], state: str) -> None:
    assert end_of(Caller(), JOB | {"entities": [entity]}, packed([(head, [item])])) == state


def test_a_job_fails_without_a_file_and_with_full_stock() -> None:
    stock = packed([(HEAD, [{"product_id": "mug", "fulfillment_node_id": "FN1", "quantity": 5}])])

    assert end_of(Caller(), JOB, None) == end_of(Caller(), JOB, b"no zip") == "failed"
    assert end_of(Caller(), JOB | {"entities": ["availabilities"], "full": True}, stock) == "failed"


@pytest.mark.parametrize(("way", "value"), [*((name, ...) for name in JOB), ("entities", []), ("entities", ["mugs"])])
def test_a_job_that_says_too_little_is_refused(way: str, value: Any) -> None:
    assert Caller().ask("POST", "/v0/d/import", changed(JOB, way, value)).status == 400


@pytest.mark.parametrize(("entity", "most"), [("products", 10), ("prices", 20)])
def test_no_more_jobs_are_open_than_may_be(entity: str, most: int) -> None:
    caller = Caller()
    replies = [caller.ask("POST", "/v0/d/import", JOB | {"entities": [entity]}) for _ in range(most + 1)]

    assert [reply.status for reply in replies] == [200] * most + [429]
    assert replies[-1].headers["Retry-After"] == "60"


def test_the_file_store_wants_no_token() -> None:
    caller = Caller()

    assert caller.raw("PUT", "/_files/a.zip", b"x").status == 200
    assert caller.raw("PUT", "/_files/a.zip", b"x", authorization="Bearer t").status == 400
    assert caller.raw("GET", "/_files/a.zip").status == 405
