"""`mtf chart`: the candles of one symbol and timeframe, in the terminal or as a picture in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from mtf.charts.charted import BARS_MAX, read_chart
from mtf.charts.picture import SUFFIXES, Picture
from mtf.charts.svg_candles import svg_of
from mtf.cli.candles import bars_that_fit, chart_lines
from mtf.cli.directories import DIRECTORY
from mtf.cli.output import note, show
from mtf.cli.terminal import look_at_stdout
from mtf.cli.times import time_of
from mtf.data import open_data

__all__ = ["chart"]

FILE_BARS: Final = 160


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.argument("symbol")
@click.argument("timeframe")
@click.option(
    "--last", type=click.IntRange(1, BARS_MAX), metavar="N", help="Number of bars; by default as many as fit."
)
@click.option("--start", type=time_of, metavar="TIME", help="Bars that start at this time or later.")
@click.option("--end", type=time_of, metavar="TIME", help="Bars that start before this time.")
@click.option(
    "--indicators", metavar="NAME,...", default="", help="Values that are prices, drawn on the bars: sma_20,ema_50."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a picture instead: .svg, .html or .png.",
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

    SYMBOL as in `mtf state`, TIMEFRAME such as 1m, 1h or 1d.
    """
    if out is not None and out.suffix.lower() not in SUFFIXES:
        raise click.BadParameter(f"{out}: the name must end in one of {', '.join(SUFFIXES)}", param_hint="--out")
    look = look_at_stdout()
    count = last or (bars_that_fit(look) if out is None else FILE_BARS)
    names = [name for name in indicators.split(",") if name.strip()]
    with open_data(directory) as reader:
        found = read_chart(reader, symbol, timeframe, last=count, start_ns=start, end_ns=end, names=names)
    if not found.run:
        note(
            f"{found.timeframe} was not run in {directory}: its bars are built from shorter ones, without a forming bar"
        )
    if out is not None:
        Picture(svg_of(found)).save(out)
        note(f"{len(found.all_bars):,} bars drawn to {out}")
        return
    show(*chart_lines(found, look), fold=False)
