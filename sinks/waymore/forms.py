"""In which form values leave. WayMore's documents contradict each other here; this is where it is settled, once:

- `customer_id` is a text, and the number 0 for a guest; every other id is a text;
- a quantity is a text;
- an amount is a number in events and products, and a text in the orders told at the beginning;
- a day is YYYY-MM-DD;
- what is not known is an empty text, and `null` where the documents' samples have it.

Pure.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from schemas.values import CustomerRef
from sinks.body import number
from sinks.contract import CannotSay

GUEST = 0
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

amount = number


def customer_id(ref: CustomerRef) -> str | int:
    return ref.customer_id or GUEST


def text(value: str | None) -> str:
    return value or ""


def in_words(value: Decimal) -> str:
    """A quantity, or an amount where it has to be a text: 2 as "2", 19.9900 as "19.99"."""
    return format(number(value), "f")


def day(value: str | None) -> str:
    """Empty where it is no day: a birthday that WayMore cannot read must not keep the rest from them."""
    if value is None or not _DAY.fullmatch(value):
        return ""
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        return ""


def required(value: str | None, field: str) -> str:
    if not value:
        raise CannotSay(f"{field} is required by WayMore")
    return value
