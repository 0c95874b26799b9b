"""How amounts, times and lengths stand in Avro's bytes. Conversions are remembered: shops have few different prices.

Raises `Unreadable` for bytes that mean nothing and `Unwritable` for values that do not fit, both with the field's name.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
REMEMBERED = 32_768
_PAIRS = [bytes((n & 127 | 128, n >> 7 | 128)) for n in range(1 << 14)]  # fourteen bits of a long that goes on
_LAST = [bytes((n & 127 | 128, n >> 7)) for n in range(1 << 14)]  # and the fourteen it ends with


class Unreadable(Exception):
    """These bytes mean nothing to us. `reason` is a short code, `field` a dotted path or None."""

    def __init__(self, reason: str, field: str | None, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.reason, self.field, self.problem = reason, field, problem


class Unwritable(ValueError):
    """This value cannot be written; `field` is a dotted path, `problem` a sentence without the value of the field."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field, self.problem = field, problem


def zigzag(number: int) -> bytes:
    """A long as Avro writes it; OverflowError beyond 64 bits."""
    if not -(1 << 63) <= number < 1 << 63:
        raise OverflowError("a long has 64 bits")
    left = (number << 1) ^ (number >> 63)
    out = bytearray()
    while left > 127:
        out.append(left & 127 | 128)
        left >>= 7
    out.append(left)
    return bytes(out)


def raw_long(data: bytes, at: int) -> tuple[int, int]:
    """The unsigned number behind a long (halved and signed by the caller), and where it ends."""
    number = data[at]
    if number < 128:
        return number, at + 1
    byte = data[at + 1]  # two bytes and three are amounts and counts: the loop would cost them twice as much
    if byte < 128:
        return number & 127 | byte << 7, at + 2
    number = number & 127 | (byte & 127) << 7
    byte = data[at + 2]
    if byte < 128:
        return number | byte << 14, at + 3
    number |= (byte & 127) << 14
    at, shift = at + 3, 21
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            if shift == 63 and byte > 1:  # the tenth byte has room for one bit
                break
            return number, at
        shift += 7
        if shift > 63:
            break
    raise Unreadable("bad-number", None, "a number longer than 64 bits")


def raw_length(data: bytes, at: int) -> tuple[int, int]:
    """Like `raw_long`, for a length, which cannot be negative."""
    number, at = raw_long(data, at)
    if number & 1:
        raise Unreadable("bad-length", None, "a negative length")
    return number, at


def raw_moment(data: bytes, at: int) -> tuple[int, int]:
    """`raw_long` for a moment: from 1970 to 2039 it is six bytes, read here without a loop."""
    if len(six := data[at : at + 6]) == 6:
        a, b, c, d, e, f = six
        if a > 127 and b > 127 and c > 127 and d > 127 and e > 127 and f < 128:
            low = a & 127 | (b & 127) << 7 | (c & 127) << 14
            return low | (d & 127) << 21 | (e & 127) << 28 | f << 35, at + 6
    return raw_long(data, at)


def read_moment(raw: int, field: str) -> datetime:
    """Aware UTC from milliseconds since 1970."""
    try:
        return EPOCH + ((raw >> 1) ^ -(raw & 1)) * MILLISECOND
    except OverflowError:
        raise Unreadable("bad-date", field, "a time outside the years 1 to 9999") from None


def write_moment(moment: datetime, field: str) -> bytes:
    """Milliseconds since 1970; what is below a millisecond is cut off, towards the past."""
    if moment.tzinfo is None:
        raise Unwritable(field, "a time without a zone: make it aware, UTC")
    since = moment - EPOCH
    number = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
    if not 1 << 34 <= number < 1 << 41:
        return zigzag(number)
    left = number << 1  # a moment from 1970 to 2039 is six bytes, and every event has some
    return _PAIRS[left & 16383] + _PAIRS[left >> 14 & 16383] + _LAST[left >> 28]


@cache
def amount_reader(scale: int, precision: int) -> tuple[dict[bytes, Decimal], Callable[[bytes, str], Decimal]]:
    """What is remembered, to ask first, and the function to call when it is not there; shared by all who ask alike.

    Equal amounts come out alike: at least two places, more only where they are not zero.
    """
    known: dict[bytes, Decimal] = {}
    limit = 10**precision

    def read(data: bytes, field: str) -> Decimal:
        number = int.from_bytes(data, "big", signed=True)
        if abs(number) >= limit:
            raise Unreadable("bad-amount", field, f"an amount of more than {precision} digits")
        places = scale
        while places > 2 and number % 10 == 0:
            number //= 10
            places -= 1
        # from text: exact whatever the decimal context of the thread says
        amount = Decimal(f"{number}E-{places}")
        if len(known) >= REMEMBERED:
            known.clear()
        known[data] = amount
        return amount

    return known, read


@cache
def amount_writer(scale: int, precision: int) -> tuple[dict[Decimal, bytes], Callable[[Decimal, str], bytes]]:
    """The same for writing; the bytes include their length."""
    known: dict[Decimal, bytes] = {}
    step = Decimal(1).scaleb(-scale)
    exact = Context(prec=precision, traps=[Inexact, InvalidOperation])

    def write(amount: Decimal, field: str) -> bytes:
        if not isinstance(amount, Decimal):
            raise Unwritable(field, f"a {type(amount).__name__} where a Decimal belongs")
        if not amount.is_finite():
            raise Unwritable(field, "an amount that is not a finite number")
        try:
            number = int(amount.quantize(step, context=exact).scaleb(scale, exact))
        except Inexact:
            raise Unwritable(field, f"an amount of more than {scale} places: round it where it is made") from None
        except InvalidOperation:
            raise Unwritable(field, f"an amount of more than {precision - scale} digits before the point") from None
        data = number.to_bytes((number + (number < 0)).bit_length() // 8 + 1, "big", signed=True)
        if len(known) >= REMEMBERED:
            known.clear()
        known[amount] = data = zigzag(len(data)) + data
        return data

    return known, write
