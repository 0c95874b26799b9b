"""Chapter 2: the settings. One model, one example that shows all of it, and secrets that nobody sees."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from shoprelay.certificate.behaviour import Broken, behaviour, expect
from shoprelay.certificate.subject import BASE, Subject


@behaviour("2.1", "settings are strict and stay")
def strict_and_stay(subject: Subject) -> None:
    """A setting that is not known MUST be refused, and a known one MUST NOT change once it is read (`extra="forbid"`,
    `frozen=True`)."""
    for given in (subject.example_config, subject.config):
        try:
            given(colour_of_the_moon="blue")
        except ValidationError:
            continue
        raise Broken('config.py: an unknown setting is taken; set extra="forbid"')
    config = subject.config()
    for field in subject.sink.config.model_fields:
        try:
            setattr(config, field, getattr(config, field))
        except ValidationError:
            continue
        raise Broken(f"config.py: {field} can be changed after it was read; set frozen=True")


@behaviour("2.2", "every setting says what it is for")
def says_what_it_is_for(subject: Subject) -> None:
    """Every setting MUST have a description: it is the operator's documentation."""
    mute = [field for field, about in subject.sink.config.model_fields.items() if not about.description]
    expect(not mute, f"config.py: {', '.join(mute)} has no description")


@behaviour("2.3", "the example is complete")
def example_is_complete(subject: Subject) -> None:
    """`example.toml` MUST set every setting, and no other, in the form of `shoprelay.toml`."""
    fields, shown = set(subject.sink.config.model_fields), set(subject.example)
    expect(bool(shown), f"example.toml: the table [sinks.{subject.name}.config] is missing or empty")
    expect(fields <= shown, f"example.toml: {', '.join(sorted(fields - shown))} is not shown")
    expect(shown <= fields, f"example.toml: {', '.join(sorted(shown - fields))} is no setting")


@behaviour("2.4", "the example shows the defaults")
def example_shows_the_defaults(subject: Subject) -> None:
    """What `example.toml` shows for a setting that may be left out MUST be its default."""
    for field, about in subject.sink.config.model_fields.items():
        if about.is_required() or field not in subject.example or field in subject.secret_fields:
            continue
        default, shown = about.get_default(call_default_factory=True), subject.example[field]
        expect(shown == default, f"example.toml: {field} is {shown!r}; its default is {default!r}")


@behaviour("2.5", "secrets are references")
def secrets_are_references(subject: Subject) -> None:
    """A secret MUST be a `SecretStr`, and MUST stand in `example.toml` as `env:NAME` or `file:PATH`, never itself."""
    expect(bool(subject.secret_fields), "config.py: no setting is a SecretStr; every platform has a secret")
    for field in subject.secret_fields:
        shown = str(subject.example.get(field, "env:"))
        expect(shown.startswith(("env:", "file:")), f"example.toml: {field} must be env:NAME or file:PATH")
    for field in subject.stand_in().settings(BASE):
        if subject.stand_in().settings(BASE)[field] in subject.stand_in().secrets:
            known = field in subject.secret_fields
            expect(known, f"config.py: {field} is a secret to the stand-in, and no SecretStr")


@behaviour("2.6", "no refusal shows a secret")
def no_refusal_shows_a_secret(subject: Subject) -> None:
    """What is said about wrong settings MUST NOT hold a secret (`hide_input_in_errors=True`)."""
    marked: dict[str, Any] = {field: f"{secret} shown-secret" for field, secret in subject.secrets.items()}
    for wrong in (marked, {**marked, "colour_of_the_moon": "blue"}, {field: [marked[field]] for field in marked}):
        try:
            subject.config(**wrong)
        except ValidationError as refused:
            for secret in subject.secrets.values():
                expect(
                    "shown-secret" not in str(refused) and secret not in str(refused),
                    "config.py: a refusal repeats the secret; set hide_input_in_errors=True",
                )


@behaviour("2.7", "settings print without secrets")
def settings_print_without_secrets(subject: Subject) -> None:
    """A printed form of the settings or of the sink MUST NOT hold a secret; it MUST leave in the address or in the
    headers alone."""
    config = subject.config()
    printed = repr(config) + str(config) + config.model_dump_json() + repr(subject.sink)
    sink = subject.sink
    leaving = sink.base_url(config) + repr(dict(sink.headers(config)))
    if sink.token is not None:
        ask = sink.token.ask(config)
        leaving += ask.path + repr(ask.headers) + ask.body.decode(errors="replace")
    for field, secret in subject.secrets.items():
        expect(secret not in printed, f"config.py: {field} shows when the settings are printed; make it a SecretStr")
    used = [secret for secret in subject.secrets.values() if secret in leaving]
    expect(bool(used), "sink.py: no secret is in base_url, headers or token: how do they know us?")


@behaviour("2.8", "the stand-in can be reached")
def stand_in_can_be_reached(subject: Subject) -> None:
    """The stand-in's own settings MUST be settings of the sink, and MUST lead to the stand-in."""
    base = "http://127.0.0.1:8099"
    try:
        config = subject.config(base)
    except ValidationError as refused:
        problem = refused.errors(include_input=False, include_url=False)[0]
        raise Broken(f"fake.py: settings() gives {problem['loc']}: {problem['msg']}") from None
    url = subject.sink.base_url(config)
    expect(url.startswith(base), "fake.py: settings(base) does not lead to `base`; a setting must say where they are")
