"""Delivery: carries signals to one platform, in order per customer, without loss, and without a late reminder.

`run` is the process behind `shoprelay sink NAME`. The pure parts (`lanes`, `turns`, `gate`, `attempt`, `pace`, `hold`,
`lastlook`) decide; `crew` and `courier` act; `feed`, `http` and `park` are the hands.
"""

from streams.delivery.health import Health
from streams.delivery.runner import run
from streams.delivery.settings import Backoff, BrakeLimits, DeliverySettings, GiveUp

__all__ = ["Backoff", "BrakeLimits", "DeliverySettings", "GiveUp", "Health", "run"]
