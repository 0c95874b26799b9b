"""A customer's profile: searched by e-mail, then made, changed or asked to be deleted. Pure.

A search finds parts of addresses too, so what it found is compared as a whole, without regard to case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from schemas.signals import Signal
from sinks.body import Fields, as_json, known
from sinks.contract import Answer, Ask, Call, Unaddressable, Verdict
from sinks.newstore.answers import member, ok
from sinks.newstore.config import NewStoreConfig
from sinks.newstore.texts import phone

PROFILES = "/customer/profiles"
MOST_FOUND = 500  # of one page; more with the same address in them cannot be looked through
CONFLICT = 409


def change(signal: Signal, config: NewStoreConfig) -> tuple[Call, ...]:
    if not config.profiles:
        return ()
    email = _email(signal)
    profile = signal.customer.profile
    first, last = (profile.first_name or "").strip(), (profile.last_name or "").strip()
    names = {"first_name": first, "last_name": last} if first and last else known(full_name=first or last or None)
    about = known(email=email, phone_number=phone(signal.customer.ref.phone), **names)
    return (_search(signal, "profile", email, as_json(about)),)


def changed(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    """Made where there is none, changed where one differs. Whoever else changes it in the same moment (409) is read
    first, and we try once more."""
    found, *later = answers
    if not ok(found):
        return None
    about = orjson.loads(call.then)
    matches = _matches(found, about["email"])
    if not matches:
        return None if later else Ask(_told(call, "POST", PROFILES, call.then))
    if not later:
        return _update(call, about, matches[0])
    last = later[-1]
    if last.status == 404 or (last.status == CONFLICT and len(later) > 1):
        return Verdict.UNAVAILABLE  # from the beginning
    if last.status == CONFLICT:
        return Ask(_told(call, "GET", _path(matches[0]), b""))
    return _update(call, about, last.document) if len(later) == 2 and ok(last) else None


def _update(call: Call, about: Fields, profile: Any) -> Verdict | Ask:
    """What is the same is not told again. With one of two names we cannot say which, so it replaces no name."""
    stamp = member(profile, "updated_at")
    if not isinstance(stamp, str) or _path(profile) == PROFILES:
        return Verdict.UNAVAILABLE
    news = {name: value for name, value in about.items() if name != "email" and member(profile, name) != value}
    if "first_name" in news or "last_name" in news:
        news |= {name: about[name] for name in ("first_name", "last_name")}
    if member(profile, "full_name"):
        news.pop("full_name", None)
    if not news:
        return Verdict.DELIVERED
    return Ask(_told(call, "PATCH", _path(profile), as_json(news | {"last_updated_at": stamp})))


# -- to be forgotten


def erase(signal: Signal, config: NewStoreConfig) -> tuple[Call, ...]:
    if not config.erasures:
        return ()
    email = _email(signal)
    return (_search(signal, "erasure", email, as_json({"email": email})),)


def erased(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    """Every profile with this address: older ones need not be alone with it."""
    found, *later = answers
    if not ok(found):
        return None
    if later and not ok(later[-1]) and later[-1].status not in (404, CONFLICT):  # gone, or asked for already
        return None
    matches = _matches(found, orjson.loads(call.then)["email"])
    if len(later) >= len(matches):
        return Verdict.DELIVERED
    return Ask(_told(call, "POST", _path(matches[len(later)]), as_json({"operation": "delete"})))


# -- what they share


def _email(signal: Signal) -> str:
    email = signal.customer.ref.email
    if not email or "@" not in email:
        raise Unaddressable
    return email


def _search(signal: Signal, endpoint: str, email: str, then: bytes) -> Call:
    path = f"{PROFILES}?{urlencode({'q': email, 'offset': 0, 'count': MOST_FOUND})}"
    return Call(endpoint, "GET", path, b"", f"{signal.signal_id}:{endpoint}", endpoint=endpoint, then=then)


def _told(call: Call, method: str, path: str, body: bytes) -> Call:
    return Call(call.says, method, path, body, f"{call.key}:{method}", endpoint="profiles")


def _matches(answer: Answer, email: str) -> list[Any]:
    profiles = answer.at("profiles")
    listed = profiles if isinstance(profiles, list) else []
    return [p for p in listed if str(member(p, "email")).lower() == email.lower() and _path(p) != PROFILES]


def _path(profile: Any) -> str:
    """Of one profile; of all of them when it has no id that could stand in a path."""
    name = member(profile, "id")
    return f"{PROFILES}/{quote(name, safe='')}" if isinstance(name, str) and name.strip(".") else PROFILES
