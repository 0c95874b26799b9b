"""What the stand-in keeps: profiles under all their names, one event per profile, metric and unique id, and consent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sinks.klaviyo.rules import DuplicateProfile, Invalid, event_time
from sinks.klaviyo.shapes import EventFacts, Identifiers

EventKey = tuple[str, str, str]  # profile id, metric, unique id


class Store:
    """`unwanted` are e-mail addresses that no profile may have."""

    def __init__(self, unwanted: frozenset[str]) -> None:
        self._unwanted = unwanted
        self.profiles: dict[tuple[str, str], str] = {}  # (identifier, value) -> profile id
        self.events: dict[EventKey, dict[str, Any]] = {}
        self.consents: dict[tuple[str, str], str] = {}  # (channel, address) -> SUBSCRIBED or UNSUBSCRIBED
        self.erased: list[dict[str, str]] = []
        # kind -> compound id -> what is known of it
        self.catalog: dict[str, dict[str, dict[str, Any]]] = {
            "catalog-item": {},
            "catalog-variant": {},
            "catalog-category": {},
        }
        self.waiting: list[dict[str, Any]] = []  # who wants to hear when a variant is back

    def stored(self) -> dict[str, Any]:
        return {
            "metrics": Counter(metric for _, metric, _ in self.events),
            "profiles": len(set(self.profiles.values())),
            "events": list(self.events.values()),
            "consents": {f"{channel}:{address}": consent for (channel, address), consent in self.consents.items()},
            "erased": self.erased,
            "catalog": self.catalog,
            "waiting": self.waiting,
        }

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Profiles made on the way are forgotten when a later item turns out to be invalid."""
        before = len(self.profiles)
        try:
            yield
        except Invalid:
            while len(self.profiles) > before:
                self.profiles.popitem()
            raise

    def one_profile(self, attributes: Identifiers, pointer: str) -> None:
        """Raises `DuplicateProfile` when these names lead to two profiles."""
        names = [(name, value) for name, value in attributes.names().items() if value]
        found = list(dict.fromkeys(self.profiles[name] for name in names if name in self.profiles))
        if len(found) > 1:
            raise DuplicateProfile(found[0], f"{pointer}/attributes")

    def known(self, attributes: Identifiers, profile_id: str | None, pointer: str) -> str:
        """The profile's id, made if need be; all identifiers lead to it from now on."""
        names = [(name, value) for name, value in attributes.names().items() if value]
        if not names and not profile_id:
            raise Invalid("At least one identifier is required.", pointer)
        if attributes.email in self._unwanted:
            raise Invalid("Invalid email address.", f"{pointer}/attributes/email")
        found = [self.profiles[name] for name in names if name in self.profiles]
        profile = profile_id or (found[0] if found else f"01SANDBOX{len(self.profiles):017d}")
        for name in names:
            self.profiles.setdefault(name, profile)
        return profile

    def event(
        self, profile: str, told: EventFacts, backfill: bool | None, now: float, pointer: str
    ) -> tuple[EventKey, dict[str, Any]]:
        """What would be kept, and under which key: the time to the second when there is no unique id."""
        at = event_time(told.time, now, f"{pointer}/time")
        metric = told.metric.data.attributes.name
        key = profile, metric, told.unique_id or at.replace(microsecond=0).isoformat()
        kept = {"metric": metric, "profile": profile, "unique_id": key[2], "time": at.isoformat(), "value": told.value}
        return key, {**kept, "backfill": bool(told.backfill if told.backfill is not None else backfill)}

    def erase(self, names: dict[str, str]) -> None:
        self.erased.append(names)
        gone = {self.profiles.get(name) for name in names.items()} | {names.get("id")}
        self.profiles = {name: profile for name, profile in self.profiles.items() if profile not in gone}
