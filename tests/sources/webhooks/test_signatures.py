"""Whose delivery it is: over the raw bytes, by any of the secrets, and nothing else will do."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.webhooks import contract
from sources.webhooks.contract import Signature

SIGNATURE = Signature("x-signature")


def made(body: bytes, secret: bytes) -> str:
    return base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()


@given(st.binary(max_size=200), st.binary(min_size=8, max_size=40), st.binary(min_size=8, max_size=40))
def test_either_secret_signs_and_no_other(body: bytes, one: bytes, other: bytes) -> None:
    assert SIGNATURE.is_right({"x-signature": made(body, one)}, body, [one, other])
    assert SIGNATURE.is_right({"x-signature": made(body, other)}, body, [one, other])
    assert not SIGNATURE.is_right({"x-signature": made(body, one + b"x")}, body, [one, other])
    assert not SIGNATURE.is_right({"x-signature": made(body + b"x", one)}, body, [one, other])


@given(st.text(max_size=60) | st.sampled_from(["=", "A", "====", "\udcff", "A" * 44, "A" * 43 + "="]))
def test_any_header_is_an_answer(header: str) -> None:
    assert not SIGNATURE.is_right({"x-signature": header}, b"{}", [b"a-secret-nobody-drew"])


def test_no_header_and_no_secret_are_no_proof() -> None:
    assert not SIGNATURE.is_right({}, b"{}", [b"a-secret"])
    assert not SIGNATURE.is_right({"x-signature": made(b"{}", b"a-secret")}, b"{}", [])


@pytest.mark.parametrize(
    ("headers", "body", "ping"),
    [
        ({}, b"webhook_id=142", True),
        ({"x-wc-webhook-topic": "order.created"}, b"webhook_id=142", False),
        ({}, b"webhook_id=142&more=1", False),
        ({}, b"webhook_id=", False),
        ({}, b'{"webhook_id": 142}', False),
        ({}, b"", False),
    ],
)
def test_only_the_ping_that_woocommerce_sends_is_one(headers: dict[str, str], body: bytes, ping: bool) -> None:
    assert contract.load("woocommerce").ping(headers, body) is ping


@pytest.mark.parametrize("system", [name for name in contract.names() if name != "woocommerce"])
def test_no_other_system_is_answered_unsigned(system: str) -> None:
    assert not contract.load(system).ping({}, b"webhook_id=142")


def test_an_unknown_system_is_told_which_there_are() -> None:
    with pytest.raises(LookupError, match="cscart, generic, magento, sfcc, shopify, woocommerce"):
        contract.load("lightspeed")
