"""The gateway's part of the settings: everything wrong is told at once, keys never stand in the file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shoprelay import cli
from shoprelay.filed import Misconfigured
from shoprelay.settings import load
from tests.shoprelay.gateway.newstore import KEPT_KEY
from tests.shoprelay.gateway.world import KEY, OTHER

ACCOUNT = """
[sinks.stores]
platform = "newstore"
kept_key = "env:KEPT_KEY"
[sinks.stores.config]
tenant = "acme"
client_id = "shop"
client_secret = "env:SECRET"
shop = "storefront"
locale = "en-US"
"""
GOOD = f"""{ACCOUNT}
[gateway]
sink = "stores"
keys = ["env:KEY", "env:OTHER"]
timeout = "3s"
cache = {{ availability = "10s" }}
[gateway.config]
availability_path = "/v1/atp"
"""
ENVIRON = {"SECRET": "the-secret", "KEPT_KEY": KEPT_KEY, "KEY": KEY, "OTHER": OTHER}


def written(folder: Path, text: str) -> Path:
    path = folder / "shoprelay.toml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(Misconfigured) as told:
        load(written(folder, text), ENVIRON | environ)
    return told.value.problems


def test_a_complete_part_gives_a_front_ready_to_run(tmp_path: Path) -> None:
    configuration = load(written(tmp_path, GOOD), ENVIRON)
    front = configuration.front

    assert front is not None
    assert (front.account.name, front.account.sink.name) == ("stores", "newstore")
    assert [key.get_secret_value() for key in front.settings.keys] == [KEY, OTHER]
    assert (front.settings.timeout, front.settings.cache.availability) == (timedelta(seconds=3), timedelta(seconds=10))
    assert front.config.model_dump()["availability_path"] == "/v1/atp"
    assert KEY not in repr(configuration)


def test_without_the_part_there_is_no_front(tmp_path: Path) -> None:
    assert load(written(tmp_path, ACCOUNT), ENVIRON).front is None


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = (
        ACCOUNT
        + """
    [gateway]
    sink = "stores"
    keys = ["k-in-plain-text-0123456789", "env:SHORT", "env:NOT_SET"]
    share = 0
    colour = "blue"
    [gateway.cache]
    options = "1h"
    [gateway.config]
    delivery_path = "no-path"
    """
    )
    told = problems(tmp_path, text, SHORT="short")

    assert {problem.split(": ")[0] for problem in told} == {
        "gateway.keys.0", "gateway.keys.1", "gateway.keys.2", "gateway.share", "gateway.colour",
        "gateway.cache.options", "gateway.config.delivery_path",
    }  # fmt: skip
    assert "gateway.keys.0: a secret in plain text; write env:NAME or file:PATH instead" in told
    assert not any("k-in-plain" in problem or problem == "short" for problem in told)


@pytest.mark.parametrize(
    ("sink", "problem"),
    [
        ("nobody", "gateway.sink: no 'nobody' under [sinks]; there are: news, stores"),
        ("news", "gateway.sink: klaviyo cannot be asked; these can: newstore"),
    ],
)
def test_whom_to_ask_must_be_an_account_that_can_be_asked(tmp_path: Path, sink: str, problem: str) -> None:
    news = '[sinks.news]\nplatform = "klaviyo"\n[sinks.news.config]\napi_key = "env:NEWS"\n'
    text = f'{ACCOUNT}{news}[gateway]\nsink = "{sink}"\nkeys = ["env:KEY"]\n'

    assert problems(tmp_path, text, NEWS="pk_secret") == [problem]


@pytest.mark.parametrize(
    ("line", "place"), [('sink = "stores"', "gateway.keys"), ('keys = ["env:KEY"]', "gateway.sink")]
)
def test_what_is_missing_is_named(tmp_path: Path, line: str, place: str) -> None:
    assert problems(tmp_path, f"{ACCOUNT}[gateway]\n{line}\n") == [f"{place}: required, and not set"]


def test_an_account_that_is_wrong_is_one_problem_and_not_two(tmp_path: Path) -> None:
    told = problems(tmp_path, GOOD.replace('tenant = "acme"', ""))

    assert told == ["sinks.stores.config.tenant: required, and not set"]


def test_the_command_says_that_there_is_no_gateway_to_run(alone: Path) -> None:
    result = CliRunner().invoke(cli.app, ["gateway"])

    assert result.exit_code == 2
    assert "gateway: not in the settings; docs/gateway.md has an example" in " ".join(result.output.split())
