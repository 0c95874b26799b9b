"""What a correct JOOR client must do, by the numbers of `sinks/joor/README.md`; 10 and 11 are the source's as well."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from urllib.parse import parse_qs

import pytest

from sinks.contract import Answer, Call, CannotSay, Verdict, classify
from sinks.fake import Received, Reply
from sinks.joor.fake import LENT, PASSWORD, SECRET, TOKEN, JoorStandIn
from sinks.joor.sink import SINK
from streams.delivery.token import Borrowed
from tests.delivery.moved import MovedClock, moved_clock, pass_time
from tests.sinks.joor import answered, ask, calls, config, customer, mug, product, scripted, stock, told, variant


def connections(call: Call) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(call.body)["bulk_connections"]["connection"]
    return rows


def test_4_6_01_only_customers_with_an_agreed_tag() -> None:
    settings = config(tags=["JOOR", "WHOLESALE"])
    assert calls(customer("VIP"), settings) == calls(customer(), settings) == calls(customer("joor"), settings) == ()
    assert len(calls(customer("VIP", "WHOLESALE"), settings)) == 1

    stand_in = JoorStandIn()
    told(stand_in, customer("JOOR"))
    told(stand_in, customer("VIP", name="Augusta", signal_id="s2"))  # the tag was taken away
    assert stand_in.jobs.connections["42"]["customer_contact_name"] == "Ada Lovelace"


@pytest.mark.parametrize("number", ["42", "0042", "9007199254740993", "a-7"])
def test_4_6_02_the_shops_customer_id_as_text_is_the_customer_code(number: str) -> None:
    (call,) = calls(customer("JOOR", number=number))

    assert connections(call)[0]["customer_code"] == number


def test_4_6_03_bulk_connection_in_batches_followed_until_finished() -> None:
    stand_in, heard = JoorStandIn(polls=4), list[Call]()
    assert told(stand_in, customer("JOOR"), heard=heard) is Verdict.DELIVERED
    assert [call.path for call in heard] == ["/v2/bulk-connection/1"] * 4

    batch = next(batch for batch in SINK.batches if batch.endpoint == "bulk-connection")
    both = [*calls(customer("JOOR")), *calls(customer("JOOR", number="43", signal_id="s2"))]
    joined = batch.join(both)
    assert [row["customer_code"] for row in connections(joined)] == ["42", "43"] and joined.cost == 5
    assert batch.from_items == 2


def test_4_6_03_nothing_is_assumed_to_be_there_before_the_job_is_finished() -> None:
    stand_in = JoorStandIn(polls=1_000)
    (call,) = calls(customer("JOOR"))
    answers = [answered(stand_in, call)]
    for _ in range(10):
        said = SINK.follow["bulk-connection"](call, answers)
        assert not isinstance(said, Verdict) and said is not None
        answers.append(answered(stand_in, said.call))

    assert stand_in.jobs.connections == {}


def test_4_6_04_a_customer_born_at_joor_is_reported_and_not_overwritten() -> None:
    with pytest.raises(CannotSay, match="Customer Code"):
        calls(customer("JOOR", "JOOR_BORN"))

    (call,) = calls(customer("JOOR"))  # the tag is gone: somebody has put the id into Customer Code
    assert connections(call)[0]["customer_code"] == "42"


def test_4_6_05_only_the_default_currency_and_price_label() -> None:
    (call,) = calls(customer("JOOR"))
    assert connections(call)[0]["price_types"] == {"price_type": [{"price_currency": "EUR", "price_label": "EUR-1"}]}

    stand_in = JoorStandIn()
    told(stand_in, product(mug(variant("1"), currency="USD")))
    assert stand_in.catalog.skus and not stand_in.catalog.prices
    told(stand_in, product(mug(variant("1"), currency="EUR")))
    assert {price["price_type_id"] for price in stand_in.catalog.prices.values()} == {"1234"}


def test_4_6_06_credits_are_kept_and_written_in_batches() -> None:
    (limit,) = SINK.limits
    assert (limit.endpoint, limit.seconds) == ("*", 300) and limit.count <= 300

    heard = list[Call]()
    stand_in = JoorStandIn()
    told(stand_in, product(mug(variant("1"))))
    told(stand_in, product(mug(variant("1"))), heard=heard)
    told(stand_in, customer("JOOR"), heard=heard)
    first = [*calls(customer("JOOR")), *calls(product(mug())), *calls(stock("1"))]
    for call in (*heard, *first):
        assert call.cost == (1 if call.method == "GET" else 5)
    assert {batch.endpoint for batch in SINK.batches} == {"bulk-connection", "bulk-inventory"}
    assert SINK.throttled_seconds == limit.seconds


def test_4_6_07_errors_in_the_body_count_although_the_status_is_good() -> None:
    for place in ("bulk_connections", "inventory_items"):
        refused = Answer(200, {}, json.dumps({place: {"response": {"code": 7, "comment": "no"}}}).encode())
        assert classify(refused, SINK.rules) is Verdict.REJECTED
    assert classify(Answer(200, {}, b'{"response":{"code":0}}'), SINK.rules) is Verdict.DELIVERED
    assert told(JoorStandIn(), stock("7"), config(warehouse="Attic")) is Verdict.REJECTED

    def failing(request: Received, reply: Reply) -> Reply:
        body = b'{"data":[{"id":"P1"}],"errors":[{"status":"INVALID"}]}'
        return Reply(200, "refused", body) if "products/" in request.path else reply

    assert told(scripted(JoorStandIn(), failing), product(mug())) is Verdict.REJECTED


def test_4_6_07_duplicated_means_update() -> None:
    stand_in, heard = JoorStandIn(), list[Call]()
    told(stand_in, product(mug(variant("1"))))

    assert told(stand_in, product(mug(variant("1"), title="Big mug")), heard=heard) is Verdict.DELIVERED
    assert Counter(call.says.split()[0] for call in heard)["Update"] == 3
    assert [made["name"] for made in stand_in.catalog.products.values()] == ["Big mug"]


class Joor:
    """The stand-in as a transport, in virtual time."""

    def __init__(self) -> None:
        self.clock, self.sent, self.stand_in = MovedClock(), list[Call](), JoorStandIn()

    async def send(self, call: Call) -> Answer:
        self.sent.append(call)
        return answered(self.stand_in, call, self.clock.monotonic()) if call.says != "Token" else self._lend(call)

    def _lend(self, call: Call) -> Answer:
        reply = self.stand_in.answer(
            Received(0.0, call.method, "/auth/", {name.lower(): value for name, value in call.headers}, call.body)
        )
        return Answer(reply.status, {}, reply.body)

    async def close(self) -> None: ...


@moved_clock
async def test_4_6_08_one_v4_token_for_ten_hours_renewed_early() -> None:
    joor = Joor()
    transport = Borrowed(joor, SINK.token, config(), joor.clock)  # type: ignore[arg-type]
    (call,) = calls(product(mug()))

    for _ in range(89):  # every six minutes
        assert (await transport.send(call)).status == 200
        await pass_time(360)
    assert sum(sent.says == "Token" for sent in joor.sent) == 1
    await pass_time(720)  # nine hours and a few minutes after it was lent
    await transport.send(call)

    assert sum(sent.says == "Token" for sent in joor.sent) == 2
    form = parse_qs(next(sent for sent in joor.sent if sent.says == "Token").body.decode())
    assert form["grant_type"] == ["password"] and form["password"] == [PASSWORD]
    for sent in joor.sent:
        assert sent.says == "Token" or (PASSWORD not in repr(sent) and SECRET not in repr(sent))


@moved_clock
async def test_4_6_08_v2_calls_ask_for_no_token() -> None:
    joor = Joor()
    transport = Borrowed(joor, SINK.token, config(), joor.clock)  # type: ignore[arg-type]

    await transport.send(*calls(customer("JOOR")))

    assert [sent.says for sent in joor.sent] == ["Bulk Connection"]


def test_4_6_09_oauth2_on_v2_bearer_on_v4_and_a_content_type_on_every_call() -> None:
    headers = SINK.headers(config())
    assert headers["Authorization"] == "OAuth2 " + base64.b64encode(TOKEN.encode()).decode()
    assert headers["Content-Type"] == "application/json"
    assert SINK.token is not None and SINK.token.headers(LENT) == {"Authorization": f"Bearer {LENT}"}
    assert SINK.token.wanted(*calls(product(mug()))) and not SINK.token.wanted(*calls(stock("1")))
    assert dict(SINK.token.ask(config()).headers)["Content-Type"] == "application/x-www-form-urlencoded"

    assert ask(JoorStandIn(), "/v2/order/", content_type="").status == 415


def test_4_6_10_the_sink_reads_orders_only_to_check_and_marks_none() -> None:
    assert SINK.check is not None
    call = SINK.check(config())
    stand_in = JoorStandIn()

    assert "sync=0" in call.path and answered(stand_in, call).status == 200
    assert stand_in.orders.exported == set()


def test_4_6_11_no_call_of_ours_has_a_date() -> None:
    """A v4 date would have to be `YYYY-MM-DD`, a v2 time ISO 8601 UTC; ranges are the source's."""
    for call in (*calls(customer("JOOR")), *calls(product(mug())), *calls(stock("1"))):
        assert not re.search(rb"\d{4}-\d\d-\d\d", call.body + call.path.encode())


def test_4_6_12_no_order_is_ever_written() -> None:
    heard = list[Call]()
    stand_in = JoorStandIn()
    for signal in (customer("JOOR"), product(mug()), product(mug()), stock("1")):
        heard += calls(signal)
        told(stand_in, signal, heard=heard)

    assert not any("order" in call.path or b"IN_PROGRESS" in call.body for call in heard)
