"""The rules of `tests/conftest.py`, tried on a small suite in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # a process of pytest for each

SUITE = """
import pytest
def test_plain(): pass
@pytest.mark.kafka
def test_on_kafka(test_kafka): assert test_kafka == "host:1"
@pytest.mark.embedded
def test_on_embedded(): pass
@pytest.mark.real
def test_on_data(real_data): assert real_data.is_dir()
"""
SETTINGS = "[pytest]\nmarkers =\n    kafka: needs Kafka\n    real: needs data\n"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    shutil.copy(Path(__file__).parents[1] / "conftest.py", tmp_path)
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    return tmp_path


def run(suite: Path, **environment: str) -> tuple[int, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SHOPRELAY_")}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-ra", "."]
    done = subprocess.run(command, cwd=suite, env=inherited | environment, capture_output=True, text=True)
    return done.returncode, done.stdout


def test_without_anything_kafka_is_deselected_and_data_skipped_by_name(suite: Path) -> None:
    code, said = run(suite)
    assert code == 0
    assert "2 passed, 1 skipped, 1 deselected" in said
    assert "SHOPRELAY_REAL_DATA is not set" in said


@pytest.mark.parametrize("needing", ["from sinks.gone.fake import GoneStandIn", 'SINK = load("gone")'])
def test_the_tests_of_a_platform_go_with_its_folder(suite: Path, needing: str) -> None:
    (suite / "test_gone.py").write_text(f"{needing}\ndef test_it(): pass\n")

    code, said = run(suite)

    assert code == 0, said
    assert "2 passed" in said


def test_with_everything_all_run_but_those_of_the_embedded_broker(suite: Path) -> None:
    code, said = run(suite, SHOPRELAY_TEST_KAFKA="host:1", SHOPRELAY_REAL_DATA=str(suite), SHOPRELAY_REQUIRE_ALL="1")
    assert code == 0, said
    assert "3 passed, 1 deselected" in said


def test_a_skip_fails_where_everything_is_required(suite: Path) -> None:
    code, said = run(suite, SHOPRELAY_REQUIRE_ALL="1")
    assert code == 1
    assert "test_suite.py::test_on_data" in said.split("REQUIRE_ALL=1 forbids")[1]
