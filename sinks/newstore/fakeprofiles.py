"""The stand-in's customer profiles: searched by parts, one per e-mail, changed only by who has seen the last change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import NAMESPACE_URL, uuid5

from pydantic import Field

from sinks.fake import Received, Reply
from sinks.newstore.fakeshapes import Shape, Time
from sinks.newstore.faketalk import Refused, document, method, query, said, shaped, steps

LARGEST_PAGE, MOST_LISTED = 500, 10_000
Phone = Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$")]


class Extended(Shape):
    data_type: str
    value: str


class Told(Shape):
    first_name: str | None = None
    last_name: str | None = None
    full_name: Annotated[str, Field(max_length=256)] | None = None
    phone_number: Phone | None = None
    extended_attributes: dict[str, Extended] | None = None
    store_id: str | None = None
    created_by: str | None = None


class Create(Told):
    email: Annotated[str, Field(pattern="^.*@.*$")]


class Update(Told):
    email: Annotated[str, Field(pattern="^.*@.*$")] | None = None
    last_updated_at: Time


class Deletion(Shape):
    operation: Literal["delete"]


class Profiles:
    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self._to_delete: set[str] = set()

    def stored(self) -> dict[str, Any]:
        return {"profiles": self.kept, "to_delete": sorted(self._to_delete)}

    def answer(self, request: Received) -> Reply | None:
        match steps(request):
            case ["customer", "profiles"]:
                method(request, "GET", "POST")
                return self._found(request) if request.method == "GET" else self._create(request)
            case ["customer", "profiles", name]:
                method(request, "GET", "PATCH", "POST")
                if name not in self.kept:
                    raise Refused(404, "not_found", "There is no such profile.")
                return self._one(request, name)
        return None

    def _found(self, request: Received) -> Reply:
        asked = query(request)
        offset, count = asked.get("offset", "0"), asked.get("count", "10")
        if not (offset.isdecimal() and count.isdecimal() and 1 <= int(count) <= LARGEST_PAGE):
            raise Refused(400, "bad_request", "offset and count must be numbers, count from 1 to 500")
        if int(offset) + int(count) > MOST_LISTED:
            raise Refused(400, "bad_request", "no more than 10,000 profiles can be listed")
        word = asked.get("q", "").lower()
        names = ("email", "full_name", "phone_number")
        found = [p for p in self.kept.values() if any(word in (p[name] or "").lower() for name in names)]
        page = found[int(offset) : int(offset) + int(count)]
        info = {"count": len(page), "offset": int(offset), "total": len(found)}
        return said(200, {"pagination_info": info, "profiles": page})

    def _create(self, request: Received) -> Reply:
        """Always 201; who is there already comes back unchanged."""
        told = shaped(Create, document(request))
        _check_names(told)
        there = next((p for p in self.kept.values() if p["email"].lower() == told.email.lower()), None)
        if there is not None:
            return said(201, there, "duplicate")
        name = f"NS-{uuid5(NAMESPACE_URL, told.email)}"
        blank = dict.fromkeys(("first_name", "last_name", "full_name", "phone_number", "store_id", "created_by"))
        profile: dict[str, Any] = {**blank, "id": name, "display_id": name[-8:], "extended_attributes": {}}
        profile["created_at"] = profile["updated_at"] = _stamp(request.at)
        self.kept[name] = profile
        _put(profile, told)
        return said(201, profile)

    def _one(self, request: Received, name: str) -> Reply:
        profile = self.kept[name]
        if request.method == "GET":
            return said(200, profile)
        if request.method == "POST":
            shaped(Deletion, document(request))
            if name in self._to_delete:
                raise Refused(409, "conflict", "Deletion was requested already.")
            self._to_delete.add(name)
            return said(202)
        told = shaped(Update, document(request))
        _check_names(told)
        if told.last_updated_at != profile["updated_at"]:
            raise Refused(409, "conflict", "The profile has a newer state than last_updated_at.")
        _put(profile, told)
        profile["updated_at"] = _stamp(request.at)
        return said(200, profile)


def _check_names(told: Told) -> None:
    if told.full_name is not None and (told.first_name is not None or told.last_name is not None):
        raise Refused(400, "bad_request", "either first_name and last_name, or full_name")
    if (told.first_name is None) != (told.last_name is None):
        raise Refused(400, "bad_request", "first_name and last_name go together")


def _put(profile: dict[str, Any], told: Told) -> None:
    news = told.model_dump(exclude_none=True, exclude={"last_updated_at"})
    if told.first_name is not None:
        news["full_name"] = f"{told.first_name} {told.last_name}"
    profile |= news


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
