"""Which documents may say nothing at all, by the READMEs of their systems: read off the document once more, by nobody
who shares code with the sources. Everything else ends as events or as a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

Said = Mapping[str, Any]


def may_say_nothing(system: str, headers: Mapping[str, str], document: object) -> bool:
    return isinstance(document, dict) and SILENT[system](headers, document)


def _sum(amounts: list[Any]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        try:
            total += round(Decimal(str(amount).strip() or 0), 4)
        except InvalidOperation:
            total += 0
    return total


def _shopify(headers: Mapping[str, str], said: Said) -> bool:
    match headers.get("x-shopify-topic", ""):
        case "orders/edited" | "orders/delete" | "customers/data_request" | "shop/redact" | "checkouts/delete":
            return True
        case "refunds/create":
            return not _given_back(said)
        case "fulfillments/create" | "fulfillments/update":
            return not _is_blank(said.get("status")) and said["status"] != "success"
        case "customers_email_marketing_consent/update" | "customers_marketing_consent/update":
            both = (said.get(f"{channel}_marketing_consent") for channel in ("email", "sms"))
            return not any((each or {}).get("state") in ("subscribed", "unsubscribed") for each in both)
        case "checkouts/create" | "checkouts/update":
            return said.get("completed_at") not in (None, "")
        case "variants/in_stock" | "variants/out_of_stock":
            nobody_counts = "inventory_management" in said and _is_blank(said["inventory_management"])
            return nobody_counts or _is_blank(said.get("inventory_quantity"))
    return False


def _given_back(said: Said) -> bool:
    """Money, and none of it on its way."""
    told = said.get("transactions") or []
    transactions = list(told.values()) if isinstance(told, dict) else told
    refunds = [each for each in transactions if (each.get("kind") or "refund") == "refund"]
    if any(each.get("status") == "pending" for each in refunds):
        return False
    done = [each for each in refunds if _is_blank(each.get("status")) or each.get("status") == "success"]
    return _sum([each.get("amount") or 0 for each in done]) != 0


def _is_blank(value: object) -> bool:
    return value is None or isinstance(value, bool) or (isinstance(value, str) and not value.strip())


def _woocommerce(headers: Mapping[str, str], said: Said) -> bool:
    kind, _, verb = headers.get("x-wc-webhook-topic", "").partition(".")
    if kind == "order":
        return verb == "deleted" or said.get("status") in ("checkout-draft", "auto-draft", "draft", "trash")
    if "refund" in kind:
        return not _is_blank(said.get("amount")) and _sum([said["amount"]]) == 0
    if kind == "product":  # a variation that does not count its own stock
        return said.get("manage_stock") is not True or _is_blank(said.get("stock_quantity"))
    return False


NO_NEWS = ("invoice_save_after", "status_history_save_after", "shipment_track_save_after")


def _magento(headers: Mapping[str, str], said: Said) -> bool:
    event = said.get("event") or said
    value = (event.get("data") or event).get("value") or {}
    name = headers.get("x-shoprelay-topic") or said.get("type") or said.get("event_code") or event.get("type")
    name = str(name or event.get("event_code"))
    if "quote" in name or ("cart" in name and "catalog" not in name):
        quote = value.get("quote") or value
        return str(quote.get("is_active")).lower() in ("0", "false", "no")
    if "creditmemo" in name:
        return str(value.get("state")) in ("1", "3") or _sum([value.get("grand_total")]) == 0
    if "stock_item" in name:
        is_counted = str(value.get("manage_stock")).lower() not in ("0", "false", "no")
        return not is_counted or ("qty" in value and _is_blank(value["qty"]))
    return name.strip().endswith(NO_NEWS)


def _sfcc(headers: Mapping[str, str], said: Said) -> bool:
    is_order = str(said.get("type")).startswith("order.")
    return is_order and said["data"].get("status") in ("created", "failed", "failed_with_reopen")


def _cscart(headers: Mapping[str, str], said: Said) -> bool:
    return str(said.get("type")).startswith("order.") and said["data"].get("status") in ("N", "T")


def _pixel(headers: Mapping[str, str], said: Said) -> bool:
    """That somebody is somebody, and nobody who may say so has said it."""
    is_signed = headers.get("x-shoprelay-identity") == "signed"
    is_somebody = is_signed and any((said.get("who") or {}).get(name) for name in ("customer_id", "email"))
    return not is_somebody and all(each.get("type") == "identified" for each in said["events"])


SILENT: dict[str, Callable[[Mapping[str, str], Said], bool]] = {
    "shopify": _shopify,
    "woocommerce": _woocommerce,
    "magento": _magento,
    "sfcc": _sfcc,
    "cscart": _cscart,
    "generic": lambda headers, said: False,
    "pixel": _pixel,
}
