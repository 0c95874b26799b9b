"""What we put aside: a record we could not understand (`Refused`) and a call a platform will never take (`Parked`).

One frozen class for each record of `avro/refused.avsc` and `avro/parked.avsc`. Both keep the original bytes, so nothing
is lost and everything can be sent again; both may hold personal data, so neither is ever logged.
"""

from datetime import datetime

from schemas.values import Value


class Header(Value, frozen=True, kw_only=True):
    """One Kafka header of the original record; a name may come more than once, and a value may be missing."""

    name: str
    value: bytes | None = None


class Refused(Value, frozen=True, kw_only=True):
    """Said once for each record that was not understood; `topic`, `partition` and `offset` name the original.

    `reason` is a short code from a bounded set, `field` the dotted path it concerns, `problem` and `remedy` are
    sentences for a person and never contain a customer's data.
    """

    source: str
    reason: str
    field: str | None = None
    problem: str
    remedy: str
    topic: str
    partition: int
    offset: int
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[Header, ...] = ()
    refused_at: datetime


class Parked(Value, frozen=True, kw_only=True):
    """One call a person must look at: the signal that caused it, what was sent, what came back, how often.

    `signal` holds the framed bytes as they stood on `topic`, so sending again needs no other source. `status` and
    `answer` are of the last attempt; `fault` is set instead of them when no answer came. `opens` is what only this call
    makes known to the platform; `behind` is set when this call waits for another parked one that opens it.
    """

    parked_id: str
    sink: str
    account: str | None = None
    signal: bytes
    signal_id: str
    customer_key: str
    says: str
    method: str
    path: str
    body: bytes
    call_key: str
    status: int | None = None
    answer: bytes = b""
    fault: str | None = None
    reason: str
    attempts: int
    first_at: datetime
    last_at: datetime
    topic: str
    partition: int
    offset: int
    opens: str | None = None
    behind: str | None = None
