"""Every stand-in says no to the same mistakes, in the words its documents have for it, and keeps nothing of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec import structs

from shoprelay.certificate.asking import taken
from shoprelay.certificate.material import before, borrowed
from shoprelay.certificate.subject import Subject, load
from sinks.contract import Answer, Call
from sinks.fake import Received, Reply, StandIn
from tests.sinks.documents import changed
from tests.sinks.folders import NAMES

Spoil = Callable[[Received], Received]


@dataclass(frozen=True)
class Door:
    """Where one platform is asked, by a case of which one request goes to `path`: what it requires there, what it
    refuses with, and how that is told. `early` is a case of what needs something else first, and the path that refuses
    it without; `most` how many records a request may hold, by the endpoint they come from and what differs in each.
    Where the documents name no order and no number, there is none."""

    case: str
    path: str
    required: str
    wrong: tuple[str, Any]
    shape: Callable[[Answer], bool]
    closed: Spoil
    statuses: dict[str, int] = field(default_factory=dict)
    early: tuple[str, str] | None = None
    most: tuple[str, int, str] | None = None

    def status(self, trouble: str) -> int:
        return self.statuses.get(trouble, USUAL[trouble])


def without(header: str) -> Spoil:
    return lambda asked: replace(asked, headers={n: v for n, v in asked.headers.items() if n != header})


def body(spoil: Callable[[Any], Any]) -> Spoil:
    return lambda asked: replace(asked, body=json.dumps(spoil(json.loads(asked.body))).encode())


def elsewhere(asked: Received) -> Received:
    return replace(asked, path="/collect/somebody-else")


def says(*ways: str) -> Callable[[Answer], bool]:
    """Whether there is a text at each of these places."""
    return lambda answer: all(isinstance(answer.at(way), str) and answer.at(way) != "" for way in ways)


def said_by_code(answer: Answer) -> bool:
    """JOOR's v2: a code that is not 0 and a comment, whatever it is wrapped in; at its door a message."""
    if answer.status != 200:
        return says("message")(answer)
    told = answer.document.get("inventory_items", {}).get("response", {})
    return told.get("code") not in (0, None) and bool(told.get("comment"))


def klaviyo_says(answer: Answer) -> bool:
    status = answer.at("errors.0.status")
    return status == answer.status and says("errors.0.id", "errors.0.code", "errors.0.title", "errors.0.detail")(answer)


def shopify_says(answer: Answer) -> bool:
    return bool(answer.at("errors"))


DOORS = {
    "klaviyo": Door(
        "order_cancelled--changed_her_mind",
        "/api/events",
        required="data.attributes.metric",
        wrong=("data.attributes.value", "a lot"),
        shape=klaviyo_says,
        closed=without("authorization"),
        statuses={"early": 404},
        early=("back_in_stock_requested--by_email", "/api/back-in-stock-subscriptions"),
        most=("events", 1_000, "data.attributes.unique_id"),
    ),
    "june": Door(
        "order_placed--with_a_voucher",
        "/collect/",
        required="order.id",
        wrong=("order.total", "9.99"),
        shape=says("message"),
        closed=elsewhere,
        statuses={"required": 406, "wrong": 406, "early": 406, "no json": 406},
        early=("order_fulfilled--all_at_once", "/collect/"),
    ),
    "waymore": Door(
        "order_placed--a_customer",
        "/api/event",
        required="data.order_details",
        wrong=("data.order_details.order_id", 7),
        shape=says("message"),
        closed=body(lambda told: told | {"uuid": "of nobody"}),
    ),
    "joor": Door(
        "stock_changed--seven_left",
        "/v2/bulk-inventory",
        required="inventory_items.inventory_item.0.inventory",
        wrong=("inventory_items.inventory_item.0.inventory", "7"),
        shape=said_by_code,
        closed=without("authorization"),
        statuses={"required": 200, "wrong": 200, "no json": 200},
    ),
    "newstore": Door(
        "order_placed--two_mugs",
        "/v0/d/fulfill_order",
        required="external_id",
        wrong=("is_preconfirmed", "yes"),
        shape=says("error_code", "message", "request_id"),
        closed=without("authorization"),
        statuses={"early": 404},
        early=("order_cancelled--changed_her_mind", "/v0/orders/1234/cancel"),
    ),
    "shopify": Door(
        "wholesale_order_approved--of_a_customer_of_the_shop",
        "/admin/api/",
        required="order.line_items",
        wrong=("order.line_items.0.quantity", "2"),
        shape=shopify_says,
        closed=without("x-shopify-access-token"),
        statuses={"required": 422, "wrong": 422, "no json": 422, "media": 400},
    ),
}
USUAL = {"closed": 401, "media": 415, "required": 400, "wrong": 400, "no json": 400, "early": 400, "most": 400}


def spoils(door: Door) -> dict[str, Spoil]:
    return {
        "closed": door.closed,
        "media": lambda asked: replace(asked, headers={**asked.headers, "content-type": "text/plain"}),
        "required": body(lambda told: changed(told, door.required, ...)),
        "wrong": body(lambda told: changed(told, *door.wrong)),
        "no json": lambda asked: replace(asked, body=b"{"),
    }


class Recorded:
    """A stand-in whose requests are kept. Told them again, another one is where this one was."""

    def __init__(self, of: Subject) -> None:
        self.of, self.stand_in = of, of.stand_in()
        self.asked: list[Received] = []
        self.secrets = self.stand_in.secrets

    def answer(self, request: Received) -> Reply:
        self.asked.append(request)
        return self.stand_in.answer(request)

    def tell(self, case_name: str, *, needed: bool = True) -> Recorded:
        """A case, and before it what it needs, followed to their ends."""
        (case,) = [case for case in self.of.cases if case.path.stem == case_name]
        config, at = self.of.config(**case.changes), case.signal.occurred_at.timestamp()
        put = borrowed(self.of, config, self, case.signal)
        first = [each for each in before(case.signal) if type(each.payload) in self.of.table] if needed else []
        for nth, signal in enumerate([*first, case.signal]):
            for call in self.of.said(signal, config):
                taken(self.of.sink, config, self.stand(), call, at + 60 * (nth + 1), put)
        return self

    def stand(self) -> StandIn:
        return self  # type: ignore[return-value]

    def until(self, path: str, spoil: Spoil = lambda asked: asked) -> tuple[Reply, Any, Any]:
        """The answer to the last request with a body at this path, spoilt, and what a fresh stand-in that was told all
        before it has stored before and after that."""
        places = [n for n, asked in enumerate(self.asked) if asked.path.startswith(path) and asked.body]
        fresh = self.of.stand_in()
        for asked in self.asked[: places[-1]]:
            fresh.answer(asked)
        stored = deepcopy(fresh.stored())
        return fresh.answer(spoil(self.asked[places[-1]])), stored, fresh.stored()


TRIED = [name for name in NAMES if name in DOORS]
SUBJECTS = {name: load(name) for name in TRIED}


def refused(door: Door, reply: Reply, status: int) -> None:
    headers = {name.lower(): value for name, value in reply.headers.items()}
    answer = Answer(reply.status, headers, reply.body)
    assert (reply.status, reply.verdict) == (status, "refused"), reply.body
    assert door.shape(answer), f"not as the documents have it: {reply.body!r}"


def test_each_platform_there_is_has_a_door_here() -> None:
    assert TRIED == NAMES, "say in DOORS what the new one refuses, and how"


@pytest.mark.parametrize("name", TRIED)
def test_what_is_right_is_taken_and_kept(name: str) -> None:
    door = DOORS[name]
    reply, stored, now = Recorded(SUBJECTS[name]).tell(door.case).until(door.path)

    assert (reply.status // 100, reply.verdict) == (2, "accepted")
    assert stored != now


@pytest.mark.parametrize("trouble", ["closed", "media", "required", "wrong", "no json"])
@pytest.mark.parametrize("name", TRIED)
def test_what_is_wrong_is_refused_as_documented_and_not_kept(name: str, trouble: str) -> None:
    door = DOORS[name]
    reply, stored, now = Recorded(SUBJECTS[name]).tell(door.case).until(door.path, spoils(door)[trouble])

    refused(door, reply, door.status(trouble))
    assert stored == now


@pytest.mark.parametrize("name", [name for name in TRIED if DOORS[name].early])
def test_what_comes_before_what_it_needs_is_refused_and_not_kept(name: str) -> None:
    door = DOORS[name]
    assert door.early is not None
    reply, stored, now = Recorded(SUBJECTS[name]).tell(door.early[0], needed=False).until(door.early[1])

    refused(door, reply, door.status("early"))
    assert stored == now


@pytest.mark.parametrize("name", [name for name in TRIED if SUBJECTS[name].sink.mass])
def test_a_kind_after_a_later_one_is_refused_and_not_kept(name: str) -> None:
    of, recorded = SUBJECTS[name], Recorded(SUBJECTS[name]).tell(DOORS[name].case)
    config, mass = of.config(), of.sink.mass
    assert mass is not None
    kinds = mass.kinds(config)
    put = borrowed(of, config, recorded.stand_in, of.cases[0].signal)
    asked = [put(mass.join(kind, [], config)) for kind in (kinds[-1], kinds[0])]
    for call in asked:
        recorded.answer(replace(recorded.asked[-1], path=urlsplit(call.path).path, body=call.body))
    reply, stored, now = recorded.until("/")

    refused(DOORS[name], reply, 400)
    assert stored == now


@pytest.mark.parametrize("name", [name for name in TRIED if DOORS[name].most])
@pytest.mark.parametrize("more", [0, 1])
def test_more_in_one_request_than_may_be_is_refused_and_nothing_of_it_kept(name: str, more: int) -> None:
    door, of = DOORS[name], SUBJECTS[name]
    assert door.most is not None
    endpoint, most, unlike = door.most
    (batch,) = [each for each in of.sink.batches if each.endpoint == endpoint]
    (case,) = [case for case in of.cases if case.path.stem == door.case]
    config = of.config(**case.changes)
    (call,) = of.said(case.signal, config)
    many = [body_of(call, unlike, n) for n in range(most + more)]
    recorded = Recorded(of)
    taken(of.sink, config, recorded.stand(), batch.join(many), case.signal.occurred_at.timestamp() + 60, lambda c: c)
    reply, stored, now = recorded.until("/")

    if not more:
        assert reply.verdict == "accepted" and stored != now
        return
    refused(door, reply, door.status("most"))
    assert stored == now


def body_of(call: Call, way: str, number: int) -> Call:
    return structs.replace(
        call, body=json.dumps(changed(json.loads(call.body), way, str(number))).encode(), key=str(number)
    )
