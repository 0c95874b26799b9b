"""How an import job of profiles is followed to its end, and its errors are read back to the profiles. Pure.

Job and errors: OpenAPI, `get_bulk_import_profiles_job` and `get_errors_for_bulk_import_profiles_job`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import msgspec
from msgspec.structs import asdict

from sinks.contract import Answer, Ask, Call, Verdict, classify
from sinks.klaviyo.refusal import pointers, spared

JOBS = "/api/profile-bulk-import-jobs"
PAGE = 100  # the most there is
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # seconds between questions; the last one from then on
PATIENCE = 40  # questions without an answer that leads on: 18 minutes. How long a job may take is not documented.

_AT_PROFILE = re.compile(r"/data/attributes/profiles/data/(\d{1,5})(/.*)?")


class _Names(msgspec.Struct):
    external_id: str | None = None
    email: str | None = None
    phone_number: str | None = None


class _Profile(msgspec.Struct):
    attributes: _Names


class _Document(msgspec.Struct):
    data: _Profile


_decoder = msgspec.json.Decoder(_Document)


def read(calls: Sequence[Call], answers: Sequence[Answer]) -> tuple[Verdict, ...] | Ask | None:
    """First comes the answer to the request itself, then those about its job, then the pages of its errors.

    UNAVAILABLE when it cannot be said how a profile fared: cancelled, gone, unreadable. Telling it again does no harm.
    """
    started, last = answers[0], answers[-1]
    if not 200 <= started.status < 300:
        return _refused(calls, started)
    if classify(last, ()) in (Verdict.MISCONFIGURED, Verdict.REJECTED) and last.status != 404:
        return None
    job, way = started.at("data.id"), _followed(answers)
    if not isinstance(job, str) or job in ("", ".", "..") or way.cancelled:
        return (Verdict.UNAVAILABLE,) * len(calls)
    if way.finished:
        return _verdicts(calls, way)
    if way.waited > PATIENCE or len(answers) > PATIENCE + len(calls):
        return (Verdict.UNAVAILABLE,) * len(calls)
    seconds = WAITS[min(way.waited, len(WAITS)) - 1] if way.waited else 0.0
    return Ask(_next(job, way), seconds)


def _refused(calls: Sequence[Call], answer: Answer) -> tuple[Verdict, ...] | None:
    if answer.status != 400:
        return None
    blamed = {number for pointer in pointers(answer) for number in _profile_at(pointer, len(calls))}
    return spared(len(calls), blamed)


def _profile_at(pointer: str, profiles: int) -> tuple[int, ...]:
    found = _AT_PROFILE.fullmatch(pointer)
    return (int(found[1]),) if found and int(found[1]) < profiles else ()


# -- the way so far


@dataclass(slots=True)
class _Way:
    """`waited`: answers in a row that led nowhere. `failed`: known once it is complete. `cursor`: the next page."""

    waited: int = 0
    cancelled: bool = False
    failed: int | None = None
    errors: list[Any] = field(default_factory=list)
    cursor: str = ""
    finished: bool = False


def _followed(answers: Sequence[Answer]) -> _Way:
    way = _Way()
    for answer in answers:
        good = 200 <= answer.status < 300
        led_on = good and (_state(answer, way) if way.failed is None else _page(answer, way))
        way.waited = 0 if led_on else way.waited + 1
    return way


def _state(answer: Answer, way: _Way) -> bool:
    """A state that Klaviyo does not list is one that passes."""
    status = answer.at("data.attributes.status")
    way.cancelled = status == "cancelled"
    if status == "complete":
        failed = answer.at("data.attributes.failed_count")
        way.failed = failed if isinstance(failed, int) else 0  # null unless told: the OpenAPI's default is 0
        way.finished = way.failed == 0
    return status in ("complete", "cancelled")


def _page(answer: Answer, way: _Way) -> bool:
    errors = answer.at("data")
    if not isinstance(errors, list):
        return False
    way.errors += errors
    before, way.cursor = way.cursor, _cursor(answer.at("links.next"))
    way.finished = way.cursor in ("", before)
    return True


def _cursor(link: Any) -> str:
    """Of the link only the cursor is taken: where our key goes to is not for an answer to say."""
    _, _, query = link.partition("?") if isinstance(link, str) else ("", "", "")
    return parse_qs(query).get("page[cursor]", [""])[0]


def _next(job: str, way: _Way) -> Call:
    path = f"{JOBS}/{quote(job, safe='')}"
    if way.failed is None:
        return _get("Get Bulk Import Profiles Job", path, "profile-bulk-import-job")
    page = {"page[size]": str(PAGE)} | ({"page[cursor]": way.cursor} if way.cursor else {})
    return _get(
        "Get Errors for Bulk Import Profiles Job", f"{path}/import-errors?{urlencode(page)}", "profile-import-errors"
    )


def _get(says: str, path: str, endpoint: str) -> Call:
    return Call(says=says, method="GET", path=path, body=b"", key=path, endpoint=endpoint)


# -- the end


def _verdicts(calls: Sequence[Call], way: _Way) -> tuple[Verdict, ...]:
    """As long as fewer are found than have failed, nobody else is known to be well."""
    failed = _failed(calls, way.errors) if way.errors else set()
    others = Verdict.DELIVERED if len(failed) >= (way.failed or 0) else Verdict.UNAVAILABLE
    return tuple(Verdict.REJECTED if number in failed else others for number in range(len(calls)))


def _failed(calls: Sequence[Call], errors: Sequence[Any]) -> set[int]:
    """Whose errors these are: by the payload an error gives back, else by its pointer; nobody's where it is unclear."""
    known: dict[tuple[str, str], set[int]] = {}
    for number, call in enumerate(calls):
        for name in _names(asdict(_decoder.decode(call.body).data.attributes)):
            known.setdefault(name, set()).add(number)
    failed: set[int] = set()
    for error in errors:
        by_payload = [known[name] for name in _names(_payload(error)) if name in known]
        meant = set.intersection(*by_payload) if by_payload else set(range(len(calls)))
        failed |= meant if len(meant) == 1 else meant.intersection(_profile_at(_pointer(error), len(calls)))
    return failed


def _payload(error: Any) -> Mapping[str, Any]:
    """The attributes of the profile. Whether Klaviyo gives back the whole profile or only these is not documented."""
    payload = _inside(_inside(error, "attributes"), "original_payload")
    return _inside(payload, "attributes") or payload


def _pointer(error: Any) -> str:
    return str(_inside(_inside(error, "attributes"), "source").get("pointer"))


def _inside(document: Any, name: str) -> Mapping[str, Any]:
    inner = document.get(name) if isinstance(document, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def _names(attributes: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What leads to a person. E-mail addresses are compared in lower case: they may be given back that way."""
    found = [(name, attributes.get(name)) for name in ("external_id", "email", "phone_number")]
    return [(name, value.lower() if name == "email" else value) for name, value in found if isinstance(value, str)]
