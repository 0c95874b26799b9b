"""Fuzzes one target, guided by which code an input reaches: `python -m tests.fuzz TARGET [options of libFuzzer]`.

What it found interesting stays in `.fuzz/TARGET` and is where the next run begins. An input that fails is written to
`crash-…`; give its name in place of options to run it alone. Without a TARGET, it says which there are.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["schemas", "sources", "streams.domain", "shoprelay.backfill"]):
    from tests.fuzz import changing
    from tests.fuzz.targets import TARGETS


def mutated(data: bytes, most: int, seed: int) -> bytes:
    return changing.changed(data, most, seed, atheris.Mutate)


def main() -> None:
    name, options = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if name not in TARGETS:
        sys.exit(f"which of: {', '.join(TARGETS)}")
    target = TARGETS[name]
    if not any(not option.startswith("-") for option in options):
        options.append(str(Path(".fuzz") / name))
    folder = Path(options[-1])
    if not folder.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for seed in target.seeds():
            (folder / sha256(seed).hexdigest()[:16]).write_bytes(seed)
    for function in target.compiled:
        atheris.instrument_func(function)
    mutator = mutated if target.is_lines else None
    atheris.Setup(
        [f"{sys.argv[0]} {name}", "-max_len=20000", "-timeout=30", *options], target.one, custom_mutator=mutator
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
