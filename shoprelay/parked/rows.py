"""One parked call as it is listed: the small fields, without bodies, and where to find the rest. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from schemas.records import Parked

SHORTEST = 8  # characters of an id that are shown where so many tell them apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`place` is the record's offset on the parked topic, in the partition that is also the signal's."""

    parked_id: str
    customer_key: str
    says: str
    reason: str
    status: int | None
    fault: str | None
    attempts: int
    first_at: datetime
    last_at: datetime
    topic: str
    partition: int
    offset: int
    opens: str | None
    behind: str | None
    place: int

    @property
    def code(self) -> str:
        """The part of the reason that is from a bounded set."""
        return self.reason.partition(":")[0]

    @property
    def answered(self) -> str:
        return str(self.status) if self.status else self.fault or ""


def row_of(parked: Parked, partition: int, place: int) -> Row:
    return Row(
        parked_id=parked.parked_id,
        customer_key=parked.customer_key,
        says=parked.says,
        reason=parked.reason,
        status=parked.status,
        fault=parked.fault,
        attempts=parked.attempts,
        first_at=parked.first_at,
        last_at=parked.last_at,
        topic=parked.topic,
        partition=partition,
        offset=parked.offset,
        opens=parked.opens or None,
        behind=parked.behind or None,
        place=place,
    )


def as_json(row: Row) -> dict[str, Any]:
    """For machines: everything but `place`, which means nothing to anybody else."""
    names = (name for name in Row.__slots__ if name != "place")
    return {name: getattr(row, name) for name in names}


def telling(ids: Iterable[str]) -> int:
    """How many characters tell these ids apart, at least eight."""
    ordered = sorted(set(ids))
    length = SHORTEST
    for before, after in pairwise(ordered):
        while before[:length] == after[:length]:
            length += 1
    return length


def by_code(rows: Iterable[Row]) -> list[tuple[str, int]]:
    """How many of each kind of reason, the most frequent first."""
    return sorted(Counter(row.code for row in rows).items(), key=lambda each: (-each[1], each[0]))
