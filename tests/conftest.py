"""Which tests belong to this run: those for the other kind of broker are left out, and in CI nothing may be skipped.

SHOPRELAY_TEST_KAFKA    host:port of a real Kafka; without it tests marked `kafka` are deselected, with it those marked
                        `embedded`, which need faults that only the embedded broker can be told to have
SHOPRELAY_REAL_DATA     folder with the recorded data; without it tests marked `real` are skipped
SHOPRELAY_CONNECT       Kafka Connect of deploy/cdc/cdc.sh; without it tests marked `cdc` are skipped
SHOPRELAY_REQUIRE_ALL   1: a skipped test fails the run
CI                      set: property tests ask the same questions every time
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import settings

# CI asks the same questions every time, so that a change is what turns it red; everybody else's machine asks new ones.
settings.register_profile("same", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("same")

_skipped: list[str] = []


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "embedded: injects faults into the embedded broker; not on a real Kafka")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """The tests of a platform go with its folder."""
    if not collection_path.is_file() or collection_path.suffix != ".py":
        return None
    sinks = Path(__file__).parents[1] / "sinks"
    text = collection_path.read_text()
    needed = re.findall(r"^(?:from|import) sinks\.(\w+)|^\w+ = load\(\"(\w+)\"\)", text, re.MULTILINE)
    there = {path.stem for path in sinks.glob("*")}
    return True if {"".join(names) for names in needed} - there else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    elsewhere = "embedded" if os.environ.get("SHOPRELAY_TEST_KAFKA") else "kafka"
    left_out = [item for item in items if item.get_closest_marker(elsewhere)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not item.get_closest_marker(elsewhere)]
    _skip_without("SHOPRELAY_REAL_DATA", "real", "no recorded data", items)
    _skip_without("SHOPRELAY_CONNECT", "cdc", "no databases to capture; `make test-cdc` has them", items)


def _skip_without(variable: str, marker: str, absent: str, items: list[pytest.Item]) -> None:
    if os.environ.get(variable):
        return
    for item in items:
        if item.get_closest_marker(marker):
            item.add_marker(pytest.mark.skip(reason=f"{variable} is not set: {absent}"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the recorded data; only for tests marked `real`."""
    return Path(os.environ["SHOPRELAY_REAL_DATA"]).resolve(strict=True)


@pytest.fixture(scope="session")
def test_kafka() -> str:
    """host:port of the real Kafka; only for tests marked `kafka`."""
    return os.environ["SHOPRELAY_TEST_KAFKA"]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        _skipped.append(report.nodeid)


def _required() -> bool:
    return os.environ.get("SHOPRELAY_REQUIRE_ALL") == "1"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if _required() and _skipped and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _required() and _skipped:
        terminalreporter.section("skipped, which SHOPRELAY_REQUIRE_ALL=1 forbids", sep="=", red=True)
        for nodeid in _skipped:
            terminalreporter.line(nodeid)
