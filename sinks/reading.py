"""How a platform is asked: a question becomes calls, one after the other, and their answers a reply. Pure, like a sink.

A platform that can be asked has a `read.py` beside its `sink.py`, with `READS`. Account, address and token are the
sink's. `shoprelay gateway` is the only one that acts on it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from sinks.contract import Answer, Call, Limit
from sinks.questions import Asked, Told

# Sends calls out and is sent each one's answer: any below 500 that is not about token, pace or time.
Asking = Generator[Call, Answer, Told]


class NotThere(Exception):
    """The platform knows nothing of the kind. The message says of what, never which one."""


class Unaskable(Exception):
    """The platform could never answer this question."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field, self.problem, self.remedy = field, problem, remedy


class Declined(Exception):
    """The platform would not answer this one. `code` is its word for why, if it is a word."""

    def __init__(self, code: str | None) -> None:
        super().__init__(code or "")
        self.code = code


class Unreadable(Exception):
    """An answer that is not as documented. The message names the place, never what stood there."""


@dataclass(frozen=True, slots=True)
class Reads:
    """`config` is the model of `[gateway.config]`: what their documents leave open. `questions` says how each kind is
    asked, `limits` how often by endpoint. What holds for all endpoints together, and which answer shuts us out, is the
    sink's to say."""

    config: type[BaseModel]
    questions: Mapping[type[Asked], Callable[[Any, Any], Asking]]
    limits: tuple[Limit, ...] = ()


def load(name: str) -> Reads:
    """`sinks.<name>.read.READS`. Raises `LookupError` when this platform cannot be asked."""
    from importlib import import_module
    from pathlib import Path

    able = sorted(path.parent.name for path in Path(__file__).parent.glob("*/read.py"))
    if name not in able:
        raise LookupError(f"{name} cannot be asked; these can: {', '.join(able) or 'none'}")
    reads: Reads = import_module(f"sinks.{name}.read").READS
    return reads
