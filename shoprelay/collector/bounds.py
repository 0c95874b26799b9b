"""How much a shop may post: how deep a document may be, and how many deliveries a second."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

SHOPS_KEPT = 10_000


def is_too_deep(body: bytes, document: object, most: int) -> bool:
    """Whether objects and lists stand in one another more than `most` times. Cost is that of the document's size."""
    if body.count(b"{") + body.count(b"[") <= most:  # nearly all: they cannot be deeper than there are of them
        return False
    level = [document]
    for _ in range(most + 1):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True


@dataclass(slots=True)
class Rates:
    """A bucket per shop: `burst` at once, `per_second` in the long run. `now` is monotonic seconds."""

    per_second: float
    burst: float
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def takes(self, shop: str, now: float) -> bool:
        left, since = self._left.pop(shop, (self.burst, now))
        left = min(self.burst, left + (now - since) * self.per_second)
        taken = left >= 1
        self._left[shop] = (left - 1 if taken else left, now)
        if len(self._left) > SHOPS_KEPT:
            self._left.popitem(last=False)
        return taken
