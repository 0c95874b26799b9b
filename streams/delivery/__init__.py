"""Delivery: carries signals to one platform, in order per customer, without loss, and without a late reminder.

`run` is the process behind `shoprelay sink NAME`. The pure parts decide (`lanes`, `line`, `turns`, `gate`, `attempt`,
`pace`, `hold`, `lastlook`, `sequence`, `memory`); `crew`, `courier` (one call) and `carrier` (many in one request) act,
`guard` parks and holds; `feed`, `kafka`, `shelf`, `http` and `token` are the hands. What outlives every process is
`remembered`, in what is `kept`: the `registration`, `exact` bytes, and how far `mass` has told `history`.
"""

from streams.delivery.health import Health
from streams.delivery.runner import run
from streams.delivery.settings import Backoff, BrakeLimits, DeliverySettings, GiveUp

__all__ = ["Backoff", "BrakeLimits", "DeliverySettings", "GiveUp", "Health", "run"]
