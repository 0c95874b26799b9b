"""What the browser may say, and nothing else: every field is named here, and every size bounded.

Whoever has the public key can post this, so nothing in it is believed that could harm somebody else: not the time, and
not who somebody is, unless the shop's backend has signed it.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from sources.webhooks.document import Unfit

LARGEST = 8_192  # bytes
MOST_EVENTS = 20
FEWEST_PIECES = Decimal("0.0001")
MOST_PIECES = Decimal(1_000_000)
MOST_PAID = Decimal(10**12)
_SEE = "see sources/pixel/README.md"

_ONE_LINE = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*\Z"

Id = Annotated[str, Meta(min_length=1, max_length=100, pattern=_ONE_LINE)]
Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=_ONE_LINE)]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Url = Annotated[str, Meta(max_length=1_000, pattern=r"^https?://\S+\Z")]
Uuid = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
Milliseconds = Annotated[int, Meta(ge=0, le=1 << 53)]


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Item(Strict, frozen=True, kw_only=True):
    product_id: Id
    variant_id: Id | None = None
    sku: Id | None = None
    name: Text | None = None
    quantity: Decimal = Decimal(1)
    unit_price: Decimal | None = None
    url: Url | None = None
    image_url: Url | None = None
    brand: Text | None = None
    categories: Annotated[tuple[Text, ...], Meta(max_length=10)] = ()

    def __post_init__(self) -> None:
        if not (self.quantity.is_finite() and FEWEST_PIECES <= self.quantity <= MOST_PIECES):
            raise ValueError("Expected `a quantity above zero`")
        if self.unit_price is not None and not (self.unit_price.is_finite() and 0 <= self.unit_price < MOST_PAID):
            raise ValueError("Expected `a price of zero or more`")


class Event(Strict, frozen=True, kw_only=True, tag_field="type"):
    """`id` is drawn in the browser, where the fact begins; `at` is the browser's clock."""

    id: Uuid
    at: Milliseconds


class Active(Event, frozen=True, kw_only=True, tag="active"):
    url: Url | None = None
    referrer: Url | None = None


class Viewed(Event, frozen=True, kw_only=True, tag="viewed"):
    item: Item
    currency: Currency | None = None


class Added(Event, frozen=True, kw_only=True, tag="added"):
    item: Item
    currency: Currency | None = None


class Searched(Event, frozen=True, kw_only=True, tag="searched"):
    query: Text
    results: Annotated[int, Meta(ge=0, le=1_000_000_000)] | None = None


class Identified(Event, frozen=True, kw_only=True, tag="identified"):
    """That `who` was said. Nothing without the signature."""


class Who(Strict, frozen=True, kw_only=True):
    customer_id: Id | None = None
    email: Email | None = None
    signature: Annotated[str, Meta(max_length=128)] | None = None

    def is_signed(self, secrets: Iterable[bytes]) -> bool:
        """Whether the shop's backend says so: hexadecimal HMAC-SHA256 over `signed_text` with any of its secrets."""
        given, right = (self.signature or "").encode(), False
        for secret in secrets:
            right |= hmac.compare_digest(hmac.new(secret, self.signed_text(), "sha256").hexdigest().encode(), given)
        return right and bool(self.customer_id or self.email)

    def signed_text(self) -> bytes:
        """Both names with a line feed between them, the empty text for one that is not given. Neither can hold one."""
        return f"{self.customer_id or ''}\n{self.email or ''}".encode()


class Body(Strict, frozen=True, kw_only=True):
    key: Annotated[str, Meta(max_length=100)]
    sent_at: Milliseconds
    anonymous_id: Uuid
    who: Who | None = None
    events: Annotated[
        tuple[Active | Viewed | Added | Searched | Identified, ...], Meta(min_length=1, max_length=MOST_EVENTS)
    ]


def read(document: object) -> Body:
    """Raises `Unfit`, which holds nothing of the document."""
    try:
        return msgspec.convert(document, Body)
    except msgspec.ValidationError as wrong:
        raise _unfit(str(wrong)) from None
    except (ValueError, ArithmeticError, RecursionError):
        raise Unfit("document", "holds a value that fits no field", _SEE) from None


def _unfit(said: str) -> Unfit:
    """msgspec's sentence without what it quotes of the document: it may quote names and values that it read."""
    problem, _, place = said.partition(" - at `$")
    field = place.rstrip("`").lstrip(".") or "document"
    if not re.fullmatch(r"[a-z_.\[\]0-9]{1,80}", field):
        field = "document"
    if missing := re.search(r"missing required field `(\w+)`", problem):
        return Unfit(f"{field}.{missing[1]}".removeprefix("document."), "is missing", _SEE)
    if "unknown field" in problem:
        return Unfit(field, "has a field that is not known", _SEE)
    expected = re.match(r"Expected `([^`]+)`", problem)
    return Unfit(field, f"is not {expected[1]}" if expected else "is not what belongs there", _SEE)
