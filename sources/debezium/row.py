"""One row as a change shows it, read column by column: each look-up says what belongs there, or raises `Unfit`.

Nothing is read before it is asked for, so a strange value in a column nobody needs does no harm. Amounts are exact or
unfit, never guessed; times are aware UTC.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext
from typing import ClassVar

from sources.debezium.kinds import DAYS, DECIMAL, INEXACT, ISO, NO_POINT, TICKS, VARIABLE, Kind, Kinds

UNAVAILABLE = "__debezium_unavailable_value"
_UNAVAILABLE = frozenset({UNAVAILABLE, "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="})
MOST_DIGITS = 15  # behind the first one, before the point
MOST_BYTES = 32  # of a decimal's whole number
PLACES = Decimal("0.0001")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNTYPED = Kind()
TRUE, FALSE = frozenset({"1", "true", "t", "y", "yes"}), frozenset({"0", "false", "f", "n", "no"})
FIRST_DAY, LAST_DAY = 10_957, 84_006  # of the years 2000 to 2199, since 1970
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}Z")
WITH_SCHEMA = "let the connector send schemas (Avro, or JSON with schemas.enable), or set decimal.handling.mode=string"


@dataclass(frozen=True, slots=True)
class Unread:
    """Why a record or a row is not taken: the dotted path, the problem and the remedy, none with a value of it."""

    reason: ClassVar[str] = "not-understood"

    field: str | None
    problem: str
    remedy: str


class Unfit(Exception):
    """This row cannot be told. Never holds a value of it."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field}: {problem}; {remedy}")
        self.why = Unread(field, problem, remedy)


def is_unavailable(value: object) -> bool:
    """The column was too large to be logged and was not changed; its text stands for nothing."""
    if isinstance(value, bytes):
        return value == UNAVAILABLE.encode()
    return isinstance(value, str) and value in _UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Row:
    """Columns by their names in lower case. `kinds` is None where the record came without a schema. `unchanged` are
    columns that the database did not tell because they stayed as they were; they are not among the cells."""

    cells: Mapping[str, object] = field(default_factory=dict)
    kinds: Kinds | None = None
    unchanged: frozenset[str] = frozenset()

    def kind(self, name: str) -> Kind:
        return (self.kinds or {}).get(name, UNTYPED)

    def has(self, name: str) -> bool:
        return name in self.cells

    # -- text

    def text(self, name: str) -> str | None:
        """Text as it stands, a number as its digits, without a fraction that is none."""
        value = self.cells.get(name)
        if value is None:
            return None
        if self._is_decimal(name, value):
            return _digits(name, self._number(name, value))
        if isinstance(value, bool):
            return "1" if value else "0"
        if isinstance(value, str):
            return value if value.strip() else None
        if isinstance(value, int):
            return str(value)
        raise Unfit(name, "is not a text", "name another column in the table map")

    def entity(self, name: str) -> str | None:
        """An id. 0 and the nil UUID are how a column that may not be null says "nobody"."""
        value = self.text(name)
        return None if value is None or not value.strip("0-") else value.strip()

    def needs(self, name: str, remedy: str = "name the right column in the table map") -> str:
        if (value := self.entity(name)) is None:
            raise Unfit(name, "is missing", remedy)
        return value

    def truth(self, name: str) -> bool | None:
        value = self.cells.get(name)
        if isinstance(value, bool) or value is None:
            return value
        said = (self.text(name) or "").strip().lower()
        if said in TRUE or said in FALSE or not said:
            return said in TRUE if said else None
        raise Unfit(name, "is neither true nor false", "name another column in the table map")

    # -- numbers

    def inexact(self, name: str) -> bool:
        """The number went through a double on its way here; told, but the connector should be set otherwise."""
        return isinstance(self.cells.get(name), float) or self.kind(name).type in INEXACT

    def amount(self, name: str) -> Decimal | None:
        """With at most four places; what has more is rounded to them."""
        value = self.cells.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        number = self._number(name, value)
        if not number.is_finite() or number.adjusted() > MOST_DIGITS:
            raise Unfit(name, "is no amount", "keep NaN, infinity and more than 16 digits out of this column")
        return rounded(number)

    def _is_decimal(self, name: str, value: object) -> bool:
        return isinstance(value, Decimal | float | Mapping) or self.kind(name).name in (DECIMAL, VARIABLE)

    def _number(self, name: str, value: object) -> Decimal:
        kind = self.kind(name)
        try:
            if isinstance(value, Mapping):
                return _scaled(value.get("value"), value.get("scale"))
            if kind.name == DECIMAL and isinstance(value, str | bytes):
                return _scaled(value, kind.scale or 0)
            if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
                raise Unfit(name, "is not a number", "name another column in the table map")
            if isinstance(value, str):
                return self._written(name, value.strip())
            return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        except (InvalidOperation, NotBase64, ValueError):
            raise Unfit(name, "is not a number", WITH_SCHEMA) from None

    def _written(self, name: str, text: str) -> Decimal:
        """Digits without a point, four at a time, may as well be the bytes of another number (`1234`, `1e10`): without
        a schema nobody knows."""
        if len(text) > 64 or not _NUMBER.fullmatch(text):
            raise ValueError
        if name not in (self.kinds or ()) and len(text) % 4 == 0 and "." not in text and "-" not in text:
            raise Unfit(name, "may be a number or the bytes of one", WITH_SCHEMA)
        return Decimal(text)

    # -- times

    def moment(self, name: str) -> datetime | None:
        """A point in time. 1970 exactly is how a column that may not be null says "never"."""
        value = self.cells.get(name)
        if value is None or value == "":
            return None
        try:
            at = self._moment(name, value)
        except (ValueError, OverflowError):
            raise Unfit(name, "is not a time we know", "keep infinite and impossible times out of it") from None
        return None if at == EPOCH else at

    def _moment(self, name: str, value: object) -> datetime:
        kind = self.kind(name).name
        if kind in NO_POINT:
            raise Unfit(name, "is a time of day or a length", "name a column with date and time in the table map")
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 20:
            value = int(value)
        if isinstance(value, str) and (kind in ISO or not (value.isascii() and value.isdigit())):
            return _iso(value)
        if isinstance(value, str):
            value = int(value[:20])
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unfit(name, "is not a time", "name another column in the table map")
        if kind in DAYS or (kind not in TICKS and FIRST_DAY <= value < LAST_DAY):
            return EPOCH + timedelta(days=value)
        return _since_1970(value, TICKS[kind] if kind in TICKS else _ticks(value))

    def day(self, name: str) -> str | None:
        """A date as ISO writes it."""
        value = self.cells.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and self.kind(name).name not in TICKS:
            try:
                return None if value == 0 else (EPOCH + timedelta(days=value)).date().isoformat()
            except OverflowError:
                raise Unfit(name, "is not a date", "name another column in the table map") from None
        at = self.moment(name)
        return None if at is None else at.date().isoformat()


def rounded(number: Decimal) -> Decimal:
    """As it is with up to four places, else rounded to four."""
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -4 <= exponent <= 0:
        return number
    with localcontext() as exact:
        exact.prec = 60
        return number.quantize(PLACES if isinstance(exponent, int) and exponent < 0 else Decimal(1), ROUND_HALF_EVEN)


def _scaled(value: object, scale: object) -> Decimal:
    """The whole number in big-endian two's complement, and how many of its digits stand behind the point."""
    if isinstance(value, str):
        value = b64decode(value, validate=True)
    if isinstance(scale, bool) or not isinstance(scale, int) or abs(scale) > 1000:
        raise ValueError
    if not isinstance(value, bytes) or not 0 < len(value) <= MOST_BYTES:
        raise ValueError
    with localcontext() as exact:
        exact.prec = 100
        return Decimal(int.from_bytes(value, "big", signed=True)).scaleb(-scale)


def _digits(name: str, number: Decimal) -> str:
    if not number.is_finite() or abs(number.adjusted()) > 60:
        raise Unfit(name, "is no number that names something", "name another column in the table map")
    return str(int(number)) if number == number.to_integral_value() else format(number, "f")


def _iso(text: str) -> datetime:
    if _DAY.fullmatch(text.strip()):  # Debezium's IsoDate has a zone, which Python does not expect of a day
        text = text.strip()[:10]
    at = datetime.fromisoformat(_to_micros(text.strip()))
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _to_micros(text: str) -> str:
    """Nine places are read as six: Python reads no more."""
    whole, point, rest = text.partition(".")
    if not point:
        return text
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{whole}.{rest[:digits][:6]}{rest[digits:]}"


def _ticks(value: int) -> int:
    """Without a name the size tells: from 2000 to 2200 seconds, milli-, micro- and nanoseconds do not overlap."""
    for ticks in (1, 10**3, 10**6, 10**9):
        if value == 0 or 946_684_800 <= value // ticks < 7_258_118_400:
            return ticks
    raise ValueError


def _since_1970(value: int, ticks: int) -> datetime:
    return EPOCH + timedelta(microseconds=value * 10**6 // ticks)
