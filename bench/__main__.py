"""`python -m bench` runs what needs nothing but a Kafka; `python -m bench NAME …` runs one; each appends its result."""

from __future__ import annotations

import sys
from importlib import import_module

BENCHES = {
    "deadlines": "many carts abandoned in the same second, through the real worker",
    "latency": "from an event to its call at the platform, at 200 events a second",
    "delivery": "calls without Kafka: CPU per call beside bare aiohttp and httpx",
    "collect": "signed posts of shops to acked append, beside a bare aiohttp handler",
    "keys": "one partition, few or many customers: how much goes on at once",
    "obedience": "how closely a platform's limits are kept",
    "backfill": "history from files: lines a second, and memory at a million lines",
    "gateway": "a shop's questions through the gateway: how long, and what the platform notices",
    "normalize": "documents of shops to events, by source, beside reading their JSON",
    "fold": "the real fold: CPU per event beside the bare thinking and stock Faust",
}


def main() -> None:
    name, *arguments = sys.argv[1:] or ("all",)
    if name in BENCHES:
        import_module(f"bench.{name}").main(arguments)
    elif name == "all":
        for each in BENCHES:
            import_module(f"bench.{each}").main([])
    else:
        for each, says in BENCHES.items():
            sys.stdout.write(f"python -m bench {each:<10} {says}\n")


if __name__ == "__main__":
    main()
