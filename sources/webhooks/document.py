"""Reading a foreign JSON document: each look-up says where it was and what belongs there, or raises `Unfit`.

Systems write numbers as text and text as numbers, and leave out, null or blank what they do not know. All of that is
read alike; only what could lead to a wrong statement is unfit. Numbers are `Decimal`, times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext

import msgspec

from sources.webhooks.contract import Refusal

PLACES = Decimal("0.0001")
MOST_DIGITS = 15  # before the point
_decoder = msgspec.json.Decoder(float_hook=Decimal)


class NotJson(Exception):
    """The bytes are no JSON document; the text says why and holds nothing of them."""


class Unfit(Exception):
    """This document cannot be told. Never holds a value of it."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field}: {problem}; {remedy}")
        self.refusal = Refusal(field, problem, remedy)


def decoded(body: bytes) -> object:
    """The document, with every number exact. Raises `NotJson`."""
    try:
        return _decoder.decode(body)
    except RecursionError:
        raise NotJson("is nested too deep") from None
    except UnicodeDecodeError:
        raise NotJson("is not UTF-8") from None
    except (msgspec.MsgspecError, ValueError, ArithmeticError):
        raise NotJson("is not JSON") from None


class Document:
    """One JSON object, and the path to it. Missing, null and blank are the same: not known."""

    __slots__ = ("_fields", "path")

    def __init__(self, fields: Mapping[str, object], path: str = "") -> None:
        self._fields, self.path = fields, path

    @classmethod
    def of(cls, value: object, path: str = "") -> Document:
        if not isinstance(value, dict):
            raise Unfit(path or "document", "is not an object", "send the system's own document")
        return cls(value, f"{path}." if path else "")

    def at(self, name: str) -> str:
        return f"{self.path}{name}"

    def fields(self) -> dict[str, object]:
        return dict(self._fields)

    def raw(self, name: str) -> object:
        return self._fields.get(name)

    def has(self, name: str) -> bool:
        return name in self._fields

    def missing(self, name: str, remedy: str = "send the whole document") -> Unfit:
        return Unfit(self.at(name), "is missing", remedy)

    # -- text

    def text(self, name: str) -> str | None:
        """Text as it stands, a number as its digits."""
        value = self._fields.get(name)
        if isinstance(value, str):
            return value if value and not value.isspace() else None
        if value is None or isinstance(value, bool):
            return None
        if isinstance(value, int | Decimal):
            return str(value)
        raise Unfit(self.at(name), "is not a text", "send a text or a number")

    def needs(self, name: str, remedy: str = "send the whole document") -> str:
        if (value := self.text(name)) is None:
            raise self.missing(name, remedy)
        return value

    def first(self, *names: str) -> str | None:
        """The first of these that is known."""
        return next((value for name in names if (value := self.text(name)) is not None), None)

    def entity(self, name: str) -> str | None:
        """An id; 0 is how several systems write "nobody" and "none"."""
        value = self.text(name)
        return None if value == "0" else value

    def truth(self, name: str) -> bool | None:
        value = self._fields.get(name)
        if isinstance(value, bool) or value is None:
            return value
        return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}.get(str(value).lower())

    # -- numbers

    def amount(self, name: str) -> Decimal | None:
        """A number, given as number or text, with at most four places: what has more is rounded to them."""
        value = self._fields.get(name)
        if value is None or isinstance(value, bool) or (isinstance(value, str) and not value.strip()):
            return None
        if not isinstance(value, str | int | Decimal):
            raise Unfit(self.at(name), "is not a number", "send a number or its text")
        try:
            number = Decimal(value.strip() if isinstance(value, str) else value)
        except (InvalidOperation, ValueError):
            raise Unfit(self.at(name), "is not a number", "send a number with a point") from None
        if not number.is_finite() or number.adjusted() > MOST_DIGITS:
            raise Unfit(self.at(name), "is no amount", "send major units with a point")
        return rounded(number)

    def needs_amount(self, name: str) -> Decimal:
        if (value := self.amount(name)) is None:
            raise self.missing(name)
        return value

    # -- times

    def moment(self, name: str) -> datetime | None:
        """An ISO time; one without a zone is UTC, as in the `*_gmt` fields of WooCommerce and Magento's database."""
        value = self._fields.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) > 8:  # PHP's time as text
            value = int(value[:20])
        if isinstance(value, str):
            return moment_of(value, self.at(name))
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return _since_1970(value, self.at(name))
        raise Unfit(self.at(name), "is not a time", "send an ISO 8601 time")

    # -- what is inside

    def part(self, name: str) -> Document | None:
        value = self._fields.get(name)
        if value is None or value == [] or value == "":  # PHP writes an empty object as an empty list
            return None
        return Document.of(value, self.at(name))

    def parts(self, name: str) -> Iterator[Document]:
        """The objects of a list, or of an object that numbers them, as PHP writes a list with gaps."""
        value = self._fields.get(name)
        if value is None or value == "":
            return
        if isinstance(value, dict):
            value = list(value.values())
        if not isinstance(value, list):
            raise Unfit(self.at(name), "is not a list", "send the system's own document")
        for n, each in enumerate(value):
            yield Document.of(each, f"{self.at(name)}[{n}]")

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts of a list; anything else in it is left out."""
        value = self._fields.get(name)
        return tuple(each for each in value if isinstance(each, str) and each) if isinstance(value, list) else ()


def rounded(number: Decimal) -> Decimal:
    """As it is with up to four places, else rounded to four."""
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent >= -4:
        return number
    with localcontext() as exact:
        exact.prec = 40
        return number.quantize(PLACES, ROUND_HALF_EVEN)


def moment_of(text: str, field: str) -> datetime:
    try:
        at = datetime.fromisoformat(text.strip())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unfit(field, "is not a time", "send an ISO 8601 time, for example 2026-11-25T10:00:00Z") from None


def _since_1970(seconds: int | Decimal, field: str) -> datetime:
    try:
        if isinstance(seconds, Decimal) and seconds.adjusted() > MOST_DIGITS:  # written out, it would fill the memory
            raise OverflowError
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        raise Unfit(field, "is not a time", "send an ISO 8601 time or seconds since 1970") from None
