"""Settings: everything wrong is told at once, secrets never stand in the file, and never come out again."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shoprelay.filed import Misconfigured
from shoprelay.parts import duration
from shoprelay.settings import load
from sinks.klaviyo.sink import SINK
from sources.contract import Source
from tests.polling.asked import PARCELS

GOOD = """
[kafka]
bootstrap = "127.0.0.1:9092"
[registry]
url = "http://127.0.0.1:8081"
[shops.default]
stages = ["1h", "24h"]
[sinks.news]
platform = "klaviyo"
[sinks.news.config]
api_key = "env:NEWS_KEY"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "shoprelay.toml"
    path.write_text(text)
    return path


def test_a_complete_file_gives_accounts_ready_to_run(tmp_path: Path) -> None:
    configuration = load(written(tmp_path, GOOD), {"NEWS_KEY": "pk_secret"})

    account = configuration.accounts["news"]
    assert account.sink.name == "klaviyo"
    assert configuration.settings.shops["default"].stages == (timedelta(hours=1), timedelta(hours=24))
    assert account.config.api_key.get_secret_value() == "pk_secret"  # type: ignore[attr-defined]


def test_a_secret_never_shows(tmp_path: Path) -> None:
    configuration = load(written(tmp_path, GOOD), {"NEWS_KEY": "pk_secret"})

    assert "pk_secret" not in repr(configuration) + str(configuration.accounts["news"].config)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    text = """
    [kafka]
    bootstrp = "x"
    password = "hunter2"
    [topics]
    partitions = 0
    [shops.default]
    stages = ["1x"]
    [sinks.a]
    platform = "nope"
    [sinks.b]
    platform = "klaviyo"
    [sinks.b.config]
    api_key = "env:NOT_THERE"
    colour = "blue"
    """
    with pytest.raises(Misconfigured) as told:
        load(written(tmp_path, text), {})

    places = {problem.split(": ")[0] for problem in told.value.problems}
    assert places == {
        "kafka.bootstrp", "kafka.password", "topics.partitions", "shops.default.stages.0", "sinks.a.platform",
        "sinks.b.config.api_key", "sinks.b.config.colour",
    }  # fmt: skip
    assert "hunter2" not in str(told.value)


def test_a_secret_in_plain_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"sinks\.news\.config\.api_key: a secret in plain text"):
        load(written(tmp_path, GOOD.replace("env:NEWS_KEY", "pk_secret")), {})


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("pk_from_file\n")
    configuration = load(written(tmp_path, GOOD.replace("env:NEWS_KEY", f"file:{tmp_path / 'key'}")), {})

    assert configuration.accounts["news"].config.api_key.get_secret_value() == "pk_from_file"  # type: ignore[attr-defined]


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    environ = {"NEWS_KEY": "pk_secret", "SHOPRELAY_KAFKA": "10.1.1.1:9092", "SHOPRELAY_TOPIC_PREFIX": "t1-"}
    settings = load(written(tmp_path, GOOD), environ).settings

    assert (settings.kafka.bootstrap, settings.topics.prefix) == ("10.1.1.1:9092", "t1-")


@pytest.mark.parametrize("text", ["[kafka", "kafka = 1"])
def test_a_file_that_is_no_settings_file_is_said_so(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured):
        load(written(tmp_path, text), {})


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="there is no such file"):
        load(tmp_path / "absent.toml", {})


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1h30m", 5400), ("400d", 400 * 86400), ("250ms", 0.25), (3, 3), ("1h 5s", 3605)]
)
def test_durations_read_as_people_write_them(text: object, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "1x", "h", "1h-", "one hour"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration(text)


@pytest.mark.parametrize("stages", ['["24h", "1h"]', '["1h", "60m"]', '["0s", "1h"]'])
def test_stages_that_do_not_rise_are_refused(tmp_path: Path, stages: str) -> None:
    with pytest.raises(Misconfigured, match=r"shops\.default\.stages: must rise from above zero"):
        load(written(tmp_path, f"[shops.default]\nstages = {stages}\n"), {})


def test_no_stages_is_a_shop_that_reminds_nobody(tmp_path: Path) -> None:
    assert load(written(tmp_path, "[shops.default]\nstages = []\n"), {}).settings.shops["default"].stages == ()


def test_parts_of_the_security_settings_that_do_not_fit_are_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="kafka: security protocol SASL_SSL needs a username and a password"):
        load(written(tmp_path, '[kafka]\nsecurity_protocol = "SASL_SSL"'), {})


ASKED = (
    GOOD
    + """
[sources.wholesale]
platform = "parcels"
shop = "mugs"
"""
)


@pytest.fixture
def parcels(monkeypatch: pytest.MonkeyPatch) -> None:
    """`sources.contract.load` knows this one, and no other."""

    def load_source(name: str) -> Source:
        if name != "parcels":
            raise LookupError(f"no source {name!r}")
        return PARCELS

    monkeypatch.setattr("sources.contract.load", load_source)


@pytest.mark.usefixtures("parcels")
def test_a_source_that_is_asked_rests_as_long_as_it_wants_or_longer(tmp_path: Path) -> None:
    asked = load(written(tmp_path, ASKED), {"NEWS_KEY": "pk_secret"}).asked["wholesale"]
    assert (asked.every, asked.settings.shop) == (timedelta(minutes=15), "mugs")

    longer = load(written(tmp_path, ASKED + 'every = "1h"'), {"NEWS_KEY": "pk_secret"}).asked["wholesale"]
    assert longer.every == timedelta(hours=1)


@pytest.mark.usefixtures("parcels")
def test_a_source_is_never_asked_more_often_than_it_says(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as told:
        load(written(tmp_path, ASKED + 'every = "14m"'), {"NEWS_KEY": "pk_secret"})
    assert told.value.problems == ["sources.wholesale.every: may be longer than 900s, never shorter"]


@pytest.mark.usefixtures("parcels")
def test_the_problems_of_sources_are_told_with_all_others(tmp_path: Path) -> None:
    text = (
        GOOD
        + """
    [sources.a]
    platform = "nope"
    shop = "mugs"
    [sources.b]
    platform = "parcels"
    [sources.b.config]
    page = "many"
    """
    )
    with pytest.raises(Misconfigured) as told:
        load(written(tmp_path, text), {"NEWS_KEY": "pk_secret"})

    places = {problem.split(": ")[0] for problem in told.value.problems}
    assert places == {"sources.a.platform", "sources.b.shop", "sources.b.config.page"}


# -- what a sink has to keep

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.fixture
def remembering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Klaviyo, but with something to remember."""
    monkeypatch.setattr("sinks.klaviyo.sink.SINK", replace(SINK, kept=frozenset({"events"})))


def with_key(key: str) -> str:
    return GOOD.replace('platform = "klaviyo"', f'platform = "klaviyo"\nkept_key = "{key}"')


@pytest.mark.usefixtures("remembering")
def test_a_sink_that_remembers_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(
        Misconfigured, match=r"sinks\.news\.kept_key: required, and not set: klaviyo has to keep"
    ) as raised:
        load(written(tmp_path, GOOD + "\n[kafka.more]"), {"NEWS_KEY": "pk_secret"})

    assert len(raised.value.problems) == 2, "told with the others"


@pytest.mark.usefixtures("remembering")
def test_a_new_key_writes_and_the_old_one_reads(tmp_path: Path) -> None:
    text = with_key("env:NEW").replace("[sinks.news.config]", 'kept_key_old = "env:OLD"\n[sinks.news.config]')
    configuration = load(written(tmp_path, text), {"NEWS_KEY": "pk_secret", "NEW": KEY, "OLD": KEY.lower()})

    assert configuration.accounts["news"].settings.kept_keys == (KEY, KEY.lower())
    assert KEY not in repr(configuration)


@pytest.mark.usefixtures("remembering")
def test_a_key_is_checked_and_never_shown(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"sinks\.news\.kept_key: not a key; make one with `openssl") as raised:
        load(written(tmp_path, with_key("env:NEW")), {"NEWS_KEY": "pk_secret", "NEW": "hunter2"})
    assert "hunter2" not in str(raised.value)


def test_a_key_does_not_stand_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"sinks\.news\.kept_key: a secret in plain text"):
        load(written(tmp_path, with_key(KEY)), {"NEWS_KEY": "pk_secret"})


def test_a_sink_that_remembers_nothing_needs_none(tmp_path: Path) -> None:
    assert load(written(tmp_path, GOOD), {"NEWS_KEY": "pk_secret"}).accounts["news"].settings.kept_keys == ()
