"""What becomes of each signal, and how each kind of call goes on. Pure: one short function for each line."""

from __future__ import annotations

from collections.abc import Mapping

from schemas import signals
from sinks.contract import Calls, CatalogCalls, Follow
from sinks.newstore.catalog import deleted, product, stock
from sinks.newstore.imports import ENDPOINTS, followed
from sinks.newstore.injection import inject, inject_paid, injected
from sinks.newstore.orders import cancel, cancelled, refund, refunded, ship, shipped
from sinks.newstore.profiles import change, changed, erase, erased

CALLS: Mapping[type[signals.Conclusion], Calls] = {
    signals.CustomerChanged: change,
    signals.CustomerErased: erase,
    signals.OrderPlaced: inject,
    signals.OrderPaid: inject_paid,
    signals.OrderCancelled: cancel,
    signals.OrderRefunded: refund,
    signals.OrderFulfilled: ship,
}

CATALOG: Mapping[type[signals.Conclusion], CatalogCalls] = {
    signals.ProductChanged: product,
    signals.ProductDeleted: deleted,
    signals.StockChanged: stock,
}

# By the endpoint of the first call.
FOLLOW: Mapping[str, Follow] = {
    "profile": changed,
    "erasure": erased,
    "injection": injected,
    "cancellation": cancelled,
    "return": refunded,
    "refund": refunded,
    "shipment": shipped,
    **dict.fromkeys(ENDPOINTS.values(), followed),
}
