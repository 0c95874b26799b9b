"""A shop's own delivery as lines of the listener: what its source makes of it, as the worker does. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from shoprelay.listen import heard
from shoprelay.listen.heard import Heard
from sources.webhooks.contract import Headers, ShopSettings, Source
from sources.webhooks.document import NotJson, decoded

WHOSE, WHICH = "x-shoprelay-shop", "x-shoprelay-system"  # the collector's words on each delivery
Hooks = Callable[[str, str], tuple[Source, ShopSettings] | None]


def headers_of(pairs: Iterable[tuple[str, bytes | None]]) -> Headers:
    """Of a name that came twice the last counts: ours are appended last."""
    return {name: (value or b"").decode("utf-8", "replace") for name, value in pairs}


def delivered(at: datetime, headers: Headers, body: bytes, hooks: Hooks) -> tuple[Heard, ...]:
    """One line for each event in it. What is not understood is one line here, and why it was not follows as refused."""
    shop, system = headers.get(WHOSE, ""), headers.get(WHICH, "")
    hook = hooks(shop, system)
    if hook is None:
        return (_alone(at, shop, system, "is none of our settings"),)
    source, settings = hook
    try:
        told: Any = source.normalize(headers, decoded(body), settings, at)
    except NotJson:
        return (_alone(at, shop, system, "is no JSON"),)
    except Exception as defect:  # a source must not raise; if one does, the others' deliveries are still heard
        return (_alone(at, shop, system, f"brought its source down ({type(defect).__name__})"),)
    if not isinstance(told, tuple):
        return (_alone(at, shop, system, "is not understood"),)
    if not told:
        return (_alone(at, shop, system, "says no event", bad=False),)
    lines = (heard.event(at, event) for event in told)
    return tuple(replace(line, notes=(f"by {system}", *line.notes)) for line in lines)


def _alone(at: datetime, shop: str, system: str, what: str, bad: bool = True) -> Heard:
    return Heard(at, "events", shop, "webhook", notes=(f"a delivery of {system or 'nobody'} {what}",), bad=bad)
