"""NewStore: what it would not take is refused by its field; what is declared is asked as it should be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs
from msgspec.structs import replace

from schemas import signals
from sinks.contract import CannotSay
from sinks.newstore.files import unpacked
from tests.sinks.folders import config, said
from tests.sinks.newstore import HOME, MUG, ORDER, SINK, Tenant, injection, of_product, order, paid


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"payments": (paid("20.00"), paid("4.97"))}, r"order\.payments\[1\]\.payment_id is another"),
        ({"payments": (replace(ORDER.payments[0], method=None),)}, r"order\.payments\[0\]\.method is required"),
        ({"payments": (replace(ORDER.payments[0], processor="p" * 33),)}, r"order\.payments\[0\]\.processor is longer"),
        (
            {"payments": tuple(paid("0.61", payment_id=str(n)) for n in range(41)), "shipping": Decimal("5.03")},
            "order.p",
        ),
        ({"lines": (replace(MUG, discount=Decimal("19.99")),)}, r"order\.lines\[0\]\.discount is more than the line"),
        ({"currency": "ZZZ"}, r"order\.currency"),
        ({"shipping_address": None}, r"order\.shipping_address is required"),
        ({"shipping_address": replace(HOME, address1=None)}, r"order\.shipping_address\.address1 is required"),
        ({"shipping_address": replace(HOME, country_code="GBR")}, r"order\.shipping_address\.country_code"),
        ({"billing_address": replace(HOME, city="c" * 65)}, r"order\.billing_address\.city is longer than the 64"),
        ({"discount_code": "T" * 65}, r"order\.discount_code is longer"),
        ({"lines": ()}, r"order\.lines must come to 1 to 100"),
    ],
)
def test_what_newstore_would_not_take_is_refused_by_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(CannotSay, match=rf"^{field}"):
        injection(order(**changes))


def test_the_check_reads_nothing_and_needs_the_token() -> None:
    tenant = Tenant()
    assert SINK.check is not None
    call = SINK.check(tenant.config)

    assert (call.method, tenant.answers(call).status) == ("GET", 200)
    assert tenant.answers(structs.replace(call, path="/v0/orders")).status == 404


def test_an_import_file_holds_what_its_signal_says() -> None:
    settings = config("newstore", files_url="https://files.example/in/", fulfillment_node="FN1")
    (call,) = said(of_product(signals.StockChanged(product_id="mug", quantity=Decimal(-3))), settings, "newstore")

    assert call.path.startswith("https://files.example/in/import-stock-")
    (file,) = unpacked(call.body)
    assert file[1] == [{"product_id": "mug", "fulfillment_node_id": "FN1", "quantity": 0}]
