"""Table maps that are known: those of two shop systems, and the reference schema of README.md.

Table names carry the systems' usual prefix (`wp_`); a shop with another one names its tables itself.
"""

from __future__ import annotations

from typing import Any

WOOCOMMERCE: dict[str, Any] = {
    "orders": {
        "table": "wp_wc_orders",
        "only": {"type": ("shop_order",)},
        "columns": {
            "id": "id", "customer": "customer_id", "email": "billing_email", "status": "status", "currency": "currency",
            "total": "total_amount", "tax": "tax_amount", "note": "customer_note", "placed_at": "date_created_gmt",
            "updated_at": "date_updated_gmt", "payment_method": "payment_method_title",
        },
        "statuses": {
            f"wc-{status}": status
            for status in ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed")
        },
        "drafts": ("wc-checkout-draft", "auto-draft", "draft", "trash", "new"),
        "cancelled": ("wc-cancelled",),
        "fulfilled": ("wc-completed",),
    },
    "order_lines": {
        "table": "wp_wc_order_product_lookup",
        "columns": {
            "id": "order_item_id", "order": "order_id", "product": "product_id", "variant": "variation_id",
            "quantity": "product_qty", "line_total": "product_net_revenue", "discount": "coupon_amount",
            "tax": "tax_amount",
        },
    },
    "refunds": {
        "table": "wp_wc_orders",
        "only": {"type": ("shop_order_refund",)},
        "columns": {
            "id": "id", "order": "parent_order_id", "amount": "total_amount", "currency": "currency",
            "created_at": "date_created_gmt",
        },
    },
}  # fmt: skip

_MAGENTO_LINE = {"product": "product_id", "sku": "sku", "name": "name", "unit_price": "price",
                 "tax": "tax_amount", "discount": "discount_amount", "part_of": "parent_item_id"}  # fmt: skip
MAGENTO: dict[str, Any] = {
    "customers": {
        "table": "customer_entity",
        "columns": {
            "id": "entity_id", "email": "email", "first_name": "firstname", "last_name": "lastname", "birthday": "dob",
            "store": "store_id", "created_at": "created_at", "updated_at": "updated_at",
        },
    },
    "carts": {
        "table": "quote",
        "columns": {
            "id": "entity_id", "customer": "customer_id", "email": "customer_email", "currency": "quote_currency_code",
            "active": "is_active", "updated_at": "updated_at",
        },
    },
    "cart_lines": {
        "table": "quote_item",
        "columns": {"id": "item_id", "cart": "quote_id", "quantity": "qty", **_MAGENTO_LINE},
    },
    "orders": {
        "table": "sales_order",
        "columns": {
            "id": "entity_id", "number": "increment_id", "customer": "customer_id", "email": "customer_email",
            "cart": "quote_id", "status": "status", "currency": "order_currency_code", "total": "grand_total",
            "subtotal": "subtotal", "shipping": "shipping_amount", "shipping_tax": "shipping_tax_amount",
            "shipping_method": "shipping_description", "tax": "tax_amount", "discount": "discount_amount",
            "discount_code": "coupon_code", "note": "customer_note", "placed_at": "created_at",
            "updated_at": "updated_at", "line_count": "total_item_count", "paid_total": "total_paid",
        },
        "cancelled": ("canceled",),
    },
    "order_lines": {
        "table": "sales_order_item",
        "columns": {"id": "item_id", "order": "order_id", "quantity": "qty_ordered", **_MAGENTO_LINE},
    },
    "refunds": {
        "table": "sales_creditmemo",
        "only": {"state": ("2",)},
        "columns": {
            "id": "entity_id", "order": "order_id", "amount": "grand_total", "currency": "order_currency_code",
            "created_at": "created_at",
        },
    },
    "fulfilments": {
        "table": "sales_shipment",
        "columns": {"id": "entity_id", "order": "order_id", "created_at": "created_at"},
    },
    "stock": {
        "table": "cataloginventory_stock_item",
        "only": {"manage_stock": ("1",)},
        "columns": {"product": "product_id", "quantity": "qty", "location": "stock_id"},
    },
}  # fmt: skip


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_LINE = _same("id", "sku", "name", "quantity", "unit_price") | {"product": "product_id", "variant": "variant_id"}
REFERENCE: dict[str, Any] = {
    "customers": {
        "table": "customers",
        "columns": _same(
            "id", "email", "phone", "first_name", "last_name", "locale", "birthday", "created_at", "updated_at"
        ),
    },
    "carts": {
        "table": "carts",
        "columns": _same("id", "email", "currency", "url", "active", "updated_at") | {"customer": "customer_id"},
    },
    "cart_lines": {"table": "cart_lines", "columns": _LINE | {"cart": "cart_id"}},
    "orders": {
        "table": "orders",
        "columns": _same(
            "id", "number", "email", "phone", "status", "currency", "total", "subtotal", "shipping", "tax", "discount",
            "discount_code", "note", "placed_at", "updated_at", "paid_at", "payment_method", "line_count",
        ) | {"customer": "customer_id", "cart": "cart_id"},
        "drafts": ("draft",),
        "cancelled": ("cancelled",),
    },
    "order_lines": {"table": "order_lines", "columns": _LINE | _same("tax", "discount") | {"order": "order_id"}},
    "refunds": {
        "table": "refunds",
        "columns": _same("id", "amount", "currency", "reason", "created_at") | {"order": "order_id"},
    },
    "fulfilments": {
        "table": "fulfilments",
        "columns": _same("id", "tracking_code", "carrier", "created_at") | {"order": "order_id"},
    },
    "products": {
        "table": "products",
        "columns": _same(
            "id", "title", "description", "url", "image_url", "brand", "currency", "price", "compare_at_price",
            "published", "updated_at",
        ),
    },
    "stock": {
        "table": "stock",
        "columns": _same("quantity", "sku", "location", "updated_at")
        | {"product": "product_id", "variant": "variant_id"},
    },
}  # fmt: skip

PRESETS = {"magento": MAGENTO, "reference": REFERENCE, "woocommerce": WOOCOMMERCE}
