"""The shop's backend: after the hour it asks the gateway, with its own key, how orders and customers stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import httpx

from shoprelay.demo.reference import Told
from shoprelay.demo.stage import GATEWAY_KEY


async def asked(client: httpx.AsyncClient, gateway: str, wanted: Iterable[Told]) -> Counter[Told]:
    """What it is told of those orders and customers that it should be told of, in the model's form."""
    key = {"Authorization": f"Bearer {GATEWAY_KEY}"}
    heard: Counter[Told] = Counter()
    for platform, what, name in (told for told in wanted if told[0] == "gateway"):
        if what == "order":
            answer = await client.get(f"{gateway}/v1/orders/{name}", headers=key)
            heard[platform, what, answer.json().get("order_number")] += 1
        else:
            answer = await client.get(f"{gateway}/v1/customers", params={"email": name}, headers=key)
            heard[platform, what, str(answer.json().get("email"))] += 1
    return heard
