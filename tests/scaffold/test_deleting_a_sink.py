"""Deleting a platform's folder removes the platform, and leaves everything else green: tried in a copy.

README's table of platforms is written anew. Two places name platforms on purpose and are told apart here: an
installation with accounts of both (`deploy/compose`), and the demo, whose tests go with the folder. JUNE is the one
deleted: Klaviyo is what the tests of settings are written with.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LEFT_BEHIND = ("__pycache__", ".*_cache", ".venv", ".git", ".lane", ".hypothesis", ".shoprelay")
FAST = "not system and not slow and not kafka and not real and not browser"
INSTALLATION = "tests/broker/test_deploy.py::test_the_settings_of_the_compose_file_are_valid_and_name_its_sinks"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Without JUNE."""
    shutil.copytree(HOUSE, tmp_path / "house", ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    shutil.rmtree(tmp_path / "house" / "sinks" / "june")
    return tmp_path / "house"


def run(house: Path, *command: str | Path, minutes: float = 1) -> str:
    told = subprocess.run(
        command, cwd=house, env={**os.environ, "PYTHONPATH": str(house), "SHOPRELAY_REQUIRE_ALL": "0"},
        capture_output=True, text=True, timeout=minutes * 60, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]
    return told.stdout


@pytest.mark.slow
def test_the_others_are_certified_and_no_import_is_missing(house: Path) -> None:
    said = run(house, sys.executable, "-m", "shoprelay.cli", "certify")

    assert "klaviyo is certified" in said
    assert "june" not in said
    run(house, BIN / "lint-imports")


@pytest.mark.slow
def test_every_fast_test_that_is_left_is_green(house: Path) -> None:
    run(house, sys.executable, "-m", "shoprelay.cli", "platforms", "--write", "README.md")
    run(
        house, sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "-m", FAST,
        "--deselect", INSTALLATION, "--ignore", "tests/scaffold/test_deleting_a_sink.py", minutes=8,
    )  # fmt: skip
