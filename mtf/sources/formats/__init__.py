"""Every format that is known, one small module each: to add one, write its `Format` and list it here."""

from __future__ import annotations

from typing import Final

from mtf.errors import ConfigError
from mtf.sources.file_format import Format
from mtf.sources.formats import (
    binance,
    binance_files,
    columnar,
    crypto,
    cryptodatadownload,
    csv,
    databento,
    dukascopy,
    histdata,
    investing,
    kaiko,
    lean,
    metatrader,
    ninjatrader,
    oanda,
    polygon,
    sierra,
    stooq,
    tradestation,
    tradingview,
    truefx,
)

__all__ = ["FORMATS", "find_format"]

# In front stand those for what is not text, those that look at the path alone, and then those that look at the first
# bytes: a certain one ends the search before the file is looked at as a table.
FORMATS: Final[tuple[Format, ...]] = (
    columnar.PARQUET,
    columnar.ARROW,
    lean.FORMAT,
    dukascopy.TICKS,
    dukascopy.CANDLES,
    binance.FORMAT,
    dukascopy.CSV,
    binance_files.FORMAT,
    crypto.KRAKEN,
    crypto.MTGOX,
    crypto.TARDIS,
    cryptodatadownload.FORMAT,
    databento.FORMAT,
    histdata.FORMAT,
    investing.FORMAT,
    kaiko.FORMAT,
    metatrader.EXPORT,
    metatrader.POINTS,
    ninjatrader.FORMAT,
    oanda.FORMAT,
    polygon.FORMAT,
    sierra.FORMAT,
    stooq.FORMAT,
    tradestation.FORMAT,
    tradingview.FORMAT,
    truefx.FORMAT,
    csv.FORMAT,
)


def find_format(name: str) -> Format:
    """Return the format called *name*; ConfigError if there is none."""
    for candidate in FORMATS:
        if candidate.name == name:
            return candidate
    raise ConfigError(f"unknown format {name!r}: choose from {', '.join(candidate.name for candidate in FORMATS)}")
