"""One item of history that is put aside: what stands in its parked record."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from schemas.records import Parked
from sinks.contract import Answer, Call, Kind
from streams.delivery.park import ANSWER_KEPT, Parking, parked_id
from streams.delivery.registration import OWNED
from streams.delivery.telling import Item, Unsaid, framed
from streams.domain.history import log_of


class Aside(NamedTuple):
    """Refused by the platform: the `call` of this item alone, and its `answer`. Or what cannot be `unsaid`: neither.
    `code` is from a bounded set."""

    kind: Kind
    item: Item
    code: str
    call: Call | None = None
    answer: Answer | None = None
    unsaid: Unsaid | None = None


def record(parking: Parking, aside: Aside, topic: str, now: datetime) -> Parked:
    """The same item put aside twice is one record. Its reason names nothing of a customer."""
    kind, item, call, answer = aside.kind, aside.item, aside.call, aside.answer
    key = item.key.decode(errors="replace")
    says = call.says if call else kind.name
    why = f": {aside.unsaid.why}" if aside.unsaid else ""
    return Parked(
        parked_id=parked_id(parking.account or parking.sink, f"{says} {key} {item.at}"),
        sink=parking.sink,
        account=parking.account,
        signal=framed(kind, item, aside.unsaid),
        signal_id="",
        customer_key=log_of(item.key).decode(errors="replace"),
        says=call.says if call else "",
        method=call.method if call else "",
        path=call.path if call else "",
        body=call.body if call else b"",
        call_key=call.key if call else f"history:{kind.name}:{key}",
        status=(answer.status or None) if answer else None,
        answer=answer.body[:ANSWER_KEPT] if answer else b"",
        fault=answer.fault if answer else None,
        reason=f"{aside.code}: history, {kind.name}{why}",
        attempts=1 if call else 0,
        first_at=now,
        last_at=now,
        topic=topic,
        partition=OWNED,
        offset=0,
    )
