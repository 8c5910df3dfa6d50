"""docs/cli.md describes every command and option, and what README shows can be typed."""

from __future__ import annotations

import datetime
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from mtf.cli import main
from tests.cli.builders import mtf

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = sorted(main.commands)


def section(name: str) -> str:
    """Return what docs/cli.md says of a command."""
    text = (ROOT / "docs" / "cli.md").read_text()
    found = re.search(rf"^## mtf {name}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"docs/cli.md has no section '## mtf {name}'"
    return found[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented(name: str) -> None:
    """In the section of its command, by each of its names; and no option is described that is not there."""
    text = section(name)
    options = [param for param in main.commands[name].params if isinstance(param, click.Option)]
    names = {each for option in options for each in (*option.opts, *option.secondary_opts)}
    table = "\n".join(line for line in text.splitlines() if line.startswith("| `-"))
    described = {
        each for line in table.splitlines() for each in re.findall(r"`(--?[a-z][a-z-]*)", line.split(" | ")[0])
    }
    assert described == names


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_and_help(name: str) -> None:
    """An example that can be typed, and a line in the list of commands."""
    assert re.search(rf"^(\$ )?mtf {name}\b", section(name), re.MULTILINE)
    assert main.commands[name].get_short_help_str()
    for param in main.commands[name].params:
        if isinstance(param, click.Option):
            assert param.help, f"{name} {param.opts} has no help"


@pytest.mark.parametrize("document", ["README.md", "docs/cli.md"])
def test_commands_that_documents_show_exist(document: str) -> None:
    """Whoever copies a line from there does not get `No such command`."""
    text = (ROOT / document).read_text()
    shown = re.findall(r"(?:^\$ |^|`)mtf ([a-z]+)", text, re.MULTILINE)
    assert shown
    assert set(shown) <= set(COMMANDS)
    for line in re.findall(r"^(?:\$ )?mtf ([a-z]+ .*)$", text, re.MULTILINE):
        name, word, *_ = line.split()
        called: click.Command = main.commands[name]
        if isinstance(called, click.Group) and word in called.commands:
            called = called.commands[word]
        known = {each for param in called.params for each in (*param.opts, *param.secondary_opts)}
        assert set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", line)) <= known, line


NOT_HERE: Final = {  # commands that documents show, and why they are not typed here
    "mtf run SOURCE...": "a form, and no command",
    "mtf cluster": "needs a NATS server: tests/cluster",
    "mtf import EUR_USD_M1.csv.gz": "a vendor's file: tests/cli/test_import.py",
    "mtf delete run/ --symbol EUR_USD": "of what was imported: tests/cli/test_import.py",
    "mtf demo": "serves until it is stopped: tests/cli/test_shown_at_once.py",
    "mtf serve": "serves until it is stopped: tests/web and tests/service",
    "mtf config check FILE": "a form, and no command",
    "mtf run ticks.csv": "a user's file: tests/sources",
    "mtf run EUR_USD_M1.csv.gz": "a vendor's file: tests/sources",
    "mtf run oanda/tick/eurusd": "a vendor's folder: tests/sources",
    "mtf run BTCUSD_1h.csv": "a vendor's file: tests/sources",
    "mtf run ticks.ndjson --data run/ --follow": "goes on until it is stopped: tests/cli/test_followed.py",
    "mtf run synthetic --seed 7 --events 1000000": "takes long",
}
FAILS: Final = {  # commands whose exit code is not 0, as the page says
    "mtf audit run/ --consumer strategy:Peeks": 1,
    "mtf config check service.toml": 2,
}
STRATEGY: Final = """\
import mtf


class Printer(mtf.Consumer):
    def on_bar(self, bar, view):
        print(bar.close)


class Peeks(mtf.Consumer):
    def __init__(self):
        self.seen = []

    def on_bar(self, bar, view):
        with open("run/history.sqlite", "rb") as file:
            self.seen.append(len(file.read(16)))
"""


def typed(document: str) -> Iterator[str]:
    """Yield the commands that a document shows, in their order."""
    text = (ROOT / document).read_text()
    for block in re.findall(r"^```(?:console|sh)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if found := re.fullmatch(r"(?:\$ )?(mtf [a-z].*?)(?:\s+#.*)?(?: 2> \S+)?", line):
                yield found[1]


def write_quotes(path: Path) -> None:
    """Write quotes of two days that the documents look at."""
    with path.open("w") as file:
        file.write("time,symbol,bid,ask,bid_size,ask_size\n")
        for start, seconds in (("2014-05-06T08:10", 480), ("2024-01-01T00:00", 7_220)):
            begun = datetime.datetime.fromisoformat(f"{start}:00+00:00")
            for k in range(0, seconds, 4):
                time = begun + datetime.timedelta(seconds=k)
                bid = 1.09 + k * k % 997 * 1e-6
                file.write(f"{time:%Y-%m-%dT%H:%M:%SZ},EURUSD,{bid:.6f},{bid + 1e-5:.6f},1,2\n")


@pytest.mark.parametrize("document", ["README.md", "docs/cli.md", "docs/logging.md"])
def test_commands_that_documents_show_can_be_typed(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of the page; each succeeds, or fails as the page says."""
    pytest.importorskip("arro3.io", reason="mtf export writes Parquet")
    monkeypatch.chdir(tmp_path)
    write_quotes(tmp_path / "eurusd.csv")
    (tmp_path / "strategy.py").write_text(STRATEGY)
    (tmp_path / "service.toml").write_text('[pipeline]\ndata = "run"\nhistory = "5"\n')
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, "strategy", None)  # whoever has imported one of that name
    del sys.modules["strategy"]
    if document == "docs/cli.md":
        assert mtf("run", "eurusd.csv", "--data", "run", "--indicators", "sma:20,rsi:14").exit_code == 0
    ran = 0
    for line in typed(document):
        if any(line.startswith(each) for each in NOT_HERE):
            continue
        result = mtf(*shlex.split(line)[1:])
        assert result.exit_code == FAILS.get(line, 0), f"{line}\n{result.output}"
        ran += 1
    assert ran >= {"README.md": 6, "docs/cli.md": 20, "docs/logging.md": 1}[document]


def test_commands_that_are_not_typed_are_still_shown() -> None:
    """A reason for a command that no page shows any more is forgotten here."""
    shown = [line for document in ("README.md", "docs/cli.md", "docs/logging.md") for line in typed(document)]
    assert [each for each in (*NOT_HERE, *FAILS) if not any(line.startswith(each) for line in shown)] == []
