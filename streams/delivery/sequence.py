"""What is parked of one shard, and who waits behind whom. Pure."""

from __future__ import annotations

from typing import NamedTuple

from schemas.records import Parked


class Waiting(NamedTuple):
    """One parked call. `value` is its record, kept only where somebody waits for somebody."""

    customer: bytes
    topic: str
    offset: int
    opens: str | None
    behind: str | None
    value: bytes | None


class Sequenced:
    def __init__(self) -> None:
        self._parked: dict[str, Waiting] = {}
        self._of: dict[bytes, dict[str, Waiting]] = {}  # the same by customer

    def __len__(self) -> int:
        return len(self._parked)

    def __contains__(self, parked_id: str) -> bool:
        return parked_id in self._parked

    def add(self, parked: Parked, value: bytes) -> None:
        waiting = Waiting(
            parked.customer_key.encode(), parked.topic, parked.offset, parked.opens, parked.behind,
            value if parked.behind or parked.opens else None,
        )  # fmt: skip
        self._parked[parked.parked_id] = waiting
        self._of.setdefault(waiting.customer, {})[parked.parked_id] = waiting

    def gone(self, parked_id: str) -> None:
        if (waiting := self._parked.pop(parked_id, None)) is None:
            return
        others = self._of[waiting.customer]
        del others[parked_id]
        if not others:
            del self._of[waiting.customer]

    def blocks(self, customer: bytes, needs: str) -> bool:
        """Whether what a call needs is only known to the platform once a parked call has passed."""
        return bool(self.openers(customer, needs))

    def opens(self, parked_id: str) -> str | None:
        """What this one would make known, as it is parked now."""
        waiting = self._parked.get(parked_id)
        return waiting.opens if waiting else None

    def openers(self, customer: bytes, name: str) -> list[tuple[str, Waiting]]:
        """Who of the parked would make this known."""
        return [(parked_id, w) for parked_id, w in self._of.get(customer, {}).items() if w.opens == name]

    def behind(self, customer: bytes, name: str) -> list[tuple[str, Waiting]]:
        """Who waits for this to be known, in the order of the log."""
        waiting = [(parked_id, w) for parked_id, w in self._of.get(customer, {}).items() if w.behind == name]
        return sorted(waiting, key=lambda each: (each[1].topic, each[1].offset))
