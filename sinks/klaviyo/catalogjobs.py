"""Items and variants in bulk jobs, followed to their end. Pure. Sources: README.md beside this.

Unlike an import of profiles, a catalog job shows its errors itself: OpenAPI, `get_bulk_create_catalog_items_job`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote, unquote

import msgspec
from msgspec import Raw

from sinks.contract import Answer, Ask, Batch, Call, Verdict, classify
from sinks.klaviyo.importjob import PATIENCE, WAITS
from sinks.klaviyo.refusal import named, pointers, spared

RECORDS = 100
REQUEST_BYTES = 5_000_000
_AROUND_BYTES, _RECORD_BYTES = 200, 600  # what joining may add: around them all, and for one that is only named

_AT_RECORD = re.compile(r"/data/attributes/(?:items|variants)/data/(\d{1,5})(/.*)?")


class _Document(msgspec.Struct):
    data: Raw


_document = msgspec.json.Decoder(_Document)
_encode = msgspec.json.Encoder().encode


# -- joined


def _join(job: str, calls: Sequence[Call]) -> Call:
    """`job` is what Klaviyo calls one job, "catalog-item-bulk-create-job"."""
    kind = "items" if job.startswith("catalog-item-") else "variants"
    records = b",".join([_record(call) for call in calls])
    body = b'{"data":{"type":"%b","attributes":{"%b":{"data":[%b]}}}}' % (job.encode(), kind.encode(), records)
    return Call(says=_title(f"{job}s"), method="POST", path=f"/api/{job}s", body=body, key="", endpoint=f"{job}s")


def _record(call: Call) -> bytes:
    """A delete has no body: its path names what goes."""
    if call.body:
        return bytes(_document.decode(call.body).data)
    resource, _, name = call.path.removeprefix("/api/").partition("/")
    return _encode({"type": resource.removesuffix("s"), "id": unquote(name)})


def _title(name: str) -> str:
    return name.replace("-", " ").title()


# -- read


def _read(job: str, calls: Sequence[Call], answers: Sequence[Answer]) -> tuple[Verdict, ...] | Ask | None:
    """First comes the answer to the request, then those about its job. UNAVAILABLE when it cannot be said how a record
    fared: cancelled, gone, unreadable. Telling it again does no harm."""
    started, last = answers[0], answers[-1]
    if not 200 <= started.status < 300:
        blamed = _blamed(pointers(started), len(calls)) if started.status == 400 else set()
        return spared(len(calls), blamed)
    if classify(last, ()) in (Verdict.MISCONFIGURED, Verdict.REJECTED) and last.status != 404:
        return None
    job_id, status = started.at("data.id"), last.at("data.attributes.status") if 200 <= last.status < 300 else None
    if not isinstance(job_id, str) or job_id in ("", ".", "..") or status == "cancelled" or len(answers) > PATIENCE:
        return (Verdict.UNAVAILABLE,) * len(calls)
    if status == "complete":
        return _verdicts(last, len(calls))
    path = f"/api/{job}s/{quote(job_id, safe='')}"
    ask = Call(says=_title(f"get-{job}"), method="GET", path=path, body=b"", key=path, endpoint=job)
    return Ask(ask, WAITS[min(len(answers), len(WAITS)) - 1])


def _verdicts(done: Answer, records: int) -> tuple[Verdict, ...]:
    """As long as fewer are named than have failed, nobody else is known to be well."""
    failed, errors = done.at("data.attributes.failed_count"), done.at("data.attributes.errors")
    many = max(failed if isinstance(failed, int) else 0, 1 if errors else 0)
    blamed = _blamed(named(errors), records)
    others = Verdict.DELIVERED if len(blamed) >= many else Verdict.UNAVAILABLE
    return tuple(Verdict.REJECTED if number in blamed else others for number in range(records))


def _blamed(spots: Iterable[str], records: int) -> set[int]:
    found = [_AT_RECORD.fullmatch(spot) for spot in spots]
    return {int(spot[1]) for spot in found if spot and int(spot[1]) < records}


# -- the six of them


def _batch(endpoint: str, job: str, *, one_per_customer: bool) -> Batch:
    def join(calls: Sequence[Call]) -> Call:
        return _join(job, calls)

    def read(calls: Sequence[Call], answers: Sequence[Answer]) -> tuple[Verdict, ...] | Ask | None:
        return _read(job, calls, answers)

    return Batch(
        endpoint=endpoint,
        budget=f"{job}s",
        join=join,
        read=read,
        most_items=RECORDS,
        most_bytes=REQUEST_BYTES - _AROUND_BYTES - RECORDS * _RECORD_BYTES,
        from_items=50,  # a job is asked for at least once a second later: fewer are told one by one before it is done
        in_flight=4,  # six kinds of four jobs: twenty processes stay below the 500 that may be in progress
        one_per_customer=one_per_customer,
    )


# In which order a job takes two updates of one thing is not documented. Creates and deletes of one product's variants
# are never about the same one.
CATALOG: tuple[Batch, ...] = (
    _batch("create-catalog-item", "catalog-item-bulk-create-job", one_per_customer=True),
    _batch("update-catalog-item", "catalog-item-bulk-update-job", one_per_customer=True),
    _batch("delete-catalog-item", "catalog-item-bulk-delete-job", one_per_customer=True),
    _batch("create-catalog-variant", "catalog-variant-bulk-create-job", one_per_customer=False),
    _batch("update-catalog-variant", "catalog-variant-bulk-update-job", one_per_customer=True),
    _batch("delete-catalog-variant", "catalog-variant-bulk-delete-job", one_per_customer=False),
)
