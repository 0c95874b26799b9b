"""The stand-in's import jobs and the file store beside it. A job reads what was put there, when it is asked after."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from pydantic import Field

from sinks.fake import Received, Reply
from sinks.newstore.fakeshapes import Shape
from sinks.newstore.faketalk import Refused, document, method, said, shaped, steps
from sinks.newstore.files import name_of, unpacked

FILES = "_files"
MOST_OPEN, MOST_OPEN_OF_PRODUCTS, MOST_BYTES = 20, 10, 500_000_000
ENTITIES = ("products", "categories", "prices", "availabilities")
Text = Annotated[str, Field(min_length=1)]
ITEM = frozenset({
    "product_id", "variant_group_id", "title", "caption", "description", "brand", "keywords", "is_published",
    "is_searchable", "show_in_listing", "images", "categories", "tax_class_id", "external_identifiers",
    "extended_attributes", "variation_color_value", "variation_size_value", "variation_size_gender", "online_from",
    "online_to", "preorder_start", "country_of_origin", "material", "google_category",
})  # fmt: skip


class Create(Shape):
    provider: Text
    name: Text
    source_uri: Text
    entities: Annotated[list[Text], Field(min_length=1)]
    full: bool
    shop: Text
    locale: Text
    revision: int | None = None


class Start(Shape):
    transformed_uri: Annotated[str, Field(pattern=r"^(https?|s3)://\S+$")]


@dataclass(slots=True)
class Job:
    """`state`: received, then waiting once it was started, then finished or failed, a step each time it is asked."""

    told: Create
    state: str = "received"
    uri: str = ""
    reason: str = ""
    asked: int = 0

    @property
    def open(self) -> bool:
        return self.state not in ("finished", "failed")


class Imports:
    """`asks` is how often a job says that it waits before it is done. A job with one of `unwanted` products fails."""

    def __init__(self, asks: int = 1, unwanted: frozenset[str] = frozenset()) -> None:
        self._asks = asks
        self._unwanted = unwanted
        self.files: dict[str, bytes] = {}
        self.jobs: dict[str, Job] = {}
        self.kept: dict[str, dict[str, Any]] = {entity: {} for entity in ENTITIES}

    def stored(self) -> dict[str, Any]:
        """A product shows up only with product data and a price."""
        products, prices = self.kept["products"], self.kept["prices"]
        return {
            **self.kept,
            "showing": sorted(set(products) & set(prices)),
            "jobs": [j.state for j in self.jobs.values()],
        }

    def put(self, request: Received) -> Reply | None:
        """The file store: it knows nothing of tokens, and must never be shown one."""
        match steps(request):
            case [first, name] if first == FILES:
                method(request, "PUT")
                if "authorization" in request.headers:
                    raise Refused(400, "bad_request", "a token of NewStore's is not for a file store")
                self.files[name] = request.body
                return said(200)
        return None

    def answer(self, request: Received) -> Reply | None:
        match steps(request):
            case ["v0", "d", "import"]:
                method(request, "POST")
                return self._create(request)
            case ["v0", "d", "import", name]:
                method(request, "GET")
                return self._asked(self._job(name), name)
            case ["v0", "d", "import", name, "start"]:
                method(request, "POST")
                job = self._job(name)
                job.uri = shaped(Start, document(request)).transformed_uri
                job.state = "waiting" if job.open else job.state
                return said(200, {"id": name})
        return None

    def _create(self, request: Received) -> Reply:
        told = shaped(Create, document(request))
        if unknown := set(told.entities) - set(ENTITIES):
            raise Refused(400, "schema_validation_error", f"entities: {len(unknown)} are not known")
        of_products = [job for job in self.jobs.values() if job.open and "products" in job.told.entities]
        too_many = "products" in told.entities and len(of_products) >= MOST_OPEN_OF_PRODUCTS
        if too_many or sum(job.open for job in self.jobs.values()) >= MOST_OPEN:
            raise Refused(429, "too_many_requests", "Too many import jobs are open.", Retry_After="60")
        name = str(uuid5(NAMESPACE_URL, f"import {len(self.jobs)}"))
        self.jobs[name] = Job(told)
        return said(200, {"id": name})

    def _job(self, name: str) -> Job:
        if name not in self.jobs:
            raise Refused(404, "not_found", "There is no such import job.")
        return self.jobs[name]

    def _asked(self, job: Job, name: str) -> Reply:
        if job.state == "waiting":
            job.asked += 1
            if job.asked > self._asks:
                job.reason = self._read(job)
                job.state = "failed" if job.reason else "finished"
        about = job.told.model_dump(exclude={"full", "shop", "locale"})
        state = {"import_id": name, "state": job.state, "reason": job.reason or None, "full": job.told.full}
        return said(200, {**about, **state, "transformed_uri": job.uri or None})

    def _read(self, job: Job) -> str:
        """Why it failed; empty when it did not."""
        (entity,) = job.told.entities[:1]
        if job.told.full and entity == "availabilities":
            return "a full import is not supported for availabilities"
        body = self.files.get(urlsplit(job.uri).path.removeprefix(f"/{FILES}/"))
        if body is None or len(body) > MOST_BYTES:
            return "the file cannot be read"
        try:
            files = unpacked(body)
        except ValueError as wrong:
            return str(wrong)
        for head, items in files:
            if wrong_item := next((why for item in items if (why := _wrong(entity, head, item))), ""):
                return wrong_item
        if any(item["product_id"] in self._unwanted for _, items in files for item in items):
            return "a product is not wanted"
        for _, items in files:
            for item in items:
                known = self.kept[entity].setdefault(name_of(item).strip(), {})
                known |= {name: str(value) if isinstance(value, Decimal) else value for name, value in item.items()}
        return ""


def _wrong(entity: str, head: Any, item: Any) -> str:
    name = item.get("product_id") if isinstance(item, dict) else None
    if not isinstance(name, str) or not 0 < len(name) <= 255 or "=" in name or "%" in name:
        return "product_id: 1 to 255 characters without = and %"
    if entity == "products":
        return _wrong_product(head, item)
    needed = ("shop", "locale", "currency", "pricebook") if entity == "prices" else ("shop", "locale")
    if any(not head.get(each) for each in needed):
        return f"head: {', '.join(needed)} are required"
    numbers = [value for value in item.values() if isinstance(value, int | Decimal) and not isinstance(value, bool)]
    if len(numbers) != 1 or numbers[0] < 0:
        return "an item has one number, of 0 or more"
    return "" if entity == "prices" or item.get("fulfillment_node_id") else "fulfillment_node_id: is required"


def _wrong_product(head: Any, item: Any) -> str:
    if not head.get("catalog") or not head.get("locale"):
        return "head: catalog and locale are required"
    if unknown := set(item) - ITEM:
        return f"{len(unknown)} fields are not known"
    for part in ("external_identifiers", "extended_attributes", "images", "categories"):
        if not isinstance(item.get(part, []), list) or not all(isinstance(each, dict) for each in item.get(part, [])):
            return f"{part}: a list of objects"
    return ""
