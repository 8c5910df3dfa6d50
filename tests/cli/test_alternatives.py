"""`{5..60}` and `{a,b}` mean what they do in a shell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mtf.cli.alternatives import alternatives, chosen_values, shell_expanded
from mtf.errors import ConfigError

AS_A_SHELL = [
    "sma:{5..8}",
    "sma:{5..20..5}",
    "sma:{8..5}",
    "sma:{9..1..4}",
    "{-2..2}",
    "{1m,5m}",
    "sma:{2,3},rsi:{7,14}",
    "macd:{5..6},{10..11},9",
    "{sma:{5..6},rsi:14}",
    "ema:5{,@sma:3}",
    "1m,5m",
]


@pytest.mark.parametrize("text", AS_A_SHELL)
def test_braces_are_those_of_bash(text: str) -> None:
    """Whether the shell has replaced them or mtf does, the jobs are the same, in the same order."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    done = subprocess.run([bash, "-c", f"printf '%s\\n' {text}"], capture_output=True, text=True, check=True)
    assert alternatives(text) == done.stdout.splitlines()


def test_ranges_may_have_decimals() -> None:
    assert alternatives("{1.5..2.5..0.25}") == ["1.5", "1.75", "2", "2.25", "2.5"]
    assert alternatives("{2..1..0.5}") == ["2", "1.5", "1"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sma:{5..60", "a brace is not closed"),
        ("sma:{5,6", "a brace is not closed"),
        ("sma:{5}", "a range, {5..60} or {5..60..5}, or a list, {a,b}"),
        ("sma:{a..b}", "a range, {5..60} or {5..60..5}, or a list, {a,b}"),
        ("sma:{}", "a range, {5..60} or {5..60..5}, or a list, {a,b}"),
        ("{1..5..0}", "steps of 0"),
        ("{1..1000000000000}", "more than 100,000 values"),
        ("{1..1000}{1..1000}", "more than 100,000 values"),
    ],
)
def test_anything_else_in_braces_is_refused(text: str, why: str) -> None:
    """Also what would take the memory of the machine."""
    with pytest.raises(ConfigError) as caught:
        alternatives(text)
    assert why in str(caught.value)


def test_name_that_is_repeated_has_more_values() -> None:
    """Lists with commas are such values; what comes twice is one."""
    given = ["timeframes=1m,5m", "indicators=sma:{2,3}", "--timeframes=1m,1h", "timeframes=1m,5m"]
    assert chosen_values(given, "--set") == {"timeframes": ["1m,5m", "1m,1h"], "indicators": ["sma:2", "sma:3"]}
    with pytest.raises(ConfigError, match="--set 'sma:5': write NAME=VALUE"):
        chosen_values(["sma:5"], "--set")


def test_words_that_a_shell_made_of_braces_are_no_directories(tmp_path: Path) -> None:
    """Unless there is such a directory."""
    there = tmp_path / "history=7"
    there.mkdir()
    words = ["run", "indicators=sma:6", "indicators=sma:7", str(there), "other=1"]
    assert shell_expanded(words, ["indicators", "history"]) == (
        ["run", str(there), "other=1"],
        ["indicators=sma:6", "indicators=sma:7"],
    )
