"""What is deployed fits what is built: the compose file, its settings, the image's lock."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from shoprelay.settings import load

PLATFORMS = ("klaviyo", "june", "waymore", "joor", "shopify", "newstore")
ROOT = Path(__file__).parents[2]


def pinned(lock: Path) -> set[str]:
    return set(re.findall(r"^([\w.-]+==\S+)", lock.read_text(), flags=re.MULTILINE))


def test_the_images_lock_is_a_part_of_the_whole_lock() -> None:
    runtime, everything = pinned(ROOT / "deploy/runtime.lock"), pinned(ROOT / "requirements.lock")
    assert runtime < everything
    assert any(name.startswith("faust-streaming==") for name in runtime)
    assert not any(name.startswith("pytest==") for name in runtime)


def test_the_locks_name_no_package_index() -> None:
    for lock in ("requirements.lock", "deploy/runtime.lock"):
        lines = (ROOT / lock).read_text().splitlines()
        assert all(re.match(r"[\w.-]+==|    --hash=sha256:[0-9a-f]{64}( \\)?$", line) for line in lines), lock


def test_the_settings_of_the_compose_file_are_valid_and_name_its_sinks() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    keys = dict(re.findall(r"^    (\w+): \$\{\w+:-(.+)\}$", compose, flags=re.MULTILINE))
    configuration = load(ROOT / "deploy/compose/shoprelay.toml", keys)
    assert set(configuration.accounts) == set(re.findall(r'command: \["sink", "([\w-]+)"', compose))
    assert set(configuration.asked) == set(re.findall(r'command: \["poll", "([\w-]+)"', compose))
    assert configuration.front is not None


def compose_tool() -> list[str] | None:
    for tool in (["docker-compose"], ["docker", "compose"]):
        if shutil.which(tool[0]) and subprocess.run([*tool, "version"], capture_output=True).returncode == 0:
            return tool
    return None


def test_compose_understands_its_file() -> None:
    tool = compose_tool()
    if tool is None:
        pytest.skip("neither docker-compose nor docker compose is installed; on Debian: apt-get install docker-compose")
    tool += ["--profile", "cdc"]
    read = subprocess.run([*tool, "config"], cwd=ROOT, capture_output=True, text=True)
    assert read.returncode == 0, read.stderr
    assert "warn" not in read.stderr.lower()
    listed = subprocess.run([*tool, "config", "--services"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(listed.stdout.split()) == {
        "kafka", "registry", "topics-init", "collect", "worker", "poll-joor", "gateway", "prometheus", "grafana",
        "postgres", "connect", "connector",
        *(f"{kind}-{name}" for kind in ("sink", "sandbox") for name in PLATFORMS),
    }  # fmt: skip


def test_change_data_capture_is_a_profile_of_its_own() -> None:
    """Of the same versions as the lane that tests it, with the connector that is tested there."""
    compose = (ROOT / "docker-compose.yml").read_text()
    services = dict(re.findall(r"^  ([\w-]+):.*\n((?:    .*\n|\n)+)", compose, flags=re.MULTILINE))
    assert {name for name, told in services.items() if "profiles: [cdc]" in told} == {
        "postgres",
        "connect",
        "connector",
    }
    for pom, image in (("debezium-postgres", "debezium/connect"), ("registry", "apicurio/apicurio-registry-kafkasql")):
        (version,) = re.findall(r"<version>(\d[\w.]+)</version>", (ROOT / f"deploy/cdc/poms/{pom}.xml").read_text())
        assert f"{image}:{version}" in compose
    for kind in ("postgres", "mariadb"):
        connector = json.loads((ROOT / f"deploy/cdc/shop-{kind}.json").read_text())
        assert connector["topic.prefix"] == "cdc.demo" and connector["database.password"] == "${env:CDC_PASSWORD}"


def test_nothing_of_compose_listens_beyond_this_machine() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    published = re.findall(r'^      - "?([\d.:]*\d+:\d+)"?$', compose, flags=re.MULTILINE)
    assert len(published) == 14
    assert all(port.startswith("127.0.0.1:") for port in published)
