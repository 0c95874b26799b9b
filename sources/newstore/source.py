"""NewStore's stock export: begun from where the last one ended, followed to its end, read whole. README.md beside this.

A round is one export. `last_updated_at`, a growing integer and no time, is remembered when every row is published, so
an export that failed, or was cut off anywhere, is made again from the same number.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from schemas.events import ShopEvent
from sources.contract import Answered, Lent, Limit, Polled, Request, Source, Unreadable, Visit
from sources.newstore.config import NewStoreStockConfig
from sources.newstore.rows import NoExport, rows_of, told

EXPORTS = "/v0/d/availabilities/bulk"
BEGUN, FOLLOWED, READ = "begun", "followed", "read"
UNTOLD_SECONDS = 300.0  # of a token that does not say how long it is valid
MOST_LOOKS = 720  # at one export: then another one is begun
LONGEST_REST = 900.0  # between an export that failed and the next
JSON = (("Content-Type", "application/json"), ("Accept", "application/json"))


def begin(visit: Visit, config: NewStoreStockConfig) -> Request:
    return _begin(visit, 0)


def read(visit: Visit, request: Request, answer: Answered, config: NewStoreStockConfig) -> Polled:
    step, *note = msgspec.json.decode(request.memo)
    if step == BEGUN:
        return _begun(answer, note[0], config)
    if step == FOLLOWED:
        return _followed(visit, answer, note[0], note[1], note[2], config)
    return _rows(visit, answer, note[0], config)


def _begin(visit: Visit, failures: int) -> Request:
    since = _since(visit.position)
    body = msgspec.json.encode({} if since is None else {"last_updated_at": since})
    return Request("Begin Export", "POST", EXPORTS, body, JSON, memo=_memo(BEGUN, failures))


def _begun(answer: Answered, failures: int, config: NewStoreStockConfig) -> Polled:
    number = answer.at("availability_export_id")
    if not isinstance(number, str) or not number:
        return Polled(trouble="there is no availability_export_id in it")
    return Polled(next=_follow(number, failures, 0), seconds=config.poll_seconds)


def _follow(number: str, failures: int, looks: int) -> Request:
    path = f"{EXPORTS}/{quote(number, safe='')}"
    return Request("Follow Export", "GET", path, headers=JSON[1:], memo=_memo(FOLLOWED, number, failures, looks))


def _followed(
    visit: Visit, answer: Answered, number: str, failures: int, looks: int, config: NewStoreStockConfig
) -> Polled:
    state, link, upto = answer.at("state"), answer.at("link"), answer.at("last_updated_at")
    if state == "finished":
        if isinstance(upto, bool) or not isinstance(upto, int):
            return Polled(trouble="there is no last_updated_at in it")
        if not link:  # nothing has changed
            return Polled(position=_position(upto))
        # The link is somebody else's: it must not see our token.
        return Polled(next=Request("Read Export", "GET", str(link), memo=_memo(READ, upto), bare=True))
    if state == "processing" and looks < MOST_LOOKS:
        return Polled(next=_follow(number, failures, looks + 1), seconds=config.poll_seconds)
    if not isinstance(state, str):
        return Polled(trouble="there is no state in it")
    rest = min(config.poll_seconds * 2.0 ** min(failures, 16), LONGEST_REST)
    return Polled(next=_begin(visit, failures + 1), seconds=rest)


def _rows(visit: Visit, answer: Answered, upto: int, config: NewStoreStockConfig) -> Polled:
    try:
        found = [told(row, visit, upto, config) for row in rows_of(answer.body)]
    except NoExport as broken:
        return Polled(trouble=str(broken))
    events = tuple(each for each in found if isinstance(each, ShopEvent))
    return Polled(events, tuple(each for each in found if isinstance(each, Unreadable)), _position(upto))


# -- notes and positions


def _memo(*note: Any) -> str:
    return msgspec.json.encode(note).decode()


def _position(upto: int) -> bytes:
    return msgspec.json.encode({"last_updated_at": upto})


def _since(position: bytes) -> int | None:
    """What cannot be read is as good as none: everything is told once more, under the same ids."""
    try:
        since = msgspec.json.decode(position)["last_updated_at"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return None
    return since if isinstance(since, int) and not isinstance(since, bool) else None


# -- the token


def _ask(config: NewStoreStockConfig) -> Request:
    fields = {
        "grant_type": "client_credentials",
        "client_id": config.client_id,
        "client_secret": config.client_secret.get_secret_value(),
    } | ({"scope": config.scope} if config.scope else {})
    form = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))
    return Request("Token", "POST", config.identity, urlencode(fields).encode(), form, bare=True)


def _lent(answer: Answered) -> tuple[str, float] | None:
    token, seconds = answer.at("access_token"), answer.at("expires_in")
    if not isinstance(token, str) or not token:
        return None
    told_so = isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0
    return token, seconds if told_so else UNTOLD_SECONDS


def _bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _expired(answer: Answered) -> bool:
    """A 403 says so in JSON; one that is no JSON is not about the token."""
    return answer.status == 401 or (answer.status == 403 and isinstance(answer.document, dict))


SOURCE = Source(
    name="newstore",
    hears="stock by location, when it changes",
    config=NewStoreStockConfig,
    base_url=lambda config: config.base,
    headers=lambda config: {},
    begin=begin,
    read=read,
    every=timedelta(minutes=5),
    limits=(Limit("*", 300, 300),),  # of 30,000 that the address has: the rest is for the sink and the gateway
    lent=Lent(ask=_ask, read=_lent, headers=_bearer, expired=_expired),
    timeout_seconds=120,
    answer_limit=512 * 1024 * 1024,
)
