"""Planted in chapter 2: the settings."""

from __future__ import annotations

from pydantic import ConfigDict

from shoprelay.certificate.subject import Subject
from tests.certificate.acme.config import AcmeConfig
from tests.certificate.acme.fake import SECRET
from tests.certificate.planted.tools import Ground, in_a_copy, planted, with_sink, with_stand_in


@planted("2.1", "an unknown setting is taken")
def _(subject: Subject, ground: Ground) -> Subject:
    class Loose(AcmeConfig):
        model_config = ConfigDict(extra="ignore")

    return with_sink(subject, config=Loose)


@planted("2.1", "a setting changes while it runs")
def _(subject: Subject, ground: Ground) -> Subject:
    class Soft(AcmeConfig):
        model_config = ConfigDict(frozen=False)

    return with_sink(subject, config=Soft)


@planted("2.2", "a setting says nothing about itself")
def _(subject: Subject, ground: Ground) -> Subject:
    class Mute(AcmeConfig):
        base_url: str = "https://api.acme.example"

    return with_sink(subject, config=Mute)


@planted("2.3", "the example leaves a setting out")
def _(subject: Subject, ground: Ground) -> Subject:
    return in_a_copy(subject, ground, {"example.toml": ("reminders = true\n", "")})


@planted("2.4", "the example shows another default")
def _(subject: Subject, ground: Ground) -> Subject:
    return in_a_copy(subject, ground, {"example.toml": ("https://api.acme.example", "https://acme.example")})


@planted("2.5", "the example holds a secret")
def _(subject: Subject, ground: Ground) -> Subject:
    return in_a_copy(subject, ground, {"example.toml": ("env:ACME_CLIENT_SECRET", "s3cret-s3cret")})


@planted("2.6", "a refusal repeats what was given")
def _(subject: Subject, ground: Ground) -> Subject:
    class Chatty(AcmeConfig):
        model_config = ConfigDict(hide_input_in_errors=False)

    return with_sink(subject, config=Chatty)


@planted("2.7", "the settings print their secret")
def _(subject: Subject, ground: Ground) -> Subject:
    class Loud(AcmeConfig):
        def __str__(self) -> str:
            return self.client_secret.get_secret_value()

    return with_sink(subject, config=Loud)


@planted("2.8", "the stand-in's settings lead elsewhere", also="6.9 6.10")
def _(subject: Subject, ground: Ground) -> Subject:
    elsewhere = {"base_url": "http://127.0.0.1:1", "client_secret": SECRET}
    return with_stand_in(subject, settings=lambda settings: lambda base: elsewhere)
