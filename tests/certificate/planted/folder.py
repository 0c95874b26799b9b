"""Planted in chapter 1: the folder."""

from __future__ import annotations

from dataclasses import replace

from schemas.signals import Conclusion
from shoprelay.certificate.subject import Subject
from tests.certificate.planted.tools import Ground, in_a_copy, planted, with_sink


@planted("1.1", "calls.py is missing")
def _(subject: Subject, ground: Ground) -> Subject:
    copy = in_a_copy(subject, ground)
    (copy.folder / "calls.py").unlink()
    return copy


@planted("1.2", "another name than the folder's")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_sink(subject, name="acne")


@planted("1.2", "nothing says what is told")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_sink(subject, tells="")


@planted("1.3", "the README has no limits")
def _(subject: Subject, ground: Ground) -> Subject:
    return in_a_copy(subject, ground, {"README.md": ("## Limits\n", "")})


@planted("1.3", "a heading with nothing below it")
def _(subject: Subject, ground: Ground) -> Subject:
    return in_a_copy(subject, ground, {"README.md": ("None.\n", "")})


@planted("1.4", "nobody knows when the documents were read")
def _(subject: Subject, ground: Ground) -> Subject:
    return in_a_copy(subject, ground, {"README.md": (", checked 2026-11-25", "")})


@planted("1.4", "read on a day that is still to come")
def _(subject: Subject, ground: Ground) -> Subject:
    return in_a_copy(subject, ground, {"README.md": ("2026-11-25", "2999-11-25")})


@planted("1.5", "the README forgets abandoned carts")
def _(subject: Subject, ground: Ground) -> Subject:
    return in_a_copy(subject, ground, {"README.md": ("CartAbandoned", "a cart")})


@planted("1.6", "the runner imports it")
def _(subject: Subject, ground: Ground) -> Subject:
    copy = in_a_copy(subject, ground)
    (ground.path / "streams").mkdir()
    (ground.path / "streams" / "special.py").write_text("from sinks.acme.sink import SINK\n")
    return replace(copy, package="sinks.acme")


@planted("1.7", "the table holds what is no signal", also="1.8")
def _(subject: Subject, ground: Ground) -> Subject:
    copy = in_a_copy(subject, ground, {"README.md": ("| Searched |", "| Conclusion, Searched |")})
    return with_sink(copy, calls={**copy.sink.calls, Conclusion: lambda signal, config: ()})


@planted("1.8", "a signal without a case")
def _(subject: Subject, ground: Ground) -> Subject:
    copy = in_a_copy(subject, ground)
    (copy.folder / "cases" / "cart_abandoned--two_mugs.json").unlink()
    (copy.folder / "cases" / "cart_abandoned--switched_off.json").unlink()
    return copy


@planted("1.9", "a case with another signal's name")
def _(subject: Subject, ground: Ground) -> Subject:
    copy = in_a_copy(subject, ground)
    (copy.folder / "cases" / "searched--a_mug.json").rename(copy.folder / "cases" / "sought--a_mug.json")
    return copy


@planted("1.10", "a line of the form is left")
def _(subject: Subject, ground: Ground) -> Subject:
    return in_a_copy(subject, ground, {"README.md": ("None.", "TODO 1: what did you choose?")})
