"""What follows when Klaviyo knows more or less of a thing than we thought. Pure.

A create of what is there becomes an update, an update of what is not there a create; so a repeat does no harm, and a
catalog that somebody emptied fills again. A 404 holds the sink only where it cannot be said of a thing.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw, structs

from sinks.contract import Answer, Ask, Call, Follow, Verdict
from sinks.klaviyo.product import PREFIX, compound, path_of

WAITS = (2.0, 10.0, 30.0)  # seconds until somebody is told again to wait for a variant that may be on its way


class _Data(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Raw: not a digit of a number changes on the way."""

    attributes: dict[str, Raw]
    id: str | None = None
    relationships: Raw | msgspec.UnsetType = msgspec.UNSET
    type: str


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    data: _Data


_decode = msgspec.json.Decoder(_Document).decode
_encoder = msgspec.json.Encoder(order="sorted")
_NAMES = ("external_id", "integration_type", "catalog_type")  # only a create has them
_CUSTOM = {"integration_type": Raw(b'"$custom"'), "catalog_type": Raw(b'"$default"')}
_ZERO = Raw(b"0")


def _created(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    first, last = answers[0], answers[-1]
    if last.status == 404 and _is_said_of_a_thing(last):
        # The first one misses what it belongs to. A later one misses what was there a moment ago: begin again.
        return Verdict.REJECTED if len(answers) == 1 else Verdict.UNAVAILABLE
    return Ask(_as_update(call)) if first.status == 409 and len(answers) == 1 else None


def _updated(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    first, last = answers[0], answers[-1]
    if len(answers) == 1:
        missing = first.status == 404 and _is_said_of_a_thing(first)
        return (_as_create(call) or Verdict.DELIVERED) if missing else None
    if last.status == 404 and _is_said_of_a_thing(last):
        return Verdict.REJECTED  # what it belongs to is not there
    return Verdict.UNAVAILABLE if last.status == 409 else None  # there after all: begin again


def _deleted(call: Call, answers: Sequence[Answer]) -> Verdict | None:
    return Verdict.DELIVERED if answers[-1].status == 404 and _is_said_of_a_thing(answers[-1]) else None


def _category_created(call: Call, answers: Sequence[Answer]) -> Verdict | None:
    return Verdict.DELIVERED if answers[-1].status == 409 else None


def _waits_for_a_variant(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    """What Klaviyo answers when the variant is not there is not documented: 404, or a 400 that points at it."""
    last = answers[-1]
    pointed = last.status == 400 and "variant" in str(last.at("errors.0.source.pointer"))
    if not pointed and not (last.status == 404 and _is_said_of_a_thing(last)):
        return None
    if len(answers) > len(WAITS):
        return Verdict.REJECTED
    return Ask(structs.replace(call, key=f"{call.key}:again"), WAITS[len(answers) - 1])


def _imported(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    """Two profiles have these names between them. Which names are whose is not ours to decide: what is known of the
    person goes to the profile that Klaviyo points at, and the names stay as they are."""
    first, last = answers[0], answers[-1]
    if len(answers) > 1:
        return Verdict.REJECTED if last.status in (404, 409) and _is_said_of_a_thing(last) else None
    if first.status != 409:
        return None
    profile = first.at("errors.0.meta.duplicate_profile_id")
    if not isinstance(profile, str) or not profile.isalnum():
        return Verdict.REJECTED
    attributes = dict(_decode(call.body).data.attributes)
    for name in ("external_id", "email", "phone_number"):
        attributes.pop(name, None)
    if not attributes:
        return Verdict.DELIVERED
    data = _Data(type="profile", id=profile, attributes=attributes)
    return Ask(_call("Update Profile", "PATCH", f"/api/profiles/{profile}", data, "update-profile"))


FOLLOW: dict[str, Follow] = {
    "create-catalog-item": _created,
    "create-catalog-variant": _created,
    "create-catalog-category": _category_created,
    "update-catalog-item": _updated,
    "update-catalog-variant": _updated,
    "delete-catalog-item": _deleted,
    "delete-catalog-variant": _deleted,
    "back-in-stock-subscriptions": _waits_for_a_variant,
    "profile-import": _imported,
}


def _is_said_of_a_thing(answer: Answer) -> bool:
    """Klaviyo's own list of errors. A 404 without one comes from a wrong address or a gateway, and holds the sink."""
    return isinstance(answer.at("errors.0.code"), str)


# -- the same as another call


def _as_update(call: Call) -> Call:
    """A quantity of 0 may mean that nobody has told it, and is left as it is."""
    told = _decode(call.body).data
    external_id = msgspec.json.decode(told.attributes["external_id"], type=str)
    attributes = {name: value for name, value in told.attributes.items() if name not in _NAMES}
    if attributes.get("inventory_quantity") == _ZERO:
        del attributes["inventory_quantity"]
    related = told.relationships if told.type == "catalog-item" else msgspec.UNSET  # a variant stays where it is
    data = _Data(type=told.type, id=compound(external_id), attributes=attributes, relationships=related)
    kind, resource = _kind(told.type)
    return _call(f"Update Catalog {kind}", "PATCH", path_of(resource, external_id), data, f"update-{told.type}")


def _as_create(call: Call) -> Ask | None:
    """`None` when it does not say enough: a quantity alone makes no variant."""
    told = _decode(call.body).data
    if "title" not in told.attributes or told.id is None:
        return None
    external_id = msgspec.json.encode(told.id.removeprefix(PREFIX))
    attributes = {**told.attributes, **_CUSTOM, "external_id": Raw(external_id)}
    data = _Data(type=told.type, attributes=attributes, relationships=told.relationships)
    if told.type == "catalog-variant":
        attributes.setdefault("inventory_quantity", _ZERO)
        item = compound(call.needs.removeprefix("item "))
        belongs = {"item": {"data": {"type": "catalog-item", "id": item}}}
        data.relationships = Raw(_encoder.encode(belongs))
    kind, resource = _kind(told.type)
    return Ask(_call(f"Create Catalog {kind}", "POST", f"/api/{resource}", data, f"create-{told.type}"))


def _kind(told_type: str) -> tuple[str, str]:
    return ("Item", "catalog-items") if told_type == "catalog-item" else ("Variant", "catalog-variants")


def _call(says: str, method: str, path: str, data: _Data, endpoint: str) -> Call:
    body = _encoder.encode(_Document(data))
    return Call(says=says, method=method, path=path, body=body, key=path, endpoint=endpoint)
