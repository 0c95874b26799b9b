"""What each platform would be told of a first few facts: the domain's own fold, in memory, and each sink's words."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from schemas.events import CatalogEvent, CatalogPayload, CustomerEvent, ProductUpserted, ShopEvent
from schemas.signals import AnySignal, Signal
from shoprelay.settings import Account
from sinks.contract import Call, CannotSay, Unaddressable
from streams.domain import catalog
from streams.domain.customer import Customer
from streams.domain.fold import deadline_event, fold, next_deadline
from streams.domain.identity import key_of, links_of
from streams.domain.policy import Policy


class Said(NamedTuple):
    """What one account is told of one signal. Without calls, `why` says why there are none."""

    account: str
    signal: AnySignal
    calls: tuple[Call, ...]
    why: str = ""


class Memory:
    """The logs of a few customers and products. At most so many facts are put in as somebody wants to look at."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._customers: dict[str, Customer] = {}
        self._products: dict[str, catalog.ProductState] = {}

    def told(self, event: ShopEvent) -> Iterator[AnySignal]:
        """The signals of one fact, in order; what waits for an order that does not come is said at once."""
        if isinstance(event.payload, CatalogPayload):
            yield from self._product(event)
            return
        at = event.occurred_at
        waiting = deque(
            [CustomerEvent(key=key_of(event.shop, event.customer), at=at, fact=event), *links_of(event, at)]
        )
        while waiting:
            entry = waiting.popleft()
            folded = fold(self._customers.get(entry.key), entry, self._policy)
            self._keep(entry.key, folded.state)
            yield from folded.signals
            waiting.extend(folded.appends)
            if (state := folded.state) is not None and state.early:
                waiting.extend(self._time(state))

    def _time(self, state: Customer) -> Iterable[CustomerEvent]:
        due = next_deadline(state)
        return [deadline_event(state)] if due is not None else []

    def _keep(self, key: str, state: Customer | None) -> None:
        if state is None:
            self._customers.pop(key, None)
        else:
            self._customers[key] = state

    def _product(self, event: ShopEvent) -> Iterator[AnySignal]:
        payload = event.payload
        assert isinstance(payload, CatalogPayload)
        product_id = payload.product.product_id if isinstance(payload, ProductUpserted) else payload.product_id
        entry = CatalogEvent(product_id=product_id, at=event.occurred_at, fact=event)
        state, said = catalog.fold(self._products.get(product_id), entry)
        if state is not None:
            self._products[product_id] = state
        yield from said


def words(signal: AnySignal, accounts: Mapping[str, Account]) -> Iterator[Said]:
    """Of every account that hears this shop."""
    for name, account in sorted(accounts.items()):
        if account.settings.shops and signal.shop not in account.settings.shops:
            continue
        table: Mapping[Any, Any] = account.sink.calls if isinstance(signal, Signal) else account.sink.catalog
        speak = table.get(type(signal.payload))
        if speak is None:
            yield Said(name, signal, (), "is not told of this")
            continue
        try:
            yield Said(name, signal, speak(signal, account.config))
        except Unaddressable:
            yield Said(name, signal, (), "cannot be told: the customer has no address it could use")
        except CannotSay as why:
            yield Said(name, signal, (), f"would park it: {why}")


def personal(signal: AnySignal) -> list[str]:
    """Every text about the person in a signal, the longest first; to be hidden where others look on."""
    found: set[str] = set()
    if isinstance(signal, Signal):
        ref, profile = signal.customer.ref, signal.customer.profile
        found |= {text for text in (ref.email, ref.phone) if text}
        _texts(msgspec.to_builtins(profile), found)
        order = getattr(signal.payload, "order", None)
        for address in (order.billing_address, order.shipping_address) if order else ():
            _texts(msgspec.to_builtins(address), found)
    return sorted((text for text in found if len(text) > 1), key=len, reverse=True)


def _texts(value: Any, found: set[str]) -> None:
    if isinstance(value, str):
        found.add(value)
    elif isinstance(value, dict):
        for each in value.values():
            _texts(each, found)
    elif isinstance(value, list | tuple):
        for each in value:
            _texts(each, found)
