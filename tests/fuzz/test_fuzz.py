"""Whatever comes in: never an exception that escapes, never a silent drop. Each target, for some thousand inputs that
are the same every time; README.md beside this file says how to let one run for longer."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("atheris") is None, reason="atheris is not there: it is made for Linux on x86_64 only"
    ),
]
ROOT = Path(__file__).parents[2]
WEBHOOKS = ("cscart", "generic", "magento", "sfcc", "shopify", "woocommerce", "pixel")
CHANGES = ("changes-magento", "changes-reference", "changes-woocommerce")
HISTORY = ("jsonl", "shopify-orders", "shopify-customers", "shopify", "woocommerce", "uci", "rees46")
RECORDS = ("shop_event", "customer_event", "catalog_event", "signal", "catalog_signal", "refused", "parked")
RUNS = {
    **dict.fromkeys(WEBHOOKS, 15_000),
    **dict.fromkeys(CHANGES, 6_000),
    **{f"backfill-{name}": 3_000 for name in HISTORY},
    **{f"codec-{name}": 6_000 for name in RECORDS},
}


def fuzz(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={"TMPDIR": str(folder)}, capture_output=True, text=True, errors="replace", timeout=300
    )


@pytest.mark.parametrize("target", RUNS)
def test_every_input_ends_as_events_or_with_a_reason(target: str, tmp_path: Path) -> None:
    options = [f"-runs={RUNS[target]}", "-seed=1", "-timeout=20", f"-artifact_prefix={tmp_path}/"]
    ended = fuzz(tmp_path, target, *options, str(tmp_path / "corpus"))

    found = [path for path in tmp_path.iterdir() if path.is_file()]
    inputs = "\n".join(f"{path.name}: {path.read_bytes()!r}" for path in found)
    assert ended.returncode == 0, f"{ended.stdout[-2_000:]}\n{ended.stderr[-4_000:]}\n{inputs}"
    assert f"Done {RUNS[target]} runs" in ended.stderr
    assert not found


def test_every_target_is_run(tmp_path: Path) -> None:
    assert fuzz(tmp_path).stderr.endswith(f"\nwhich of: {', '.join(RUNS)}\n")
