"""The pixel in the settings: one per shop, origins as browsers say them, and no secret in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoprelay.filed import Misconfigured
from shoprelay.hooks import Doors
from shoprelay.settings import load

GOOD = """
[shops.mugs.pixel]
write_key = "mugs-public"
origins = ["https://mugs.example", "https://www.mugs.example:8443", "http://localhost:3000"]
secrets = ["env:NAMES"]
currency = "EUR"
[collect.pixel]
per_address = 2
proxies = 1
"""
ENVIRONMENT = {"NAMES": "sixteen-characters", "SHORT": "fifteen-charact"}


def written(folder: Path, text: str) -> Path:
    path = folder / "shoprelay.toml"
    path.write_text(text)
    return path


def test_a_shops_pixel_is_a_door_of_its_own(tmp_path: Path) -> None:
    configuration = load(written(tmp_path, GOOD), ENVIRONMENT)
    doors = Doors(configuration, lambda: 0)
    door = doors("mugs", "pixel")

    assert door is not None and door.pixel is not None
    assert (door.source.name, door.shop.currency, door.pixel.write_key) == ("pixel", "EUR", "mugs-public")
    assert door.secrets == (b"sixteen-characters",)
    assert doors("plates", "pixel") is None
    assert "sixteen-characters" not in repr(configuration) + repr(door)


WRONG = {
    'write_key = "short"\norigins = ["https://mugs.example"]': "shops.mugs.pixel.write_key: ",
    'write_key = "mugs-public"\norigins = []': "shops.mugs.pixel.origins: ",
    'write_key = "mugs-public"\norigins = ["https://mugs.example/"]': "without a path",
    'write_key = "mugs-public"\norigins = ["http://mugs.example"]': "write an origin as browsers do",
    'write_key = "mugs-public"\norigins = ["*"]': "write an origin as browsers do",
    'write_key = "mugs-public"\norigins = ["https://Mugs.example"]': "in lower case",
    'write_key = "mugs-public"\norigins = ["https://a.example"]\nsecrets = ["plain-text-of-it"]': "in plain text",
    'write_key = "mugs-public"\norigins = ["https://a.example"]\nsecrets = ["env:SHORT"]': "fewer than 16 characters",
}  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), WRONG.items(), ids=WRONG.values())
def test_what_is_wrong_is_told(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(Misconfigured) as wrong:
        load(written(tmp_path, f"[shops.mugs.pixel]\n{text}\n"), ENVIRONMENT)
    assert problem in "\n".join(wrong.value.problems)


def test_it_is_of_one_shop_and_no_webhook(tmp_path: Path) -> None:
    of_all = GOOD.replace("shops.mugs", "shops.default")
    with pytest.raises(Misconfigured, match=r"write \[shops.NAME.pixel\]"):
        load(written(tmp_path, of_all), ENVIRONMENT)
    with pytest.raises(Misconfigured, match="there is no system 'pixel'"):
        load(written(tmp_path, '[shops.mugs.hooks.pixel]\nsecrets = ["env:NAMES"]\n'), ENVIRONMENT)
