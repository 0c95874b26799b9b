"""Names and texts as NewStore takes them: what is required and missing, or too long, is refused by its field."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import quote

from schemas.values import LineItem
from sinks.contract import CannotSay
from sinks.newstore.config import NewStoreConfig

ORDER_ID, PRODUCT_ID, ITEM_ID = 64, 64, 64
_PHONE = re.compile(r"\+[1-9]\d{6,14}")


def text(value: str | None, field: str, most: int) -> str | None:
    """`None` when there is none. Nothing is cut off: half a street leads nowhere."""
    if not value:
        return None
    if len(value) > most:
        raise CannotSay(f"{field} is longer than the {most} characters NewStore takes")
    return value


def required(value: str | None, field: str, most: int) -> str:
    found = text(value, field, most)
    if found is None:
        raise CannotSay(f"{field} is required by NewStore")
    return found


def product_id(value: str | None, field: str, most: int = PRODUCT_ID) -> str:
    found = required(value, field, most)
    if "=" in found or "%" in found:
        raise CannotSay(f"{field} holds = or %, which NewStore does not take in a product's id")
    return found


def product_of(line: LineItem, field: str, config: NewStoreConfig) -> str:
    """What NewStore calls the product of this line."""
    if config.product_id == "sku":
        return product_id(line.sku, f"{field}.sku")
    if config.product_id == "variant" and line.variant_id:
        return product_id(line.variant_id, f"{field}.variant_id")
    return product_id(line.product_id, f"{field}.product_id")


def country(code: str | None, field: str) -> str:
    found = required(code, field, 2).upper()
    if not re.fullmatch("[A-Z]{2}", found):
        raise CannotSay(f"{field} must be the two letters of ISO 3166")
    return found


def language(locale: str | None) -> str | None:
    found = re.match(r"([a-z]{2})(?=[-_]|$)", locale or "")
    return found[1] if found else None


def phone(number: str | None) -> str | None:
    """In E.164, or not at all."""
    return number if number and _PHONE.fullmatch(number) else None


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def order_path(order_id: str, rest: str = "") -> str:
    """Of an order, by the shop's own number for it."""
    if order_id in (".", ".."):
        raise CannotSay("order_id cannot stand in a path")
    return f"/v0/orders/{quote(required(order_id, 'order_id', ORDER_ID), safe='')}{rest}?id_type=external"
