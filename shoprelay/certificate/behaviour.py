"""A behaviour: one numbered sentence of `docs/specs/sink.md`, and the function that looks whether a sink keeps it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from shoprelay.certificate.subject import Subject
from shoprelay.certificate.virtual import in_virtual_time


class Broken(Exception):
    """The sink does not keep it. The message names the place, what was found, and what to do."""


class NotApplicable(Exception):
    """The sink declares nothing that this could be asked of; the message says what it does not declare."""


class Unfilled(Exception):
    """The form is still empty here. Each of `todo` is a step of `docs/add-a-sink.md` and what is to be filled in it."""

    def __init__(self, *todo: tuple[int, str]) -> None:
        super().__init__("; ".join(what for _, what in todo))
        self.todo = todo


Check = Callable[[Subject], None]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`check` returns when the sink keeps it, and raises `Broken`, `NotApplicable` or `Unfilled` otherwise."""

    number: str
    title: str
    sentence: str
    check: Check

    @property
    def place(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.number.split("."))


def behaviour(number: str, title: str) -> Callable[[Callable[[Subject], Any]], Behaviour]:
    """The check's docstring is the sentence of the page. An async check runs in virtual time: it never waits, and never
    touches the network."""

    def made(check: Callable[[Subject], Any]) -> Behaviour:
        sentence = " ".join((check.__doc__ or "").split())
        return Behaviour(number, title, sentence, _timeless(check) if inspect.iscoroutinefunction(check) else check)

    return made


def _timeless(story: Callable[[Subject], Awaitable[None]]) -> Check:
    def check(subject: Subject) -> None:
        in_virtual_time(story(subject))

    return check


def missing(subject: Subject, step: int, what: str) -> Exception:
    """To be raised: in an empty form it is still to be filled, as soon as the table has a line it is a fault."""
    return Unfilled((step, what)) if subject.is_empty_form else Broken(f"{what} (step {step} of docs/add-a-sink.md)")


def needs_a_table(subject: Subject) -> None:
    """For behaviours of what is told, which an empty form cannot show."""
    if subject.is_empty_form:
        raise Unfilled((5, "sink.py: the table `calls` has no line yet"))


def expect(kept: bool, found: str) -> None:
    if not kept:
        raise Broken(found)
