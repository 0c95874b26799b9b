"""The stand-in's catalog refuses what the documents refuse, and what comes in the wrong order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sinks.fake import Reply
from sinks.klaviyo.fake import SCOPES, KlaviyoStandIn
from tests.sinks.documents import changed
from tests.sinks.openapi import answer_judge, judge, operations
from tests.sinks.test_klaviyo_fake import NOON, ask, error

PREFIX = "$custom:::$default:::"


def record(kind: str, external_id: str | None = None, named: str | None = None, **attributes: Any) -> dict[str, Any]:
    told = {"external_id": external_id, **attributes} if external_id else attributes
    return {"data": {"type": kind, **({"id": PREFIX + named} if named else {}), "attributes": told}}


def related(document: dict[str, Any], **relationships: Any) -> dict[str, Any]:
    named = {name: {"data": data} for name, data in relationships.items()}
    return {"data": {**document["data"], "relationships": named}}


OF_MUG = {"type": "catalog-item", "id": f"{PREFIX}P1"}
KITCHEN = {"type": "catalog-category", "id": f"{PREFIX}Kitchen"}
ITEM = record("catalog-item", "P1", title="Mug", description="", url="https://m.example/1", price=9.5)
VARIANT_OF_NOTHING = record(
    "catalog-variant",
    "V1",
    title="S",
    description="",
    sku="M",
    inventory_quantity=4,
    price=9.5,
    url="https://m.example/1",
)
VARIANT = related(VARIANT_OF_NOTHING, item=OF_MUG)
CATEGORY = record("catalog-category", "Kitchen", name="Kitchen")
ITEM_CHANGES = record("catalog-item", named="P1", title="Bluer Mug")
VARIANT_CHANGES = record("catalog-variant", named="V1", inventory_quantity=0)
WAIT = related(
    record(
        "back-in-stock-subscription",
        channels=["EMAIL"],
        profile={"data": {"type": "profile", "attributes": {"email": "ada@example.com"}}},
    ),
    variant={"type": "catalog-variant", "id": f"{PREFIX}V1"},
)
DOCUMENTS = {"items": ITEM, "variants": VARIANT, "categories": CATEGORY}


def path(resource: str, external_id: str | None = None) -> str:
    return f"/api/catalog-{resource}" + (f"/{quote(PREFIX + external_id, safe='')}" if external_id else "")


def job(kind: str, verb: str, *records: dict[str, Any]) -> dict[str, Any]:
    many = {f"{kind}s": {"data": [each["data"] for each in records]}}
    return {"data": {"type": f"catalog-{kind}-bulk-{verb}-job", "attributes": many}}


def jobs(kind: str, verb: str) -> str:
    return f"/api/catalog-{kind}-bulk-{verb}-jobs"


def stocked() -> KlaviyoStandIn:
    stand_in = KlaviyoStandIn(limits=())
    for resource in ("items", "variants"):
        assert ask(stand_in, DOCUMENTS[resource], path(resource)).status == 201
    return stand_in


def update(stand_in: KlaviyoStandIn, document: Any, resource: str, external_id: str, **more: Any) -> Reply:
    return ask(stand_in, document, path(resource, external_id), method="PATCH", **more)


def delete(stand_in: KlaviyoStandIn, resource: str, external_id: str) -> Reply:
    return ask(stand_in, b"", path(resource, external_id), method="DELETE", content_type=None)


def test_what_is_right_is_taken_and_kept() -> None:
    stand_in = stocked()

    assert ask(stand_in, CATEGORY, path("categories")).status == 201
    assert update(stand_in, related(ITEM_CHANGES, categories=[KITCHEN]), "items", "P1").status == 200
    assert update(stand_in, VARIANT_CHANGES, "variants", "V1").status == 200
    assert ask(stand_in, WAIT, "/api/back-in-stock-subscriptions").status == 202
    kept = stand_in.stored()["catalog"]
    assert kept["catalog-item"][f"{PREFIX}P1"]["title"] == "Bluer Mug"
    assert kept["catalog-item"][f"{PREFIX}P1"]["categories"] == [f"{PREFIX}Kitchen"]
    assert kept["catalog-variant"][f"{PREFIX}V1"]["inventory_quantity"] == 0
    assert delete(stand_in, "variants", "V1").status == delete(stand_in, "items", "P1").status == 204


CREATES = [(document, path(resource)) for resource, document in DOCUMENTS.items()]
EVERYTHING = [
    *((document, address, "POST") for document, address in CREATES),
    (ITEM_CHANGES, path("items", "P1"), "PATCH"),
    (VARIANT_CHANGES, path("variants", "V1"), "PATCH"),
    (b"", path("items", "P1"), "DELETE"),
    (b"", path("variants", "V1"), "DELETE"),
    (WAIT, "/api/back-in-stock-subscriptions", "POST"),
    (job("item", "create", ITEM), jobs("item", "create"), "POST"),
    (job("variant", "update", VARIANT_CHANGES), jobs("variant", "update"), "POST"),
    (b"", f"{jobs('variant', 'delete')}/1", "GET"),
]


@pytest.mark.parametrize(("document", "address", "method"), EVERYTHING, ids=lambda value: str(value)[-50:])
@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (401, {"authorization": None}),
        (401, {"authorization": "Klaviyo-API-Key pk_other"}),
        (400, {"revision": None}),
        (410, {"revision": "2022-10-17"}),
        (415, {"accept": "application/json"}),
    ],
    ids=str,
)
def test_at_the_door(document: Any, address: str, method: str, status: int, headers: dict[str, Any]) -> None:
    assert ask(stocked(), document, address, method=method, **headers).status == status


@pytest.mark.parametrize(("document", "address", "method"), EVERYTHING, ids=lambda value: str(value)[-50:])
def test_a_key_without_the_scope_is_refused(document: Any, address: str, method: str) -> None:
    stand_in = KlaviyoStandIn(scopes=SCOPES - {"catalogs:write", "catalogs:read"})

    assert ask(stand_in, document, address, method=method).status == 403


@pytest.mark.parametrize(
    ("document", "way", "value"),
    [
        (ITEM, "data.type", "item"),
        (ITEM, "data.attributes.external_id", ...),
        (ITEM, "data.attributes.external_id", ""),
        (ITEM, "data.attributes.title", ...),
        (ITEM, "data.attributes.description", ...),
        (ITEM, "data.attributes.description", None),
        (ITEM, "data.attributes.url", ...),
        (ITEM, "data.attributes.price", "9.50"),
        (ITEM, "data.attributes.published", "yes"),
        (ITEM, "data.attributes.images", "https://m.example/1.png"),
        (ITEM, "data.attributes.integration_type", "$shopify"),
        (ITEM, "data.attributes.catalog_type", "mine"),
        (ITEM, "data.attributes.custom_metadata", {"deep": {"er": 1}}),
        (ITEM, "data.attributes.custom_metadata", {"text": "x" * 100_001}),
        (ITEM, "data.attributes.sku", "M"),
        (ITEM, "data.relationships", {"categories": {"data": [{"type": "catalog-category", "id": "Kitchen"}]}}),
        (VARIANT, "data.attributes.sku", ...),
        (VARIANT, "data.attributes.price", ...),
        (VARIANT, "data.attributes.price", "9.50"),
        (VARIANT, "data.attributes.price", None),
        (VARIANT, "data.attributes.inventory_quantity", ...),
        (VARIANT, "data.attributes.inventory_quantity", "4"),
        (VARIANT, "data.attributes.inventory_policy", 3),
        (VARIANT, "data.relationships", ...),
        (VARIANT, "data.relationships.item.data.id", "P1"),
        (VARIANT, "data.relationships.item.data.type", "catalog-variant"),
        (CATEGORY, "data.attributes.name", ...),
        (CATEGORY, "data.attributes.title", "Kitchen"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_record_that_is_wrong_is_refused_alone_and_with_others(document: Any, way: str, value: Any) -> None:
    stand_in, wrong = KlaviyoStandIn(limits=()), changed(document, way, value)
    kind = document["data"]["type"].removeprefix("catalog-")
    reply = ask(stand_in, wrong, path({"item": "items", "variant": "variants", "category": "categories"}[kind]))

    assert (reply.status, error(reply)["code"]) == (400, "invalid")
    assert error(reply)["source"]["pointer"].startswith("/data")
    if kind != "category":
        assert ask(stand_in, job(kind, "create", document, wrong), jobs(kind, "create")).status == 400
    assert not any(stand_in.stored()["catalog"].values())


@pytest.mark.parametrize(
    ("document", "way", "value"),
    [
        (ITEM_CHANGES, "data.id", ...),
        (ITEM_CHANGES, "data.id", "P1"),
        (ITEM_CHANGES, "data.id", f"{PREFIX}P2"),
        (ITEM_CHANGES, "data.attributes.external_id", "P1"),
        (VARIANT_CHANGES, "data.attributes.inventory_quantity", "0"),
        (VARIANT_CHANGES, "data.attributes.price", "9"),
        (VARIANT_CHANGES, "data.relationships", {"item": {"data": OF_MUG}}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_change_that_is_wrong_is_refused(document: Any, way: str, value: Any) -> None:
    kind, name = ("items", "P1") if document is ITEM_CHANGES else ("variants", "V1")
    reply = update(stocked(), changed(document, way, value), kind, name)

    assert (reply.status, error(reply)["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    ("way", "value"),
    [
        ("data.attributes.channels", ...),
        ("data.attributes.channels", []),
        ("data.attributes.channels", ["email"]),
        ("data.attributes.channels", "EMAIL"),
        ("data.attributes.profile", ...),
        ("data.attributes.profile.data.attributes", {}),
        ("data.attributes.profile.data.attributes.email", "ada"),
        ("data.attributes.profile.data.attributes.phone_number", "030 123456"),
        ("data.attributes.profile.data.attributes.anonymous_id", "cookie-7"),
        ("data.relationships", ...),
        ("data.relationships.variant.data.id", "V1"),
        ("data.relationships.variant.data.type", "catalog-item"),
    ],
    ids=str,
)
def test_who_waits_in_a_wrong_way_is_refused(way: str, value: Any) -> None:
    reply = ask(stocked(), changed(WAIT, way, value), "/api/back-in-stock-subscriptions")

    assert (reply.status, error(reply)["code"]) == (400, "invalid")


# -- order


def test_a_variant_cannot_come_before_its_item_nor_an_item_before_its_category() -> None:
    stand_in = KlaviyoStandIn(limits=())

    assert error(ask(stand_in, VARIANT, path("variants")))["code"] == "not_found"
    assert ask(stand_in, related(ITEM, categories=[KITCHEN]), path("items")).status == 404
    for document, resource in ((ITEM, "items"), (CATEGORY, "categories"), (VARIANT, "variants")):
        assert ask(stand_in, document, path(resource)).status == 201


def test_nobody_can_wait_for_a_variant_that_is_not_there() -> None:
    stand_in = KlaviyoStandIn(limits=())
    reply = ask(stand_in, WAIT, "/api/back-in-stock-subscriptions")
    elsewhere = changed(WAIT, "data.relationships.variant.data.id", "$shopify:::$default:::1")

    assert (reply.status, error(reply)["source"]["pointer"]) == (404, "/data/relationships/variant/data/id")
    assert ask(stand_in, elsewhere, "/api/back-in-stock-subscriptions").status == 202


def test_twice_is_a_conflict_and_what_is_not_there_cannot_be_changed() -> None:
    stand_in = stocked()

    assert [ask(stand_in, ITEM, path("items")).status, ask(stand_in, VARIANT, path("variants")).status] == [409, 409]
    assert update(stand_in, record("catalog-item", named="P9", title="x"), "items", "P9").status == 404
    assert [delete(stand_in, resource, "P9").status for resource in ("items", "variants")] == [404, 404]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 200),
        ("?page[size]=1", 200),
        ("?page[size]=0", 400),
        ("?page[size]=101", 400),
        ("?filter=any(ids,[%22$custom:::$default:::Kitchen%22])", 200),
        ("?filter=any(ids,[])", 200),
        ("?filter=any(ids,[Kitchen])", 400),
        ("?filter=equals(ids,%22Kitchen%22)", 400),
    ],
)
def test_a_question_about_categories_is_looked_at(query: str, status: int) -> None:
    reply = ask(stocked(), b"", path("categories") + query, method="GET", content_type=None)

    assert reply.status == status
    assert status == 200 or "parameter" in error(reply)["source"]


# -- jobs


def test_a_job_names_the_records_that_failed_by_their_place() -> None:
    stand_in = stocked()
    other = changed(ITEM, "data.attributes.external_id", "P2")
    made = ask(stand_in, job("item", "create", other, ITEM), jobs("item", "create"))
    address = f"{jobs('item', 'create')}/{json.loads(made.body)['data']['id']}"

    def state(at: float) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(ask(stand_in, b"", address, at, "GET", content_type=None).body)
        return dict(told["data"]["attributes"])

    assert [state(NOON + seconds)["status"] for seconds in (0, 1, 3)] == ["queued", "processing", "complete"]
    assert (state(NOON + 3)["completed_count"], state(NOON + 3)["failed_count"]) == (1, 1)
    (told,) = state(NOON + 3)["errors"]
    assert told["source"]["pointer"].startswith("/data/attributes/items/data/1")
    assert ask(stand_in, b"", f"{jobs('variant', 'create')}/{address.rpartition('/')[2]}", method="GET").status == 404


@pytest.mark.parametrize(("many", "status"), [(100, 202), (101, 400)])
def test_a_job_has_at_most_a_hundred_records(many: int, status: int) -> None:
    records = [changed(ITEM, "data.attributes.external_id", f"P{number}") for number in range(many)]

    assert ask(KlaviyoStandIn(), job("item", "create", *records), jobs("item", "create")).status == status


def test_a_job_has_at_most_five_megabytes() -> None:
    large = [changed(ITEM, "data.attributes.description", "x" * 99_000) for _ in range(51)]

    assert ask(KlaviyoStandIn(), job("item", "create", *large), jobs("item", "create")).status == 400


@pytest.mark.parametrize(
    ("document", "address"),
    [
        (job("item", "create", ITEM), jobs("item", "update")),
        (job("variant", "create", VARIANT), jobs("item", "create")),
        (job("item", "update", ITEM), jobs("item", "update")),
        (job("item", "delete", ITEM), jobs("item", "delete")),
        (job("item", "create", ITEM_CHANGES), jobs("item", "create")),
    ],
    ids=lambda value: str(value)[:60],
)
def test_each_job_takes_its_own_records_alone(document: Any, address: str) -> None:
    assert ask(KlaviyoStandIn(), document, address).status == 400


# -- Klaviyo's own word


@pytest.mark.real
def test_klaviyos_openapi_knows_these_requests_answers_and_scopes(real_data: Path) -> None:
    known = operations(real_data)
    for document, address, method in EVERYTHING:
        if method in ("POST", "PATCH"):
            judge(real_data, address, method).validate(document)
    stand_in = KlaviyoStandIn(limits=())
    for document, address in (CREATES[0], CREATES[1], CREATES[2]):
        reply = ask(stand_in, document, address)
        answer_judge(real_data, "post", address, 201).validate(json.loads(reply.body))
    for document, resource, name in ((ITEM_CHANGES, "items", "P1"), (VARIANT_CHANGES, "variants", "V1")):
        reply = update(stand_in, document, resource, name)
        answer_judge(real_data, "patch", f"/api/catalog-{resource}/{{id}}", 200).validate(json.loads(reply.body))
    assert known["POST", "/api/back-in-stock-subscriptions"] == {"catalogs:write", "profiles:write"}
    assert known["DELETE", "/api/catalog-variants/{id}"] == {"catalogs:write"}
    assert known["GET", "/api/catalog-item-bulk-create-jobs/{job_id}"] == {"catalogs:read"}
