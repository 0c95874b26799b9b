"""What the stand-ins took in, in the model's form: one small tuple per stored call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from shoprelay.demo.reference import Lines, Told

Body = Mapping[str, Any]


def received(platform: str, recorded: Mapping[str, Any]) -> dict[Told, list[float]]:
    """From a stand-in's `/_calls`: when each was stored, seconds since 1970. Repeats that the platform recognised, and
    what it refused, were not."""
    read = {"klaviyo": _klaviyo, "june": _june, "waymore": _waymore, "newstore": _newstore}.get(platform, _nothing)
    stored: dict[Told, list[float]] = {}
    known: set[Told] = set()  # what of a request of many was kept already is not said in its answer
    for call in recorded["calls"]:
        if call["verdict"] == "accepted" and call.get("method") != "GET" and isinstance(call["body"], dict):
            for key, told in read(call["path"], call["body"]):
                if key is None or key not in known:
                    stored.setdefault((platform, *told), []).append(call["at"])
                known.add(key or ())
    return stored


def kept(platform: str, stored: Mapping[str, Any]) -> Counter[Told]:
    """From a stand-in's `/_stored`: what counts by what it came to, and not by how it was told."""
    read = {
        "klaviyo": _klaviyo_catalog, "waymore": _waymore_before, "newstore": _newstore_kept, "joor": _joor,
        "shopify": _shopify,
    }.get(platform)  # fmt: skip
    return Counter((platform, *told) for told in read(stored)) if read else Counter()


def _nothing(path: str, body: Body) -> Iterator[tuple[Told | None, Told]]:
    return iter(())


def amount(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


# -- Klaviyo


def _klaviyo(path: str, body: Body) -> Iterator[tuple[Told | None, Told]]:
    """One by one or many in one request, it is the same that is told. With the key that an event is kept under."""
    attributes = body["data"]["attributes"]
    match path.removeprefix("/api/"):
        case "events":
            yield _event(attributes["profile"], attributes)
        case "event-bulk-create-jobs":
            for entry in attributes["events-bulk-create"]["data"]:
                for event in entry["attributes"]["events"]["data"]:
                    yield _event(entry["attributes"]["profile"], event["attributes"])
        case "profile-import":
            yield None, ("profile", attributes["external_id"])
        case "profile-subscription-bulk-create-jobs" | "profile-subscription-bulk-delete-jobs" as job:
            says = "subscribe" if "create" in job else "unsubscribe"
            for profile in attributes["profiles"]["data"]:
                yield None, (says, profile["attributes"]["email"])
        case catalog if catalog.startswith("catalog-"):
            return  # what it comes to is asked at the end
        case "profile-bulk-import-jobs" if "profiles" in attributes:
            for profile in attributes["profiles"]["data"]:
                yield None, ("profile", profile["attributes"]["external_id"])
        case _:
            yield None, (path, body["data"]["type"])


def _event(profile: Body, attributes: Body) -> tuple[Told | None, Told]:
    who = profile["data"]["attributes"]
    name, person = attributes["metric"]["data"]["attributes"]["name"], who.get("external_id") or who.get("anonymous_id")
    told = _EVENTS.get(name, _unknown)(attributes["properties"], amount(attributes.get("value")))
    unique_id = attributes.get("unique_id")
    return (name, person, unique_id) if unique_id else None, (name, person, *told)


def _items(about: Body) -> Lines:
    items = about["Items"]
    return tuple(sorted((i["ProductID"], Decimal(str(i["Quantity"])), Decimal(str(i["ItemPrice"]))) for i in items))


def _worth(lines: Lines) -> Decimal:
    return sum((n * price for _, n, price in lines), Decimal(0))


def _with_value(lines: Lines, value: Decimal | None) -> Told:
    """The value of a cart is the sum of its lines; anything else shows as a difference."""
    return (lines,) if value == _worth(lines) else (lines, "but value is", value)


def _unknown(about: Body, value: Decimal | None) -> Told:
    return ("nobody should say this", *sorted(about))


_EVENTS: Mapping[str, Callable[[Body, Decimal | None], Told]] = {
    "Active on Site": lambda about, value: (),
    "Viewed Product": lambda about, value: (about["ProductID"],),
    "Added to Cart": lambda about, value: (about["AddedItemProductID"], *_with_value(_items(about), value)),
    "Started Checkout": lambda about, value: _with_value(_items(about), value),
    "Abandoned Cart": lambda about, value: (about["Stage"], *_with_value(_items(about), value)),
    "Placed Order": lambda about, value: (about["OrderId"], value, _items(about)),
    "Ordered Product": lambda about, value: (about["OrderId"], about["ProductID"], value),
    "Fulfilled Order": lambda about, value: (about["OrderId"], _items(about)),
    "Cancelled Order": lambda about, value: (about["OrderId"], about["Reason"]),
    "Refunded Order": lambda about, value: (about["OrderId"], value, about["Reason"]),
    "Searched Site": lambda about, value: (about["SearchTerm"],),
    "Added to Wishlist": lambda about, value: (about["ProductID"],),
    "Removed from Wishlist": lambda about, value: (about["ProductID"],),
}


def _klaviyo_catalog(stored: Mapping[str, Any]) -> Iterator[Told]:
    catalog = stored["catalog"]
    for found in catalog["catalog-item"].values():
        yield "item", found["external_id"], found["title"], amount(found.get("price"))
    for found in catalog["catalog-variant"].values():
        yield "stock", found["external_id"], amount(found["inventory_quantity"])


# -- JUNE


def _june(path: str, body: Body) -> Iterator[tuple[Told | None, Told]]:
    yield None, _payload(body)


def _payload(body: Body) -> Told:
    (kind,) = body.keys() & {"customer", "cart", "order", "fulfillment"}
    about = body[kind]
    match kind:
        case "customer":
            return (kind, body["id"])
        case "cart":
            return (kind, body["id"], _products(about))
        case "order":
            return (kind, body["id"], about["id"], amount(about["total"]))
        case _:
            return (kind, body["id"], about["id"], _products(about))


def _products(about: Body) -> Lines:
    return tuple(sorted((p["id"], Decimal(str(p["qty"])), Decimal(str(p["price"]))) for p in about["products"]))


# -- WayMore


def _waymore(path: str, body: Body) -> Iterator[tuple[Told | None, Told]]:
    if "event" in body:
        yield None, (body["event"], *_SAID[body["event"]](body["data"]))


def _quantities(about: Body, name: str) -> tuple[tuple[str, Decimal], ...]:
    return tuple(sorted((line["product_id"], Decimal(line["quantity"])) for line in about[name]))


_SAID: Mapping[str, Callable[[Body], Told]] = {
    "CustomerAdd": lambda about: (about["customer"]["id"],),
    "CustomerUpdate": lambda about: (about["customer"]["id"],),
    "CartUpdate": lambda about: (about["customer_id"], _quantities(about, "cart_products")),
    "OrderAdd": lambda about: (
        about["customer_id"],
        about["order_details"]["order_id"],
        amount(about["order_details"]["total_price"]),
        _quantities(about, "order_products"),
    ),
    "OrderStatusUpdate": lambda about: (about["customer_id"], about["order_id"], about["order_status"]),
    "OrderPaymentConfirmed": lambda about: (about["customer_id"], about["order_id"]),
    "ProductAdd": lambda about: (about["product_id"], about["name"], amount(about["price"])),
    "ProductStockUpdate": lambda about: (about["product_id"], amount(about["stock_quantity"])),
    "Search": lambda about: (about["customer_id"], about["search_string"]),
    "WishlistAdd": lambda about: (about["customer_id"], about["product_id"]),
    "WishlistDelete": lambda about: (about["customer_id"], about["product_id"]),
    "Newsletter": lambda about: (about["customer_id"], about["email"], about["subscription"]),
}


def _waymore_before(stored: Mapping[str, Any]) -> Iterator[Told]:
    """What it was told at once, when the shop was connected."""
    for site in stored["sites"]:
        for kind, items in site["mass"].items():
            for item in items:
                yield kind, *_BEFORE[kind](item)


_BEFORE: Mapping[str, Callable[[Body], Told]] = {
    "customers": lambda item: (item["customer"]["id"],),
    "subscribers": lambda item: (item["subscriber"]["email"],),
    "products": lambda item: (item["product_id"],),
    "wishlist": lambda item: (item["customer_id"], tuple(item["product_id"])),
    "orders": lambda item: (
        item["order_details"]["customer_id"],
        item["order_details"]["order_id"],
        item["order_details"]["order_status"],
    ),
}


# -- NewStore


def _newstore(path: str, body: Body) -> Iterator[tuple[Told | None, Told]]:
    if path.endswith("/fulfill_order"):
        pieces = sum(len(shipment["items"]) for shipment in body["shipments"])
        yield None, ("order", body["external_id"], Decimal(pieces))


def _newstore_kept(stored: Mapping[str, Any]) -> Iterator[Told]:
    for number, order in stored["orders"].items():
        if order["cancelled"]:
            yield "cancelled", number
    for profile in stored["profiles"].values():
        yield "profile", profile["email"]
    for kind in ("products", "prices"):
        for product in stored[kind]:
            yield kind, product


# -- JOOR and Shopify


def _joor(stored: Mapping[str, Any]) -> Iterator[Told]:
    for code in stored["connections"]:
        yield "connection", code
    for upc, left in stored["stock"].items():
        yield "stock", upc.rpartition("/")[2], amount(left)


def _shopify(stored: Mapping[str, Any]) -> Iterator[Told]:
    for name, order in stored["orders"].items():
        yield name, sum((Decimal(line["quantity"]) for line in order["line_items"]), Decimal(0))
