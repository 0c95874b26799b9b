"""How a file becomes an import job, alone or many together, and how the job goes to its end. Pure.

The file is put into the store, a job is made of it, started, and asked after until it says finished or failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import orjson
from msgspec import structs

from schemas.signals import CatalogSignal
from sinks.body import Fields, as_json
from sinks.contract import Answer, Ask, Batch, Call, Rule, Verdict
from sinks.newstore.answers import name_at, ok
from sinks.newstore.config import NewStoreConfig
from sinks.newstore.files import Head, packed, unpacked

JOBS = "/v0/d/import"
ENDPOINTS = {"products": "import-products", "stock": "import-stock", "prices": "import-prices"}
BUDGET = "import-jobs"
WAITS = (5.0, 10.0, 20.0, 40.0, 60.0)  # seconds between questions; the last one from then on
PATIENCE = 120  # questions without an end, about two hours. How long a job may take is not documented
ZIP = (("Content-Type", "application/zip"),)
MEGABYTES = 1_000_000


def upload(signal: CatalogSignal, kind: str, head: Head, items: list[Fields], config: NewStoreConfig) -> Call:
    """The file of these items. What the job will be made of goes with it."""
    entities = {"products": "products", "stock": config.stock_entity, "prices": config.price_entity}
    job = {
        "provider": config.import_provider,
        "entities": [entities[kind]],
        "full": False,  # it would delete what is not in the file, and fails for stock
        "shop": config.shop,
        "locale": config.locale,
    }
    read = config.files_public_url or config.files_url
    then = as_json({"store": config.files_url.rstrip("/"), "read": read.rstrip("/"), "job": job})
    body, key = packed([(head, items)]), f"{signal.signal_id}:{kind}"
    call = Call(f"import {kind}", "PUT", "", body, key, ENDPOINTS[kind], headers=ZIP, bare=True, then=then)
    return _placed(call, (key,))


def joined(calls: Sequence[Call]) -> Call:
    """One file of all, in their order: the later word on a product replaces the earlier one."""
    files = [part for call in calls for part in unpacked(call.body)]
    whole = structs.replace(calls[0], body=packed(files))
    return _placed(whole, [call.key for call in calls])


def _placed(call: Call, keys: Sequence[str]) -> Call:
    """Its name says what it holds: after a crash the same file replaces itself."""
    name = f"{call.endpoint}-{sha256(chr(10).join(keys).encode()).hexdigest()[:32]}.zip"
    then = orjson.loads(call.then)
    return structs.replace(call, path=f"{then['store']}/{name}", then=as_json(then | {"name": name}))


# -- how a job goes

FAILED = Rule(Verdict.REJECTED, frozenset({200}), at="state", equals="failed", why="the import failed")


def followed(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    """Of a file that is alone. The file store's refusals are no reason to hold what NewStore is told."""
    return _next(call, answers)


def read(calls: Sequence[Call], answers: Sequence[Answer]) -> tuple[Verdict, ...] | Ask | None:
    """Of many together: what becomes of the job becomes of all. A job that failed does not say whose fault it was: then
    the rules refuse it as a whole (see `FAILED`), and halves tell."""
    said = _next(_joined_again(calls), answers)
    if said is Verdict.REJECTED:
        return None
    return (said,) * len(calls) if isinstance(said, Verdict) else said


def _joined_again(calls: Sequence[Call]) -> Call:
    """As `joined`, without its body: that has left already."""
    return _placed(structs.replace(calls[0], body=b""), [call.key for call in calls])


def _next(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    stored, *later = answers
    if not ok(stored):
        return Verdict.UNAVAILABLE
    then: dict[str, Any] = orjson.loads(call.then)
    if not later:
        job = then["job"] | {"name": then["name"], "source_uri": f"{then['read']}/{then['name']}"}
        return Ask(_about_job(call, "POST", JOBS, as_json(job)))
    made, *later = later
    if not ok(made):
        return None
    if (job_id := name_at(made, "id")) is None:
        return Verdict.UNAVAILABLE
    path, uri = f"{JOBS}/{quote(job_id, safe='')}", f"{then['read']}/{then['name']}"
    if not later:
        return Ask(_about_job(call, "POST", f"{path}/start", as_json({"transformed_uri": uri})))
    started, *asked = later
    if not ok(started) or (asked and not ok(asked[-1]) and asked[-1].status != 404):
        return None
    state = asked[-1].at("state") if asked else ""
    if state == "finished":
        return Verdict.DELIVERED
    if state == "failed":
        return Verdict.REJECTED
    if len(asked) >= PATIENCE:
        return Verdict.UNAVAILABLE
    return Ask(_about_job(call, "GET", path, b""), WAITS[min(len(asked), len(WAITS) - 1)])


def _about_job(call: Call, method: str, path: str, body: bytes) -> Call:
    return Call("import job", method, path, body, f"{call.key}:{method} {path}", endpoint=BUDGET)


def _batch(kind: str, most_items: int) -> Batch:
    """Its single files and its joined ones share one budget: a job in five minutes. A few wait for it together."""
    name = ENDPOINTS[kind]
    return Batch(name, name, joined, read, most_items, most_bytes=8 * MEGABYTES, from_items=2, in_flight=1)


BATCHES = (_batch("products", 10_000), _batch("stock", 20_000), _batch("prices", 20_000))
