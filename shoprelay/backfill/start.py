"""From the command line to the files: what is away is said in a sentence, and exits 2."""

from __future__ import annotations

from pathlib import Path

from schemas.registry import RegistryError
from shoprelay.backfill.command import Asked, tell, try_out
from shoprelay.settings import Configuration
from shoprelay.terminal import fail, out
from streams.topics import TopicsUnavailable


def start(configuration: Configuration, files: list[Path], asked: Asked, dry_run: bool) -> int:
    if dry_run:
        return try_out(out, configuration, files, asked)
    try:
        return tell(out, configuration, files, asked)
    except (TopicsUnavailable, RegistryError) as away:
        fail([str(away)])
