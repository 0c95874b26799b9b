"""Policies follow the settings file without a restart; a file that has become wrong changes nothing."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shoprelay.policies import Policies, policy_of
from shoprelay.sections import Settings, Shop
from shoprelay.settings import Configuration, load

HOURLY = '[shops.default]\nstages = ["1h"]\n'
DAILY = '[shops.default]\nstages = ["24h"]\n[shops.mugs]\nstages = ["2h"]\ngrace = "1m"\n'
WRONG = '[shops.default]\nstages = ["one hour"]\n'


class File:
    """A settings file that is written now and then, and a clock that is moved."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.at, self.stamp = path, 0, 1
        self.write(text)
        self.policies = Policies(load(path, {}), path, lambda: self.at)

    def write(self, text: str) -> None:
        self.path.write_text(text)
        self.stamp += 1
        os.utime(self.path, ns=(self.stamp, self.stamp))

    def stages_at(self, milliseconds: int, shop: str = "mugs") -> list[timedelta]:
        self.at = milliseconds
        return list(self.policies(shop).stages)


@pytest.fixture
def file(alone: Path) -> File:
    return File(alone / "shoprelay.toml", HOURLY)


ONE, TWO, DAY = ([timedelta(hours=hours)] for hours in (1, 2, 24))


def test_a_change_is_in_force_a_second_later_without_a_restart(file: File) -> None:
    file.write(DAILY)

    assert file.stages_at(999) == ONE
    assert file.stages_at(1_000) == TWO
    assert file.policies("mugs").grace_ms == 60_000


def test_a_shop_that_is_not_named_has_the_defaults(file: File) -> None:
    file.write(DAILY)

    assert file.stages_at(1_000, "teapots") == DAY


def test_a_file_that_has_become_wrong_is_said_once_and_changes_nothing(file: File) -> None:
    file.write(WRONG)
    with capture_logs() as told:
        assert [file.stages_at(second * 1_000) for second in range(1, 5)] == [ONE] * 4

    (line,) = told
    assert line["log_level"] == "error" and "shops.default.stages.0" in line["problems"][0]


def test_a_wrong_file_that_was_put_right_counts_again(file: File) -> None:
    file.write(WRONG)
    file.stages_at(1_000)
    file.write(DAILY)

    assert file.stages_at(2_000) == TWO


def test_a_file_that_is_gone_changes_nothing(file: File) -> None:
    file.path.unlink()

    assert file.stages_at(1_000) == ONE


def test_the_file_is_looked_at_once_a_second_at_most(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(Policies, "_modified", lambda self: looks.append(file.at))
    for now in range(0, 5_000, 10):
        file.stages_at(now)

    assert looks == [1_000, 2_000, 3_000, 4_000]


def test_settings_without_a_file_are_never_looked_at() -> None:
    policies = Policies(Configuration(Settings(), {}), None, lambda: 10**9)

    assert policies("mugs") == policy_of(Shop())


def test_every_setting_of_a_shop_reaches_its_policy() -> None:
    policy = policy_of(
        Shop(
            stages=(timedelta(hours=1),), grace=timedelta(seconds=7), expires_after=timedelta(hours=2),
            purchase_statuses=("PAID", "completed"), forget_after=timedelta(days=30),
        )
    )  # fmt: skip

    assert (policy.stages, policy.grace_ms, policy.expires_after) == ((timedelta(hours=1),), 7_000, timedelta(hours=2))
    assert policy.ttl == timedelta(days=30)
    assert policy.is_purchase("Paid") and not policy.is_purchase("processing")


def test_no_purchase_statuses_means_all_but_attempts() -> None:
    policy = policy_of(Shop())

    assert policy.is_purchase("processing") and not policy.is_purchase("failed")
