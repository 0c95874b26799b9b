"""A strict stand-in for Klaviyo: refuses what its documents refuse, and dedupes as they say."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError

from sinks.contract import Limit
from sinks.fake import Received, Reply, application
from sinks.klaviyo import shapes
from sinks.klaviyo.shapes import Identifiers
from sinks.klaviyo.sink import MEDIA_TYPE, SINK
from sinks.windows import Windows

API_KEY = "pk_sandbox"
SCOPES = frozenset({"events:write", "profiles:write", "lists:write", "subscriptions:write", "data-privacy:write"})
RETIRED_BEFORE = "2024-07-15"  # two years before the newest revision
RETIRED_PATHS = ("/api/track", "/api/identify", "/api/v1", "/api/v2")
EVENT_BYTES, PROFILE_BYTES = 5_000_000, 100_000

_NEEDS: Mapping[str, frozenset[str]] = {
    "events": frozenset({"events:write"}),
    "profile-import": frozenset({"profiles:write"}),
    "profile-subscription-bulk-create-jobs": frozenset({"subscriptions:write", "profiles:write", "lists:write"}),
    "profile-subscription-bulk-delete-jobs": frozenset({"subscriptions:write", "profiles:write", "lists:write"}),
    "data-privacy-deletion-jobs": frozenset({"data-privacy:write"}),
}


def app(
    api_key: str = API_KEY,
    scopes: frozenset[str] = SCOPES,
    limits: tuple[Limit, ...] = SINK.limits,
    clock: Callable[[], float] = time.time,
) -> web.Application:
    """`limits=()` takes calls as fast as they come."""
    return application(KlaviyoStandIn(api_key, scopes, limits), clock)


class KlaviyoStandIn:
    def __init__(
        self, api_key: str = API_KEY, scopes: frozenset[str] = SCOPES, limits: tuple[Limit, ...] = SINK.limits
    ) -> None:
        self.secrets: tuple[str, ...] = (api_key,)
        self._scopes = scopes
        self._windows = Windows(limits)
        self._errors = 0
        self.profiles: dict[tuple[str, str], str] = {}  # (identifier, value) -> profile id
        self.events: dict[tuple[str, str, str], dict[str, Any]] = {}  # (profile id, metric, unique id) -> attributes
        self.consents: dict[tuple[str, str], str] = {}  # (channel, address) -> SUBSCRIBED or UNSUBSCRIBED
        self.erased: list[dict[str, str]] = []
        self._answers: Mapping[str, Callable[[Received], Reply]] = {
            "events": self._event,
            "profile-import": self._profile,
            "profile-subscription-bulk-create-jobs": self._subscribe,
            "profile-subscription-bulk-delete-jobs": self._unsubscribe,
            "data-privacy-deletion-jobs": self._erase,
        }

    def settings(self, base: str) -> dict[str, str]:
        return {"base_url": base, "api_key": self.secrets[0]}

    def stored(self) -> dict[str, Any]:
        return {
            "metrics": Counter(metric for _, metric, _ in self.events),
            "profiles": len(set(self.profiles.values())),
            "events": list(self.events.values()),
            "consents": {f"{channel}:{address}": consent for (channel, address), consent in self.consents.items()},
            "erased": self.erased,
        }

    def answer(self, request: Received) -> Reply:
        resource = request.path.removeprefix("/api/")
        if refused := self._door(request, resource):
            return refused
        if wait := self._windows.take(resource, request.at):
            headers = {"Retry-After": str(ceil(wait))}
            return self._refused(429, "throttled", "Request was throttled.", headers=headers, verdict="throttled")
        try:
            reply = self._answers[resource](request)
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            pointer = "/" + "/".join(str(part) for part in first["loc"])
            reply = self._refused(400, "invalid", first["msg"], pointer=pointer)
        except shapes.Invalid as problem:
            reply = self._refused(400, "invalid", str(problem), pointer=problem.pointer)
        return Reply(reply.status, reply.verdict, reply.body, self._budget(resource, request.at), MEDIA_TYPE)

    def _door(self, request: Received, resource: str) -> Reply | None:
        headers = request.headers
        revision = headers.get("revision", "")
        if request.path.startswith(RETIRED_PATHS):
            return self._refused(410, "gone", "This endpoint was retired; use the current API.")
        if resource not in self._answers:
            return self._refused(404, "not_found", "There is no such resource.")
        if request.method != "POST":
            return self._refused(405, "method_not_allowed", f"{request.method} is not allowed here.")
        if headers.get("authorization") != f"Klaviyo-API-Key {self.secrets[0]}":
            return self._refused(401, "not_authenticated", "Missing or incorrect private key.")
        if missing := _NEEDS[resource] - self._scopes:
            return self._refused(403, "permission_denied", f"The key lacks {', '.join(sorted(missing))}.")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(\.[a-z0-9]+)?", revision):
            return self._refused(400, "invalid", "A revision is required, as YYYY-MM-DD.", parameter="revision")
        if revision < RETIRED_BEFORE:
            return self._refused(410, "gone", "This revision was retired.")
        if headers.get("content-type") != MEDIA_TYPE or headers.get("accept") != MEDIA_TYPE:
            return self._refused(415, "unsupported_media_type", f"Content-Type and Accept must be {MEDIA_TYPE}.")
        return None

    # -- resources

    def _event(self, request: Received) -> Reply:
        told = shapes.EventDocument.model_validate_json(request.body).data.attributes
        shapes.check_size(request.body, EVENT_BYTES)
        shapes.check_event(orjson.loads(request.body)["data"]["attributes"])
        at = self._time(told.time, request.at)
        who = told.profile.data
        profile = self._known(who.attributes, who.id, anonymous=True)
        metric = told.metric.data.attributes.name
        key = profile, metric, told.unique_id or at.replace(microsecond=0).isoformat()
        verdict = "duplicate" if key in self.events else "accepted"
        kept = {"metric": metric, "profile": profile, "unique_id": key[2], "time": at.isoformat(), "value": told.value}
        self.events.setdefault(key, {**kept, "backfill": bool(told.backfill)})
        return Reply(202, verdict)

    def _profile(self, request: Received) -> Reply:
        told = shapes.ProfileDocument.model_validate_json(request.body).data
        shapes.check_size(request.body, PROFILE_BYTES)
        before = set(self.profiles.values())
        profile = self._known(told.attributes, told.id, anonymous=False)
        document = {"data": {"type": "profile", "id": profile, "attributes": {}}}
        return Reply(200 if profile in before else 201, "accepted", orjson.dumps(document))

    def _subscribe(self, request: Received) -> Reply:
        told = shapes.SubscribeDocument.model_validate_json(request.body).data.attributes
        if len(told.profiles.data) > 1000:
            raise shapes.Invalid("At most 1000 profiles.", "/data/attributes/profiles")
        for profile in told.profiles.data:
            for channel, address, consent in profile.attributes.consents():
                if (consent.consented_at is not None) != bool(told.historical_import):
                    raise shapes.Invalid("consented_at goes with historical_import.", "/data/attributes/profiles/data")
                if consent.consented_at and shapes.rfc3339(consent.consented_at).timestamp() > request.at:
                    raise shapes.Invalid("consented_at must be in the past.", "/data/attributes/profiles/data")
                self.consents[channel, address] = consent.consent
        return Reply(202, "accepted")

    def _unsubscribe(self, request: Received) -> Reply:
        told = shapes.UnsubscribeDocument.model_validate_json(request.body).data.attributes
        if len(told.profiles.data) > 100:
            raise shapes.Invalid("At most 100 profiles.", "/data/attributes/profiles")
        for profile in told.profiles.data:
            for channel, address, consent in profile.attributes.consents():
                self.consents[channel, address] = consent.consent
        return Reply(202, "accepted")

    def _erase(self, request: Received) -> Reply:
        told = shapes.EraseDocument.model_validate_json(request.body).data.attributes.profile.data
        given = {"id": told.id, "email": told.attributes.email, "phone_number": told.attributes.phone_number}
        names = {name: value for name, value in given.items() if value}
        if len(names) != 1:
            raise shapes.Invalid("Exactly one of id, email and phone_number.", "/data/attributes/profile/data")
        self.erased.append(names)
        gone = {self.profiles.get(name) for name in names.items()} | {told.id}
        self.profiles = {name: profile for name, profile in self.profiles.items() if profile not in gone}
        return Reply(202, "accepted")

    # -- rules

    def _known(self, told: Identifiers, profile_id: str | None, *, anonymous: bool) -> str:
        """The profile's id, made if need be; all identifiers lead to it from now on."""
        names = [(name, value) for name, value in told.names(anonymous=anonymous).items() if value]
        if not names and not profile_id:
            raise shapes.Invalid("At least one identifier is required.", "/data/attributes/profile")
        found = [self.profiles[name] for name in names if name in self.profiles]
        profile = profile_id or (found[0] if found else f"01SANDBOX{len(self.profiles):017d}")
        for name in names:
            self.profiles.setdefault(name, profile)
        return profile

    def _time(self, given: str | None, now: float) -> datetime:
        """After 1990 and at most a year ahead."""
        present = datetime.fromtimestamp(now, UTC)
        if given is None:
            return present
        at = shapes.rfc3339(given)
        if at.year <= 1990 or at > present + timedelta(days=365):
            raise shapes.Invalid("The time must be after 1990 and at most a year ahead.", "/data/attributes/time")
        return at

    def _budget(self, resource: str, now: float) -> dict[str, str]:
        if (steady := self._windows.longest(resource)) is None:
            return {}
        left, reset = self._windows.remaining(steady, now), ceil(self._windows.reset(steady, now))
        return {"RateLimit-Limit": str(steady.count), "RateLimit-Remaining": str(left), "RateLimit-Reset": str(reset)}

    def _refused(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        pointer: str | None = None,
        parameter: str | None = None,
        headers: Mapping[str, str] | None = None,
        verdict: str = "refused",
    ) -> Reply:
        self._errors += 1
        error: dict[str, Any] = {"id": f"{self._errors:032x}", "status": status, "code": code}
        error |= {"title": "Invalid input." if status == 400 else detail, "detail": detail}
        if pointer or parameter:
            error["source"] = {"pointer": pointer} if pointer else {"parameter": parameter}
        return Reply(status, verdict, orjson.dumps({"errors": [error]}), headers or {}, MEDIA_TYPE)
