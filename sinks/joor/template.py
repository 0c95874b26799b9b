"""Customers that are not in the shop, as the CSV that JOOR's Data Services take. Pure.

The template's columns are not published: the default ones are the documented field names of a connection and what the
template is said to have beyond the shop.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

COLUMNS = (
    "customer_name", "customer_code", "customer_alias", "customer_contact_name", "customer_contact_email",
    "customer_buyer_name", "customer_group_code", "billing_address_1", "billing_address_2", "billing_city",
    "billing_region", "billing_postal_code", "billing_country", "currency", "price_label", "payment_method",
    "shipping_method", "sales_rep_code", "discount",
)  # fmt: skip
LONGEST = {"customer_name": 100, "customer_code": 50, "customer_alias": 150, "customer_contact_email": 50}


class Unreadable(Exception):
    """`problems` are sentences: which line, which column. No value is among them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def template(lines: Iterable[str], columns: Sequence[str]) -> tuple[str, int]:
    """The file's text, and how many customers are in it. Raises `Unreadable` with everything that is wrong."""
    problems: list[str] = []
    rows = [row for n, line in enumerate(lines, 1) if line.strip() and (row := _row(n, line, columns, problems))]
    if problems:
        raise Unreadable(problems)
    written = io.StringIO()
    writer = csv.DictWriter(written, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue(), len(rows)


def _row(n: int, line: str, columns: Sequence[str], problems: list[str]) -> dict[str, str] | None:
    try:
        given = json.loads(line, parse_float=str, parse_int=str)
    except ValueError:
        problems.append(f"line {n}: is no JSON")
        return None
    if not isinstance(given, dict):
        problems.append(f"line {n}: is no object")
        return None
    problems += [
        f"line {n}: {name} is no column; there are: {', '.join(columns)}" for name in given.keys() - {*columns}
    ]
    row = {name: _text(given.get(name)) for name in columns}
    problems += [f"line {n}: {name} must be a text or a number" for name, text in row.items() if text is None]
    told = {name: text or "" for name, text in row.items()}
    if "customer_name" in columns and not told["customer_name"]:
        problems.append(f"line {n}: customer_name is required")
    problems += [
        f"line {n}: {name} is longer than the {most} characters that JOOR takes"
        for name, most in LONGEST.items()
        if len(told.get(name, "")) > most
    ]
    return told


def _text(value: Any) -> str | None:
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else None
