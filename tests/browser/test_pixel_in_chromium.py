"""The pixel in a real browser: what a visitor does is told when they agreed, and the page never notices."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext

from sources.pixel import SOURCE
from sources.webhooks.contract import Refusal, ShopSettings
from tests.browser.conftest import CHROME, Told, Visit
from tests.browser.shop import VIEWS, Shop, signed
from tests.sources.webhooks.test_cases import RECEIVED

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
BLOCKED = """const blocked = () => { throw new DOMException("blocked", "SecurityError") };
Object.defineProperty(window, "localStorage", { get: blocked });
Object.defineProperty(Document.prototype, "cookie", { get: blocked, set: blocked });
"""


def events(bodies: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {event["type"]: event for body in bodies for event in body["events"]}


async def test_a_view_an_addition_and_a_search_are_told(visit: Visit) -> None:
    await visit.goes("/p/1", does=VIEWS)
    await visit.page.click("#add")
    await visit.page.fill("input[name=q]", "blue mug")
    await visit.page.click("#search button")
    said = events(await visit.told.until("active", "viewed", "added", "searched"))

    here = f"{visit.shop.origin}/p/1"
    assert said["active"]["url"] == said["viewed"]["item"]["url"] == here  # without what followed the question mark
    assert said["viewed"]["item"]["product_id"] == "P1"
    assert (said["added"]["item"]["product_id"], said["added"]["item"]["quantity"]) == ("1", 2)
    assert (said["searched"]["query"], said["searched"]["results"]) == ("blue mug", 3)
    assert len({event["id"] for event in said.values()}) == 4
    assert (visit.errors, visit.console) == ([], [])


async def test_a_visitor_who_agreed_is_the_same_on_the_next_page(visit: Visit) -> None:
    await visit.goes()
    await visit.goes("/next", does=VIEWS)
    bodies = await visit.told.until("active", "viewed")

    (visitor,) = {body["anonymous_id"] for body in bodies}
    assert await visit.kept() == (visitor, f"shoprelay_id={visitor}")


async def test_denied_nothing_is_kept_there_is_no_id_and_nothing_leaves(visit: Visit) -> None:
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.method))
    await visit.goes(consent="denied", does=VIEWS)
    await visit.page.click("#add")
    await visit.page.evaluate("shoprelay.identify({customer_id: 'C1'})")

    assert await visit.kept() == (None, "")
    assert (visit.told.bodies, set(asked)) == ([], {"GET"})
    assert await visit.page.context.cookies() == []


async def test_until_something_is_said_it_is_held_and_then_told_or_forgotten(visit: Visit) -> None:
    await visit.goes(consent="", does=VIEWS)
    assert (await visit.kept(), visit.told.bodies) == ((None, ""), [])
    await visit.page.evaluate("shoprelay.consent('granted')")
    bodies = await visit.told.until("active", "viewed")
    assert all(body["sent_at"] >= body["events"][0]["at"] for body in bodies)
    assert (await visit.kept())[0] == bodies[0]["anonymous_id"]

    await visit.page.evaluate("shoprelay.consent('denied')")
    assert await visit.kept() == (None, "")
    await visit.page.click("#add")
    await visit.page.evaluate("shoprelay.consent('granted'); shoprelay.searched('mug')")
    later = await visit.told.until("searched")
    assert "added" not in visit.told.types
    assert later[-1]["anonymous_id"] != bodies[0]["anonymous_id"]


async def test_what_was_held_is_forgotten_with_the_denial(visit: Visit) -> None:
    await visit.goes(consent="", does=VIEWS)
    await visit.page.evaluate("shoprelay.consent('denied'); shoprelay.consent('granted'); shoprelay.searched('mug')")
    await visit.told.until("searched")
    assert visit.told.types == ["searched"]


async def test_a_page_that_is_only_prepared_has_nobody_on_it_yet(visit: Visit) -> None:
    await visit.page.add_init_script("Object.defineProperty(document, 'prerendering', { get: () => !window.shown });")
    await visit.page.goto(visit.shop.url(does=VIEWS))
    assert (await visit.kept(), visit.told.bodies) == ((None, ""), [])
    await visit.page.evaluate("window.shown = true; document.dispatchEvent(new Event('prerenderingchange'))")
    await visit.told.until("active", "viewed")


async def test_what_the_page_said_of_consent_before_the_script_came_counts_first(visit: Visit) -> None:
    await visit.goes(consent="granted", does=VIEWS + "shoprelay.consent('denied');")
    assert (await visit.kept(), visit.told.bodies) == ((None, ""), [])


async def test_in_memory_only_nothing_outlives_the_page(visit: Visit) -> None:
    await visit.goes(consent="memory", does=VIEWS)
    await visit.told.until("active", "viewed")
    assert await visit.kept() == (None, "")
    await visit.goes(consent="memory")
    await visit.page.click("#add")
    bodies = await visit.told.until("added")
    assert len({body["anonymous_id"] for body in bodies}) == 2


async def test_with_blocked_storage_it_works_and_nothing_complains(visit: Visit) -> None:
    await visit.page.add_init_script(BLOCKED)
    await visit.goes(does=VIEWS)
    await visit.page.click("#add")
    bodies = await visit.told.until("active", "viewed", "added")
    assert len({body["anonymous_id"] for body in bodies}) == 1
    assert (visit.errors, visit.console) == ([], [])


@pytest.mark.parametrize("without", ["delete Navigator.prototype.sendBeacon", "navigator.sendBeacon = () => false"])
async def test_without_beacons_it_fetches(visit: Visit, without: str) -> None:
    await visit.page.add_init_script(without)
    await visit.goes(does=VIEWS)
    await visit.told.until("active", "viewed")
    assert (visit.errors, visit.console) == ([], [])


async def test_what_is_done_on_the_way_out_arrives(visit: Visit) -> None:
    await visit.goes()
    await visit.page.click("#away")
    await visit.page.wait_for_url("**/away")
    said = events(await visit.told.until("added"))
    assert said["added"]["item"] == {"product_id": "P9", "unit_price": "1.00"}


async def _unaffected(visit: Visit) -> None:
    """The page's own click works, whatever it says to the pixel, and throws nothing."""
    await visit.page.click("#add")
    await visit.page.click("#add")
    assert await visit.page.text_content("#count") == "2"
    assert visit.errors == []


async def test_a_blocked_script_is_not_missed(visit: Visit) -> None:
    await visit.page.route("**/v1/pixel.js*", lambda route: route.abort("blockedbyclient"))
    await visit.page.goto(visit.shop.url(does=VIEWS))
    await _unaffected(visit)
    assert visit.told.bodies == []
    assert [line for line in visit.console if "ERR_BLOCKED_BY_CLIENT" not in line] == []  # the browser's own line


async def test_a_script_that_never_comes_delays_nothing(visit: Visit) -> None:
    await visit.page.route("**/v1/pixel.js*", lambda route: None)
    await visit.page.goto(visit.shop.url(does=VIEWS), wait_until="domcontentloaded")
    await _unaffected(visit)
    assert visit.console == []


@pytest.mark.parametrize("status", [403, 429, 503])
async def test_a_collector_that_refuses_is_not_noticed(visit: Visit, status: int) -> None:
    async def refuse(route: Any) -> None:
        await route.fulfill(status=status, body="no")

    await visit.page.route("**/v1/pixel/*", refuse)
    await visit.goes(does=VIEWS)
    await _unaffected(visit)


@pytest.mark.parametrize("without", ["", "navigator.sendBeacon = () => { throw new Error('broken') }"])
async def test_a_collector_that_is_gone_is_not_noticed(visit: Visit, without: str) -> None:
    await visit.page.add_init_script(without)
    await visit.page.route("**/v1/pixel/*", lambda route: route.abort("connectionrefused"))
    await visit.goes(does=VIEWS)
    await _unaffected(visit)
    assert [line for line in visit.console if "ERR_CONNECTION_REFUSED" not in line] == []


async def test_a_page_that_calls_it_wrongly_goes_on(visit: Visit) -> None:
    wrong = "shoprelay.viewed(); shoprelay.added(null); shoprelay.searched(); shoprelay.identify(7);"
    worse = "var me = {}; me.me = me; shoprelay.added(me); shoprelay.viewed({ product_id: 10n });"
    await visit.goes(does=wrong + worse + VIEWS)
    await visit.page.evaluate(f"{wrong} {worse} shoprelay.identify(undefined); shoprelay.searched('mug')")
    await _unaffected(visit)


async def test_a_name_signed_by_the_backend_counts_and_another_does_not(visit: Visit) -> None:
    await visit.goes(does=f"shoprelay.identify({signed('C1', 'ada@mugs.example')});")
    await visit.told.until("identified")
    await visit.page.evaluate("shoprelay.identify({customer_id: 2, colour: 'blue'}); shoprelay.searched('mug')")
    await visit.told.until("searched")
    assert visit.told.bodies[-1]["who"] == {"customer_id": "2"}

    found = {
        body["events"][0]["type"]: headers.get("x-shoprelay-identity")
        for body, headers in zip(visit.told.bodies, visit.told.headers, strict=True)
    }
    assert found["identified"] == b"signed"
    assert found["searched"] is None


async def test_it_works_under_the_content_security_policy_of_the_docs(visit: Visit) -> None:
    await visit.goes(
        csp="default-src 'self'; script-src 'unsafe-inline' {at}; connect-src {at}; img-src data:", does=VIEWS
    )
    await visit.told.until("active", "viewed")
    assert (visit.errors, visit.console) == ([], [])


async def test_twice_on_one_page_is_once(visit: Visit) -> None:
    await visit.goes()
    await visit.page.add_script_tag(url=f"{visit.shop.collector}/v1/pixel.js?shop=mugs&again")
    await visit.page.click("#add")
    await visit.told.until("active", "added")
    assert visit.told.types == ["active", "added"]


async def test_another_shops_page_is_told_nothing_by(chromium: Browser, shop: Shop, told: Told) -> None:
    """Its origin is another, so nothing it posts is taken, though it has the public key."""
    context: BrowserContext = await chromium.new_context(user_agent=CHROME)
    page = await context.new_page()
    async with page.expect_response("**/v1/pixel/mugs") as answer:
        await page.goto(shop.url().replace("127.0.0.1", "localhost"))
    assert (await answer.value).status == 403
    assert told.bodies == []
    await context.close()


async def test_everything_it_tells_is_understood(visit: Visit) -> None:
    """What was stored is what `normalize` takes: nothing the script writes is refused."""
    await visit.goes("/p/1", does=VIEWS + f"shoprelay.identify({signed('C1', 'ada@mugs.example')});")
    await visit.page.click("#add")
    bodies = await visit.told.until("active", "viewed", "identified", "added")
    answers = [SOURCE.normalize({}, body, ShopSettings(shop="mugs"), RECEIVED) for body in bodies]
    assert not [answer for answer in answers if isinstance(answer, Refusal)]
