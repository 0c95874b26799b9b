"""Every sink there is, with its example's settings and its cases, as the tests of single platforms want them."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from schemas.signals import Signal
from shoprelay.certificate.subject import Case, Subject, body, load, names
from sinks.contract import Call

__all__ = ["NAMES", "SECRET", "Case", "body", "cases", "config", "fake", "said"]

NAMES = names()
SECRET = "pk_the-secret-of-the-example"
_SUBJECTS: dict[str, Subject] = {name: load(name) for name in NAMES}


def config(name: str, **changes: Any) -> BaseModel:
    """The settings of `example.toml`, with a secret in the place of each reference to one."""
    subject = _SUBJECTS[name]
    return subject.example_config(**{**dict.fromkeys(subject.secret_fields, SECRET), **changes})


def fake(name: str) -> ModuleType:
    return import_module(f"sinks.{name}.fake")


def cases(name: str) -> list[Case]:
    return _SUBJECTS[name].cases


def said(signal: Signal, settings: BaseModel, name: str) -> tuple[Call, ...]:
    return _SUBJECTS[name].said(signal, settings)
