"""The configuration file: exactly typed, checked as a whole, overridden by the environment, and described."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest

from mtf.config import Config
from mtf.feeds import Backoff, Feed
from mtf.pipeline import Pipeline
from mtf.service.parts import pipeline_of, problems_of
from mtf.service.result_settings import ResultSettings
from mtf.service.service_settings import BackoffSettings, FeedSettings, PipelineSettings, ServiceSettings
from mtf.service.settings_file import WrongSettings, read_settings, settings_of
from mtf.service.settings_schema import schema_text

ROOT = Path(__file__).resolve().parents[2]
GOOD = '[pipeline]\ndata = "run"\n'


def wrong(text: str, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(WrongSettings) as caught:
        settings_of(text, environment or {})
    return caught.value.lines


def test_all_errors_are_reported_at_once_each_with_its_path() -> None:
    assert wrong("""
[pipeline]
dat = "x"
history = "5"
timeframes = ["1m", 5]
closed = "x"
[[feeds]]
name = "a"
kind = "websocket"
url = 5
[[feeds]]
name = "b"
kind = "ccxt"
url = "ws://x"
[[feeds]]
name = "c"
kind = "ftp"
[[consumers]]
clas = "x"
[web]
port = 99999
""")[:5] == [
        "pipeline.data: missing",
        "pipeline.timeframes[1]: must be a string, got 5",
        'pipeline.closed: must be "reject" or "keep", got \'x\'',
        "pipeline.history: must be a whole number, got '5'",
        "pipeline.dat: unknown setting; choose one of "
        + ", ".join(each.name for each in attrs.fields(PipelineSettings)),
    ]


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ('[[feeds]]\nname = "a"\nkind = "websocket"\nurl = 5', "feeds[0].url: must be a string, got 5"),
        (
            '[[feeds]]\nname = "b"\nkind = "ccxt"\nurl = "ws://x"',
            "feeds[0]: url: not supported for the kind ccxt",
        ),
        ('[[feeds]]\nname = "b"\nkind = "ccxt"', "feeds[0]: the kind ccxt needs exchange and symbols"),
        (
            '[[feeds]]\nname = "c"\nkind = "ftp"',
            "feeds[0]: kind must be websocket, ccxt, file or pkg:factory, got 'ftp'",
        ),
        ('[[feeds]]\nname = "f"\nkind = "file"', "feeds[0]: the kind file needs path"),
        (
            '[[feeds]]\nname = "f"\nkind = "file"\npath = "x.csv"\nstall_s = 3',
            "feeds[0]: stall_s: not supported for the kind file",
        ),
        (
            '[[feeds]]\nname = "f"\nkind = "websocket"\nurl = "ws://x"\nparse = "a:b"\nlook_s = 3',
            "feeds[0]: look_s: not supported for the kind websocket",
        ),
        ('[[feeds]]\nname = "x"\nkind = "a:b"\nstall_s = 3', "feeds[0]: stall_s: not supported for the kind a:b"),
        ("[web]\nport = 99999", "web: port must be between 0 and 65535, got 99999"),
        ('[web]\nport = "80"', "web.port: must be a whole number, got '80'"),
        ("[web]\nport = true", "web.port: must be a whole number, got True"),
        ("[web]\nenabled = 1", "web.enabled: must be true or false, got 1"),
        (
            '[web]\nallow_hosts = "AB"',
            "web.allow_hosts: must be a list of strings, got 'AB'",
        ),
        (
            '[web]\nhost = "0.0.0.0"',
            "web: the host 0.0.0.0 can be reached from other machines: set token_file to a file with a token",
        ),
        ("web = 3", "web: must be a table, got 3"),
        ("feeds = 3", "feeds: must be a list of tables, got 3"),
        (
            "[[feeds]]\nname = 'x'\nkind = 'a:b'\n[[feeds]]\nname = 'x'\nkind = 'a:b'",
            "feeds: the name x is used twice; each needs its own name",
        ),
        ("[log]\nlevel = 'loud'", 'log.level: must be "debug" or "info" or "warning" or "error", got \'loud\''),
    ],
)
def test_what_is_wrong_has_its_path(more: str, error: str) -> None:
    """A value is taken as it is: `5` is not a text, and "AB" not a list."""
    text = f"{more}\n{GOOD}" if more.startswith(("web =", "feeds =")) else f"{GOOD}{more}\n"
    assert wrong(text) == [error]


def test_what_is_not_toml_is_one_error() -> None:
    assert wrong("[pipeline") == ["invalid TOML: Expected ']' at the end of a table declaration (at end of document)"]


def test_the_environment_overrides_by_table_and_place() -> None:
    text = GOOD + '[[feeds]]\nname = "a"\nkind = "ccxt"\nexchange = "x"\nsymbols = ["A/B"]\n'
    settings = settings_of(
        text,
        {
            "MTF_WEB__PORT": "9000",
            "MTF_PIPELINE__DATA": "[else]/1",
            "MTF_PIPELINE__TIMEFRAMES": '["1m"]',
            "MTF_PIPELINE__INDICATORS": "sma:20,rsi:14",
            "MTF_FEEDS__0__BACKOFF__FIRST_S": "2",
            "MTF_FEEDS__0__SYMBOLS": '["C/D", "E/F"]',
            "MTF_LOG__LEVEL": "debug",
            "MTF_LOG_LEVEL": "of the command line",
            "MTF_DEBUG": "1",
        },
    )
    assert (settings.web.port, settings.log.level) == (9000, "debug")
    assert (settings.pipeline.data, settings.pipeline.timeframes) == ("[else]/1", ("1m",))
    assert settings.pipeline.indicators == "sma:20,rsi:14"
    assert settings.feeds[0].backoff.first_s == 2.0
    assert settings.feeds[0].symbols == ("C/D", "E/F")


def test_wrong_names_in_the_environment_are_errors() -> None:
    """A misspelt override that is skipped would be found at night."""
    environment = {"MTF_WEB__PORTS": "1", "MTF_FEEDS__0__URL": "x", "MTF_WEB__PORT": "many", "MTF_WEB__PORT__X": "1"}
    assert wrong(GOOD, environment) == [
        "MTF_FEEDS__0__URL: no entry '0': the file has 0, numbered from 0",
        "MTF_WEB__PORT: 'many' is not a valid TOML value: Invalid value (at line 1, column 9)",
        "MTF_WEB__PORTS: ports: unknown setting; choose one of enabled, host, port, page, token_file, allow_hosts",
        "MTF_WEB__PORT__X: port is a value, not a table",
    ]


def test_paths_are_those_of_the_folder_that_the_file_is_in(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(GOOD + '[web]\ntoken_file = "token"\n')
    settings = read_settings(tmp_path / "c.toml", {})
    assert settings.pipeline.data == str(tmp_path / "run")
    assert settings.web.token_file == str(tmp_path / "token")


def defaults_of(function: Any, without: set[str]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.name not in without}


def test_the_pipeline_table_has_every_setting_of_the_pipeline() -> None:
    """With its default; a text or number of checkpoints that is 0 in the file is None there."""
    wanted = defaults_of(Pipeline.__init__, {"self", "config", "wall", "random"})
    found = {each.name: each.default for each in attrs.fields(PipelineSettings)}
    assert found.keys() == wanted.keys()
    wanted |= {"timeframes": tuple(str(each) for each in wanted["timeframes"]), "checkpoint_events": 0}
    assert {name: value for name, value in found.items() if name != "data"} == {
        name: value for name, value in wanted.items() if name != "data"
    }


def test_the_settings_that_decide_results_are_those_of_a_configuration() -> None:
    """With its defaults: so what a cluster or a service leaves out is what a pipeline leaves out."""
    wanted = defaults_of(Config.make, set())
    found = {each.name: each.default for each in attrs.fields(ResultSettings)}
    assert found == wanted | {"timeframes": tuple(str(each) for each in wanted["timeframes"])}
    assert ResultSettings().given == {}
    assert ResultSettings(overfill="whole", late="reject").given == {"overfill": "whole"}


def test_feed_and_backoff_have_the_settings_of_theirs() -> None:
    shared = defaults_of(Feed.__init__, {"self", "name", "connect", "wall", "chance", "backoff"})
    fields = {each.name: each.default for each in attrs.fields(FeedSettings)}
    assert shared.items() <= fields.items()
    assert {each.name: each.default for each in attrs.fields(BackoffSettings)} == {
        each.name: each.default for each in attrs.fields(Backoff)
    }


def test_the_pipeline_is_made_of_what_the_file_sets() -> None:
    text = (
        GOOD
        + 'timeframes = "1m,1h"\ncalendar = "crypto"\ncheckpoint_seconds = 0\n[pipeline.indicators]\n1m = "sma:5"\n'
    )
    made = pipeline_of(settings_of(text, {}).pipeline)
    assert made.config.timeframes.names == ["1m", "1h"]
    assert made.config.indicators == (("sma:5",), ())
    assert not made._options.takes_checkpoints


def test_problems_of_what_is_named_have_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by making everything and starting nothing."""
    monkeypatch.chdir(tmp_path)  # a log in `run` would be continued, without its history before live data
    text = (
        GOOD
        + 'history = 0\n[[warm_up]]\npath = "/nowhere.csv"\n'
        + '[[feeds]]\nname = "a"\nkind = "websocket"\nurl = "ws://x"\nparse = "json:nothing"\n'
        + '[[feeds]]\nname = "b"\nkind = "no_such_module:x"\n[[consumers]]\nclass = "json:JSONDecoder"\n'
        + '[[consumers]]\nclass = "mtf:Consumer"\noptions = { a = 1 }\n'
    )
    assert problems_of(settings_of(text, {})) == [
        "pipeline: history must be between 1 and 1000000 bars, got 0",
        "warm_up[0]: /nowhere.csv: no such file or folder",
        "feeds[0]: parse: json:nothing: json has no nothing",
        "feeds[1]: kind: no_such_module:x: ModuleNotFoundError: No module named 'no_such_module'",
        "consumers[0]: class: json:JSONDecoder is not a subclass of mtf.Consumer",
        "consumers[1]: class: mtf:Consumer fails with TypeError: Consumer() takes no arguments",
    ]


def test_the_schema_is_toml_with_every_setting_at_its_default() -> None:
    """With the # before each default removed it is a configuration, and the one that has only what is needed."""
    text = schema_text()
    assert list(tomllib.loads(text)) == ["pipeline", "warm_up", "feeds", "consumers", "web", "log", "metrics"]
    full = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    full = full.replace('kind = "..."', 'kind = "a:b"')
    needed = '[pipeline]\ndata = "..."\n[[warm_up]]\npath = "..."\n'
    needed += '[[feeds]]\nname = "..."\nkind = "a:b"\n[[consumers]]\nclass = "..."\n'
    assert settings_of(full, {}) == settings_of(needed, {})


def test_the_page_describes_every_setting() -> None:
    page = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`([a-z_]+)`", page))
    for table in (*ServiceSettings.__attrs_attrs__,):
        kind = inspect.get_annotations(ServiceSettings, eval_str=True)[table.name]
        kind = next(iter(getattr(kind, "__args__", (kind,))))
        missing = {each.name.removesuffix("_") for each in attrs.fields(kind)} - described
        assert not missing, f"[{table.name}]: {missing}"
