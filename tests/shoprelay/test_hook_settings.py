"""Webhooks in the settings: all that is wrong is told at once, no secret stands there, a change needs no restart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shoprelay.filed import Misconfigured
from shoprelay.hooks import LOOK_EVERY_MS, Doors
from shoprelay.settings import load

GOOD = """
[shops.mugs.hooks.shopify]
secrets = ["env:OLD", "file:{file}"]
currency = "EUR"
statuses = {{ Paid = "processing" }}
[shops.mugs.hooks.generic]
secrets = ["env:OLD"]
[collect]
port = 0
ack_within = "2s"
"""


def written(tmp_path: Path, text: str = GOOD) -> Path:
    (tmp_path / "secret").write_text("the-second-secret\n")
    path = tmp_path / "shoprelay.toml"
    path.write_text(text.format(file=tmp_path / "secret"))
    return path


def test_a_shop_has_a_door_for_each_system_it_names(tmp_path: Path) -> None:
    doors = Doors(load(written(tmp_path), {"OLD": "the-first-secret"}), lambda: 0)

    door = doors("mugs", "shopify")
    assert door is not None
    assert (door.source.name, door.shop.shop, door.shop.currency) == ("shopify", "mugs", "EUR")
    assert door.secrets == (b"the-first-secret", b"the-second-secret")
    assert door.shop.status("PAID") == "processing"
    assert door.shop.status("voided") == "voided"
    assert (doors("mugs", "woocommerce"), doors("plates", "shopify"), len(doors)) == (None, None, 2)


def test_a_secret_never_shows(tmp_path: Path) -> None:
    configuration = load(written(tmp_path), {"OLD": "the-first-secret"})
    shown = repr(configuration) + repr(Doors(configuration, lambda: 0)("mugs", "shopify"))

    assert "the-first-secret" not in shown
    assert "the-second-secret" not in shown


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    text = """
    [collect]
    max_body = 9000000
    ack_within = "30s"
    colour = "blue"
    [shops.default.hooks.shopify]
    secrets = ["env:OLD"]
    """
    more = """
    [shops.mugs.hooks.lightspeed]
    secrets = ["env:OLD"]
    [shops.plates.hooks.shopify]
    secrets = ["in-plain-text", "env:NOT_THERE", "env:OLD"]
    currency = "euro"
    [shops.bowls.hooks.generic]
    secrets = []
    [shops.cups.hooks.generic]
    secrets = ["env:SHORT"]
    """
    with pytest.raises(Misconfigured) as wrong:
        load(written(tmp_path, text + more), {"OLD": "the-first-secret", "SHORT": "1234"})
    told = "\n".join(wrong.value.problems)

    for expected in (
        "collect.max_body: ", "collect.ack_within: ", "collect.colour: no such setting",
        "shops.mugs.hooks: there is no system 'lightspeed'; there are: ",
        "shops.plates.hooks.shopify.secrets.0: a secret in plain text; write env:NAME or file:PATH instead",
        "shops.plates.hooks.shopify.secrets.1: environment variable NOT_THERE is not set",
        "shops.plates.hooks.shopify.secrets: ", "shops.plates.hooks.shopify.currency: ",
        "shops.bowls.hooks.generic.secrets: ", "shops.cups.hooks.generic.secrets: a secret has fewer than 8 characters",
    ):  # fmt: skip
        assert expected in told, told
    assert "in-plain-text" not in told


def test_hooks_are_of_one_shop(tmp_path: Path) -> None:
    text = '[shops.default.hooks.shopify]\nsecrets = ["env:OLD"]\n'
    with pytest.raises(Misconfigured, match=r"write \[shops.NAME.hooks.SYSTEM\]"):
        load(written(tmp_path, text), {"OLD": "the-first-secret"})


def test_an_exchanged_secret_is_taken_from_the_touched_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLD", "the-first-secret")
    path, clock = written(tmp_path), [0]
    doors = Doors(load(path, os.environ), lambda: clock[0])
    (tmp_path / "secret").write_text("the-third-secret")
    os.utime(path, ns=(1, 1))

    before = doors("mugs", "shopify")
    clock[0] += LOOK_EVERY_MS
    after = doors("mugs", "shopify")
    assert before is not None
    assert after is not None
    assert (before.secrets[1], after.secrets[1]) == (b"the-second-secret", b"the-third-secret")


def test_settings_that_have_become_wrong_close_no_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLD", "the-first-secret")
    path, clock = written(tmp_path), [0]
    doors = Doors(load(path, os.environ), lambda: clock[0])
    path.write_text("[shops.mugs.hooks.nobody]\n")
    os.utime(path, ns=(1, 1))
    clock[0] += LOOK_EVERY_MS

    assert doors("mugs", "shopify") is not None
