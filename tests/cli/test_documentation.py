"""docs/cli.md describes every command and option, and what README shows can be typed."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from mtf.cli import main

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
        name = line.split()[0]
        known = {each for param in main.commands[name].params for each in (*param.opts, *param.secondary_opts)}
        assert set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", line)) <= known, line
