"""The stand-in's catalog: items, their variants, categories, who waits for a variant, and jobs of up to 100 of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import orjson

from sinks.fake import Received, Reply
from sinks.klaviyo import catalogshapes as shapes
from sinks.klaviyo import rules
from sinks.klaviyo.fakejobs import NoSuchJob, progress, resource, state_of
from sinks.klaviyo.rules import Conflict, Invalid, Missing
from sinks.klaviyo.shapes import Document
from sinks.klaviyo.store import Store

_NEW: dict[str, type[Document[Any]]] = {
    "catalog-item": Document[shapes.NewItem],
    "catalog-variant": Document[shapes.NewVariant],
    "catalog-category": Document[shapes.NewCategory],
}
_CHANGED: dict[str, type[Document[Any]]] = {
    "catalog-item": Document[shapes.ChangedItem],
    "catalog-variant": Document[shapes.ChangedVariant],
}
_RESOURCES = {
    "catalog-item": "catalog-items",
    "catalog-variant": "catalog-variants",
    "catalog-category": "catalog-categories",
}
_CATEGORIES = "/api/catalog-categories"
_FILTER = re.compile(r'any\(ids,\[("[^"\\]+"(,"[^"\\]+")*)?\]\)')
_QUOTED = re.compile(r'"([^"]+)"')


class Catalog:
    """What is told of one thing. `kind` is its type, "catalog-item". Raises what `fake.py` answers with."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, kind: str, request: Received) -> Reply:
        told = _NEW[kind].model_validate_json(request.body).data
        rules.check_size(request.body, rules.REQUEST_BYTES)
        self.created(told, "/data")
        return self._shown(kind, shapes.PREFIX + told.attributes.external_id, request, 201)

    def update(self, kind: str, request: Received, quoted: str) -> Reply:
        told = _CHANGED[kind].model_validate_json(request.body).data
        rules.check_size(request.body, rules.REQUEST_BYTES)
        if told.id != unquote(quoted):
            raise Invalid("The id must be the one of the path.", "/data/id")
        self.updated(told, "/data")
        return self._shown(kind, told.id, request, 200)

    def delete(self, kind: str, request: Received, quoted: str) -> Reply:
        self.deleted(kind, unquote(quoted), "/data")
        return Reply(204, "accepted")

    def categories(self, request: Received) -> Reply:
        """Those a filter names, which is all of them without one."""
        query = parse_qs(urlsplit(request.path).query)
        size, wanted = query.get("page[size]", ["100"])[0], query.get("filter", [""])[0]
        if not size.isdecimal() or not 1 <= int(size) <= 100:
            raise Invalid("The page size must be from 1 to 100.", parameter="page[size]")
        if wanted and not _FILTER.fullmatch(wanted):
            raise Invalid("Only any(ids,[…]) is understood here.", parameter="filter")
        there = self._store.catalog["catalog-category"]
        names = [name for name in (_QUOTED.findall(wanted) if wanted else there) if name in there][: int(size)]
        shown = [self._document("catalog-category", name, request)["data"] for name in dict.fromkeys(names)]
        return Reply(
            200, "accepted", orjson.dumps({"data": shown, "links": {"self": f"https://a.klaviyo.com{_CATEGORIES}"}})
        )

    def wait(self, request: Received) -> Reply:
        """Whether Klaviyo minds a variant it does not know is not documented; here it does."""
        told = Document[shapes.BackInStock].model_validate_json(request.body).data
        who = told.attributes.profile.data.attributes if told.attributes.profile else shapes.Waiting()
        names = {name: value for name, value in who.model_dump().items() if value}
        if not names and not (told.attributes.profile and told.attributes.profile.data.id):
            raise Invalid("A profile needs an id, e-mail, phone number or external id.", "/data/attributes/profile")
        variant = told.relationships.variant.data.id
        if variant.startswith(shapes.PREFIX) and variant not in self._store.catalog["catalog-variant"]:
            raise Missing("There is no such variant.", "/data/relationships/variant/data/id")
        if (waiting := {"variant": variant, "channels": told.attributes.channels, **names}) not in self._store.waiting:
            self._store.waiting.append(waiting)
        return Reply(202, "accepted")

    # -- one record, alone or of a job

    def created(self, told: Any, pointer: str) -> None:
        things, name = self._store.catalog[told.type], shapes.PREFIX + told.attributes.external_id
        if name in things:
            raise Conflict("It exists already.", f"{pointer}/attributes/external_id")
        self._check_related(told, pointer)
        things[name] = {**told.attributes.model_dump(exclude_none=True), **_relations(told)}

    def updated(self, told: Any, pointer: str) -> None:
        self._there(told.type, told.id, pointer)
        self._check_related(told, pointer)
        changes = told.attributes.model_dump(exclude_unset=True)
        self._store.catalog[told.type][told.id] |= {**changes, **_relations(told)}

    def deleted(self, kind: str, name: str, pointer: str) -> None:
        self._there(kind, name, pointer)
        del self._store.catalog[kind][name]

    def _there(self, kind: str, name: str, pointer: str) -> None:
        if name not in self._store.catalog[kind]:
            raise Missing(f"A {kind.replace('-', ' ')} with this id does not exist.", f"{pointer}/id")

    def _check_related(self, told: Any, pointer: str) -> None:
        for kind, names in (("catalog-item", _item_of(told)), ("catalog-category", _categories_of(told) or ())):
            if missing := [name for name in names if name not in self._store.catalog[kind]]:
                raise Missing(f"{len(missing)} of the {kind} it belongs to do not exist.", f"{pointer}/relationships")

    def _shown(self, kind: str, name: str, request: Received, status: int) -> Reply:
        return Reply(status, "accepted", orjson.dumps(self._document(kind, name, request)))

    def _document(self, kind: str, name: str, request: Received) -> dict[str, Any]:
        known = self._store.catalog[kind][name]
        told: dict[str, Any] = {key: known[key] for key in ("external_id", "title", "name") if key in known}
        return resource(request, kind, name, told, f"/api/{_RESOURCES[kind]}/{quote(name, safe='')}")


def _item_of(told: Any) -> tuple[str, ...]:
    related = getattr(told, "relationships", None)
    return (related.item.data.id,) if isinstance(related, shapes.OfItem) else ()


def _categories_of(told: Any) -> tuple[str, ...] | None:
    related = getattr(told, "relationships", None)
    if not isinstance(related, shapes.InCategories) or related.categories is None:
        return None
    return tuple(each.id for each in related.categories.data)


def _relations(told: Any) -> dict[str, Any]:
    item, categories = _item_of(told), _categories_of(told)
    return {**({"item": item[0]} if item else {}), **({} if categories is None else {"categories": list(categories)})}


# -- many at once


@dataclass(slots=True)
class _Job:
    at: float
    total: int
    errors: list[dict[str, Any]] = field(default_factory=list)


class CatalogJobs:
    """`seconds`: how long a job is queued, and then processed. `cancelled` cancels all there are."""

    def __init__(self, store: Store, seconds: tuple[float, float]) -> None:
        self._catalog = Catalog(store)
        self._seconds = seconds
        self._jobs: dict[tuple[str, str], _Job] = {}
        self.cancelled = False

    def create(self, kind: str, request: Received) -> Reply:
        told = shapes.JOBS[kind].model_validate_json(request.body).data.attributes
        many = "items" if kind.startswith("catalog-item-") else "variants"
        rules.check_size(request.body, rules.REQUEST_BYTES)
        records, spot = getattr(told, many).data, f"/data/attributes/{many}/data"
        rules.check_items(records, rules.RECORDS, spot)
        job = _Job(request.at, len(records))
        for number, record in enumerate(records):
            try:
                self._take(kind, record, f"{spot}/{number}")
            except Invalid as problem:
                job.errors.append(_error(f"{len(self._jobs):016x}{number:016x}", problem))
        job_id = f"01SANDBOXCATALOG{len(self._jobs):010d}"
        self._jobs[kind, job_id] = job
        return self._shown(kind, job_id, request, 202)

    def state(self, kind: str, request: Received, job_id: str) -> Reply:
        if (kind, job_id) not in self._jobs:
            raise NoSuchJob
        return self._shown(kind, job_id, request, 200)

    def _take(self, kind: str, record: Any, pointer: str) -> None:
        if kind.endswith("-create-job"):
            self._catalog.created(record, pointer)
        elif kind.endswith("-update-job"):
            self._catalog.updated(record, pointer)
        else:
            self._catalog.deleted(record.type, record.id, pointer)

    def _shown(self, kind: str, job_id: str, request: Received, status: int) -> Reply:
        job = self._jobs[kind, job_id]
        state = "cancelled" if self.cancelled else state_of(job.at, self._seconds, request.at)
        attributes = progress(state, job.at + sum(self._seconds), job.at, job.total, job.errors)
        if state == "complete":
            attributes["errors"] = job.errors
        shown = resource(request, kind, job_id, attributes, f"/api/{kind}s/{job_id}")
        return Reply(status, "accepted", orjson.dumps(shown))


def _error(error_id: str, problem: Invalid) -> dict[str, Any]:
    shown = {"id": error_id, "code": problem.code, "title": "Invalid input.", "detail": str(problem)}
    return {**shown, "source": {"pointer": problem.pointer}}
