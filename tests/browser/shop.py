"""A small shop: pages on loopback as a shop would write them, with the lines of docs/connect-your-shop.md in them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from aiohttp import web

DOCS = Path(__file__).parents[2] / "docs" / "connect-your-shop.md"
SECRET = b"the-secret-of-names"
PAGE = """<!doctype html><html><head><title>Mugs</title><link rel="icon" href="data:,">
{lines}
</head><body>
<button id="add">Add to cart</button><span id="count">0</span>
<form id="search"><input name="q"><button>Search</button></form>
<a id="away" href="/away">Away</a>
<script>
document.getElementById("add").onclick = function () {{
  shoprelay.added({{ product_id: 1, name: "Blue Mug", quantity: 2, unit_price: 12.5 }}, "EUR");
  document.getElementById("count").textContent++;
}};
document.getElementById("search").onsubmit = function (event) {{
  event.preventDefault();
  shoprelay.searched(this.q.value, 3);
}};
document.getElementById("away").onclick = function () {{
  shoprelay.added({{ product_id: "P9", unit_price: "1.00" }}, "EUR");
}};
{does}
</script></body></html>"""
VIEWS = 'shoprelay.viewed({ product_id: "P1", name: "Blue Mug", unit_price: 12.5 }, "EUR");'


@dataclass
class Shop:
    origin: str = ""
    collector: str = ""

    def url(self, path: str = "/", **wanted: str) -> str:
        """`consent` is what the page says beforehand, `does` what it calls, `collector` where the script should be."""
        return f"{self.origin}{path}?{urlencode(wanted)}"

    async def page(self, request: web.Request) -> web.Response:
        wanted = request.query
        lines = pasted(wanted.get("collector", self.collector), wanted.get("consent", "granted"))
        does = wanted.get("does", "")
        headers = {"Content-Security-Policy": wanted["csp"].format(at=self.collector)} if "csp" in wanted else {}
        text = PAGE.format(lines=lines, does=does)
        return web.Response(text=text, content_type="text/html", headers=headers)


def pasted(collector: str, consent: str) -> str:
    """The two lines of the docs, with this shop's values."""
    found = re.search(r"```html\n(<script>.*?)\n```", DOCS.read_text(), re.DOTALL)
    assert found is not None
    lines = found[1].replace("https://<your host>", collector)
    given = f' data-consent="{consent}"' if consent else ""
    return re.sub(r' data-consent="[^"]*"', "", lines).replace(" data-key=", f"{given} data-key=")


def signed(customer_id: str, email: str) -> str:
    """As the shop's backend writes it into the page: with the lines of the docs."""
    found = re.search(r"```python\n([^`]*MUGS_NAMES[^`]*)```", DOCS.read_text())
    assert found is not None
    code = found[1].replace('os.environ["MUGS_NAMES"]', repr(SECRET.decode()))
    given = {"customer_id": customer_id, "email": email}
    exec(code, made := dict(given))
    return json.dumps(given | {"signature": made["signature"]})


@asynccontextmanager
async def shop_open() -> AsyncIterator[Shop]:
    shop, app = Shop(), web.Application()
    app.add_routes([web.get("/{path:.*}", shop.page)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        shop.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield shop
    finally:
        await runner.cleanup()
