"""A strict stand-in for WayMore. Its documents give 200 and 400 for what is told at the beginning, and no answers for
anything else: those are borrowed from Routee's general codes (400 a bad value, 401, 404)."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

import orjson
from aiohttp import web
from pydantic import ValidationError

from sinks.fake import Received, Reply, application
from sinks.waymore import shapes
from sinks.waymore.massshapes import ALSO_CALLED, KINDS

USERNAME, PASSWORD = "waymore-sandbox", "waymore-sandbox-password"
DOMAIN = "https://mugs.example"
ORDER = list(KINDS)


class Refused(Exception):
    """What WayMore could not take, in words."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def app(clock: Callable[[], float] = time.time) -> web.Application:
    return application(WayMoreStandIn(again="same"), clock)


class Site:
    """A registered one, and what it told. `kind` is how far it has come with what is told at the beginning."""

    def __init__(self, domain: str, uuid: str) -> None:
        self.domain = domain
        self.uuid = uuid
        self.kind = 0
        self.gone = False
        self.events: list[dict[str, Any]] = []
        self.parts: list[tuple[str, int]] = []
        self.told: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.too_early: list[str] = []  # orders of which something was said before they were told
        self.after_uninstall = 0
        self._orders: set[str] = set()
        self._spoken_of: set[str] = set()

    def take(self, event: str, about: dict[str, Any]) -> None:
        self.events.append({"event": event, "data": about})
        self.gone = self.gone or event == "Uninstall"
        if event == "OrderAdd":
            order = about["order_details"]["order_id"]
            if order in self._spoken_of and order not in self._orders:
                self.too_early.append(order)
            self._orders.add(order)
        elif "order_id" in about:
            self._spoken_of.add(about["order_id"])

    def stored(self) -> dict[str, Any]:
        return {
            "events": self.events,
            "told": Counter(each["event"] for each in self.events),
            "parts": self.parts,
            "mass": self.told,
            "too_early": self.too_early,
            "after_uninstall": self.after_uninstall,
        }


class WayMoreStandIn:
    """`again`: what a site hears that registers a second time. "The authentication should be done only once", say the
    documents, and not what happens otherwise: `refused`, or the `same` UUID. It keeps repeats: no document says that
    WayMore would know them."""

    def __init__(self, again: Literal["refused", "same"] = "refused") -> None:
        self.secrets: tuple[str, ...] = (PASSWORD,)
        self.registrations: Counter[str] = Counter()
        self._again = again
        self._sites: dict[str, Site] = {}  # by UUID

    def settings(self, base: str) -> dict[str, str]:
        return {
            "username": USERNAME,
            "password": PASSWORD,
            "domain": DOMAIN,
            "auth_url": f"{base}/api/authenticate",
            "data_url": f"{base}/api/data",
            "event_url": f"{base}/api/event",
        }

    def stored(self) -> dict[str, Any]:
        sites = [{"domain": site.domain, **site.stored()} for site in self._sites.values()]
        return {"registrations": self.registrations, "sites": sites}

    def answer(self, request: Received) -> Reply:
        ways = {
            "/api/authenticate": self._authenticate,
            "/api/data": self._data,
            "/api/event": self._event,
        }
        if request.path == "/api/endpoints/get":
            return _endpoints(request)
        if (way := ways.get(request.path)) is None:
            return _said(404, "no such address")
        if request.method != "POST":
            return _said(405, "only POST")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _said(415, "Content-Type must be application/json")
        try:
            return way(request.body)
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            return _said(400, f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")
        except Refused as problem:
            return _said(problem.status, str(problem))

    # -- registering

    def _authenticate(self, body: bytes) -> Reply:
        told = shapes.Registration.model_validate_json(body)
        if (told.username, told.password) != (USERNAME, PASSWORD):
            raise Refused("Invalid username or password", 401)
        self.registrations[told.domain] += 1
        known = next((site for site in self._sites.values() if site.domain == told.domain and not site.gone), None)
        if known is not None and self._again == "refused":
            raise Refused("This site is registered already", 403)
        site = known or self._registered(told.domain)
        return Reply(200, "duplicate" if known else "accepted", orjson.dumps({"uuid": site.uuid}))

    def _registered(self, domain: str) -> Site:
        uuid = str(uuid5(NAMESPACE_URL, f"{domain}#{len(self._sites)}"))
        self.secrets = (*self.secrets, uuid)
        self._sites[uuid] = Site(domain, uuid)
        return self._sites[uuid]

    def _site(self, uuid: str) -> Site:
        if (site := self._sites.get(uuid)) is None:
            raise Refused("Unknown uuid", 401)
        site.after_uninstall += site.gone
        return site

    # -- what happens

    def _event(self, body: bytes) -> Reply:
        told = shapes.Envelope.model_validate_json(body)
        if (shape := shapes.EVENTS.get(told.event)) is None:
            raise Refused(f"event: there is no {told.event!r}")
        data = told.data
        if told.event in shapes.IN_AN_ARRAY and isinstance(data, list) and len(data) == 1:
            (data,) = data
        about = shape.model_validate_json(orjson.dumps(data)).model_dump(mode="json", exclude_unset=True)
        self._site(told.uuid).take(told.event, about)
        return _said(200, "OK")

    # -- what was there before

    def _data(self, body: bytes) -> Reply:
        """A kind may be left out when there is nothing of it, and none may come after a later one."""
        told = shapes.MassEnvelope.model_validate_json(body)
        if len(told.data) != 1:
            raise Refused("data: one kind in a request, please")  # the first of the three shapes they take
        (entry,) = told.data
        name = ALSO_CALLED.get(entry.name.lower(), entry.name.lower())
        if name not in KINDS or entry.name not in (entry.name.lower(), entry.name.capitalize()):
            raise Refused(f"data.0.name: there is no {entry.name!r}")
        records = [
            KINDS[name].model_validate_json(orjson.dumps(each)).model_dump(mode="json", exclude_unset=True)
            for each in entry.object
        ]
        site = self._site(told.uuid)
        if ORDER.index(name) < site.kind:
            raise Refused(f"data.0.name: {name} come before {ORDER[site.kind]}")
        site.kind = ORDER.index(name)
        site.parts.append((name, len(records)))
        site.told[name] += records
        return _said(200, "Data received")


def _endpoints(request: Received) -> Reply:
    """Where the three are: here."""
    if request.method != "POST":
        return _said(405, "only POST")
    base = f"http://{request.headers.get('host', 'localhost')}/api"
    places = {"auth": "authenticate", "data": "data", "event": "event"}
    found = [{"type": kind, "url": f"{base}/{place}"} for kind, place in places.items()]
    return Reply(200, "accepted", orjson.dumps({"success": 1, "data": found}))


def _said(status: int, message: str) -> Reply:
    return Reply(status, "accepted" if status == 200 else "refused", orjson.dumps({"message": message}))
