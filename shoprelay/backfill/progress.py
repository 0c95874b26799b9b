"""How far a file was told, in `.shoprelay/backfill/`: written only after the broker has everything before that place.

The name follows from what is told to whom: shop, format, cluster and topics, and the file as it lies there (size, time
of its last change, its beginning). A file that was changed is another one and is told from its beginning, which repeats
facts under the same ids.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

import msgspec

from shoprelay.backfill.reading import Spot
from shoprelay.backfill.report import Report
from shoprelay.backfill.tally import Tally

FOLDER = Path(".shoprelay/backfill")
LOOKED_AT = 1 << 16  # bytes


class Saved(msgspec.Struct):
    """`reported` is how many bytes of the report belong to what lies before `spot`."""

    file: str
    shop: str
    format: str
    spot: Spot
    tally: Tally
    reported: int
    finished: bool
    saved_at: datetime


_decoder = msgspec.json.Decoder(Saved)


@dataclass(frozen=True, slots=True)
class ProgressFile:
    path: Path

    @classmethod
    def of(cls, file: Path, told: Iterable[str], folder: Path = FOLDER) -> ProgressFile:
        """`told` is all that makes the same file another history: shop, format, cluster, what the options say."""
        looks = file.stat()
        with file.open("rb") as opened:
            beginning = opened.read(LOOKED_AT)
        named = "\x1f".join((*told, str(looks.st_size), str(looks.st_mtime_ns))).encode()
        return cls(folder / f"{blake2b(named + beginning, digest_size=10).hexdigest()}.json")

    def report(self) -> Report:
        return Report(self.path.with_suffix(".refused.csv"))

    def load(self) -> Saved | None:
        """`None` where nothing was told yet, or what is there cannot be read: then all is told again, harmlessly."""
        try:
            return _decoder.decode(self.path.read_bytes())
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def save(self, saved: Saved) -> None:
        """Whole or not at all, whenever the power goes."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        with beside.open("wb") as file:
            file.write(msgspec.json.encode(saved))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
