"""Laws are judged by what they find, not by how busy the machine is. `SHOPRELAY_LAW_EXAMPLES` searches longer."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "laws",
    max_examples=int(os.environ.get("SHOPRELAY_LAW_EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("laws")
