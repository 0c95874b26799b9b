"""JOOR's approved orders: how they are asked for, and how reading them loses none. Sources: README.md beside this.

A round reads one window of modified dates, from a while before the end of the last one to now, with `sync=0`, which
marks nothing. Who takes orders over reads the same window with `sync=1` afterwards: only then, when all of it is safe
here, JOOR marks them; what came in between is in that answer. So a process that dies anywhere finds them again.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec

from schemas.events import ShopEvent
from sources.contract import Answered, Limit, Polled, Request, Source, Unreadable, Visit
from sources.joor.config import JoorOrdersConfig
from sources.joor.orders import event_of

APPROVED = 6
# Of 300 credits in 300 s: the rest is for the sink that tells this account.
CREDITS, WINDOW = 30, 300.0
# Orders that leave the window while it is read move those behind them forward: the next page looks back so far.
BACK = 10
LOOK, TAKE = "look", "take"
MOST_TAKES = 200  # pages: nobody approves so many in one round, so the mark would not hold
_exact = msgspec.json.Decoder(float_hook=Decimal)


def begin(visit: Visit, config: JoorOrdersConfig) -> Request:
    return _ask(visit, config, LOOK, 0)


def read(visit: Visit, request: Request, answer: Answered, config: JoorOrdersConfig) -> Polled:
    document = _document(answer)
    response, rows = _parts(document)
    if response.get("code") not in (0, "0", None):
        return Polled(trouble=f"its response.code is {_short(response.get('code'))}")
    if rows is None:
        return Polled(trouble="there are no orders in it, not even none")
    told = [event_of(row, visit, config) for row in rows]
    events = tuple(each for each in told if isinstance(each, ShopEvent))
    unreadable = tuple(each for each in told if isinstance(each, Unreadable))
    then = _next(visit, request, config, response, len(rows))
    position = None if then else msgspec.json.encode({"until": _utc(visit.at)})
    return Polled(events, unreadable, position, then)


def _next(visit: Visit, request: Request, config: JoorOrdersConfig, response: Any, rows: int) -> Request | None:
    step, _, begun = request.memo.partition(":")
    if step == TAKE:  # what was taken is not there the next time: from the beginning, until nothing is left
        return _ask(visit, config, TAKE, int(begun) + 1) if rows and int(begun) < MOST_TAKES else None
    start, after = int(begun), _number(response.get("next_start"))
    if rows and after is not None and after > start:
        return _ask(visit, config, LOOK, max(start + 1, after - BACK))
    return _ask(visit, config, TAKE, 0) if config.takes_over else None


def _ask(visit: Visit, config: JoorOrdersConfig, step: str, nth: int) -> Request:
    """`nth` is where the page begins; what is taken always begins at the beginning."""
    query = {
        "order_type": APPROVED,
        "sync": 1 if step == TAKE else 0,
        "date_start": _utc(_start(visit, config)),
        "date_end": _utc(visit.at),
        "start_from": nth if step == LOOK else 0,
        "count": config.page_size,
    }
    says = "Orders" if step == LOOK else "Take Orders Over"
    return Request(says=says, method="GET", path=f"/v2/order/?{urlencode(query)}", memo=f"{step}:{nth}")


def _start(visit: Visit, config: JoorOrdersConfig) -> datetime:
    """Never after its end: a clock may have been set back."""
    until = _until(visit.position)
    if until is None:
        return visit.at - timedelta(days=config.history_days)
    return min(until, visit.at) - timedelta(minutes=config.overlap_minutes)


def _until(position: bytes) -> datetime | None:
    try:
        return datetime.fromisoformat(msgspec.json.decode(position)["until"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# -- answers


def _document(answer: Answered) -> Any:
    """Amounts stay as they are written, digit by digit."""
    try:
        return _exact.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _parts(document: Any) -> tuple[dict[str, Any], list[Any] | None]:
    """`response` and the rows. The documents show other lists with a wrapper of their name around both, clients read
    this one without."""
    if not isinstance(document, dict):
        return {}, None
    if isinstance(document.get("orders"), dict) and "response" in document["orders"]:
        document = document["orders"]
    response = document.get("response")
    rows = document.get("orders", document.get("order"))
    if isinstance(rows, dict):
        rows = rows.get("order")
    return response if isinstance(response, dict) else {}, rows if isinstance(rows, list) else None


def _number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    return value if isinstance(value, int) else int(value) if isinstance(value, str) and value.isdecimal() else None


def _short(code: Any) -> str:
    return str(code)[:20] if isinstance(code, int | str) else "missing"


def _headers(config: JoorOrdersConfig) -> Mapping[str, str]:
    token = base64.b64encode(config.token.get_secret_value().encode()).decode()
    return {"Authorization": f"OAuth2 {token}", "Content-Type": "application/json", "Accept": "application/json"}


SOURCE = Source(
    name="joor",
    hears="wholesale orders when they are approved",
    config=JoorOrdersConfig,
    base_url=lambda config: config.base_url,
    headers=_headers,
    begin=begin,
    read=read,
    every=timedelta(minutes=15),
    limits=(Limit("*", CREDITS, WINDOW),),
    timeout_seconds=60,
)
