"""`mtf chart`: the candles of one symbol and timeframe, in the terminal or as an SVG file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from mtf.cli.candles import bars_that_fit, chart_lines
from mtf.cli.charted import read_chart
from mtf.cli.directories import DIRECTORY
from mtf.cli.output import note, show
from mtf.cli.svg_candles import svg_of
from mtf.cli.terminal import look_at_stdout
from mtf.cli.times import time_of
from mtf.data import open_data

__all__ = ["chart"]

BARS_MAX: Final = 2_000
SVG_BARS: Final = 160


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.argument("symbol")
@click.argument("timeframe")
@click.option("--last", type=click.IntRange(1, BARS_MAX), metavar="N", help="How many bars; by default what fits.")
@click.option("--start", type=time_of, metavar="TIME", help="Bars that start then or later.")
@click.option("--end", type=time_of, metavar="TIME", help="Bars that start before this.")
@click.option(
    "--indicators", metavar="NAME,...", default="", help="Values that are prices, drawn on the bars: sma_20,ema_50."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.svg",
    help="Write an SVG file instead.",
)
def chart(
    directory: Path,
    symbol: str,
    timeframe: str,
    last: int | None,
    start: int | None,
    end: int | None,
    indicators: str,
    out: Path | None,
) -> None:
    """Draw the bars of SYMBOL and TIMEFRAME in DIR, the forming one included.

    SYMBOL is as `mtf state` has it, TIMEFRAME as 1m, 1h or 1d.
    """
    if out is not None and out.suffix.lower() != ".svg":
        raise click.BadParameter(f"{out}: only SVG is written: let the name end in .svg", param_hint="--out")
    look = look_at_stdout()
    count = last or (bars_that_fit(look) if out is None else SVG_BARS)
    names = [name for name in indicators.split(",") if name.strip()]
    with open_data(directory) as reader:
        found = read_chart(reader, symbol, timeframe, last=count, start_ns=start, end_ns=end, names=names)
    if not found.run:
        note(f"{found.timeframe} was not run in {directory}: its bars are built from shorter ones, and none is forming")
    if out is not None:
        out.write_text(svg_of(found), encoding="utf-8")
        note(f"{len(found.all_bars):,} bars drawn to {out}")
        return
    show(*chart_lines(found, look), fold=False)
