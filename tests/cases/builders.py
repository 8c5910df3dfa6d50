"""A case through the command line: run it, and read what it made as lines.

run = Run(path, tmp_path, "--calendar", "crypto", "--timeframes", "1m")
run.summary["rows"]       {"read": 5, "accepted": 4, "rejected": 1, "malformed": 0}
run.bars("X", "1m")       ["03-06 10:00 100/105/95/101 v60", ...], the one that still forms too
run.days("X")             ["2024-03-06 100/105/95/101 v60", ...]
run.ticks("X")            ["03-06 10:00:00 1.1/1.2", "03-06 10:00:01 3720.25x5", ...]

Times are UTC, prices are rounded to eight decimals, as sums of binary fractions are not decimals.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from tests.cli.builders import json_of, mtf

__all__ = ["CRYPTO", "Run", "number", "refused"]

CRYPTO: Final = ("--calendar", "crypto", "--timeframes", "1m")


class Run:
    """`mtf run` of *source* into a data directory in *folder*; the same folder again goes on."""

    def __init__(self, source: Path, folder: Path, *options: str) -> None:
        self.data: Final = folder / "data"
        result = mtf("run", source, "--data", self.data, "--json", *options)
        assert result.exit_code == 0, result.output
        self.stderr: Final = result.stderr
        self.summary: Final[dict[str, Any]] = orjson.loads(result.stdout)
        self.read_as: Final[dict[str, Any]] = self.summary["read_as"][0]

    @property
    def symbols(self) -> list[str]:
        return list(self.summary["symbols"])

    def rows_of_bars(self, symbol: str, timeframe: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json_of(
            "bars", self.data, "--symbol", symbol, "--timeframe", timeframe, "--partial", "--format", "json"
        )
        return found

    def bars(self, symbol: str, timeframe: str) -> list[str]:
        return [
            f"{moment(bar['start_ns'], '%m-%d %H:%M')} {prices(bar)}" for bar in self.rows_of_bars(symbol, timeframe)
        ]

    def days(self, symbol: str, timeframe: str = "1d") -> list[str]:
        return [f"{bar['trading_day']} {prices(bar)}" for bar in self.rows_of_bars(symbol, timeframe)]

    def ticks(self, symbol: str) -> list[str]:
        rows = json_of("ticks", self.data, "--symbol", symbol, "--format", "json")
        return [f"{moment(row['ts_ns'], '%m-%d %H:%M:%S')} {sides(row)}" for row in rows]


def refused(source: Path, *options: str) -> str:
    """Return what `mtf run` of *source* says as it refuses it: 1, for the data, or 2, for an option to be given."""
    result = mtf("run", source, *options)
    assert result.exit_code in (1, 2), result.output
    assert result.stdout == ""
    return result.stderr


def moment(ts_ns: int, form: str) -> str:
    return datetime.datetime.fromtimestamp(ts_ns // 10**9, datetime.UTC).strftime(form)


def prices(bar: dict[str, Any]) -> str:
    four = "/".join(number(bar[name]) for name in ("open", "high", "low", "close"))
    return f"{four} v{number(bar['volume'])}"


def sides(tick: dict[str, Any]) -> str:
    if tick["kind"] == "quote":
        return f"{number(tick['bid'])}/{number(tick['ask'])}"
    return f"{number(tick['price'])}x{number(tick['size'])}"


def number(value: float) -> str:
    """The decimal that *value* is meant as: without noise, zeros at its end or an exponent."""
    text = f"{value:.8f}"
    return text.rstrip("0").rstrip(".")
