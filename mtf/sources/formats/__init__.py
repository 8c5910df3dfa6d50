"""All known formats, one small module each: to add one, write its `Format` and list it here.

Other packages provide theirs through entry points. If one of these fails, that is reported, and it gets no file.
"""

from __future__ import annotations

from typing import Final

import attrs

from mtf.errors import ConfigError, MtfError
from mtf.plugins.entry_points import Plugin, installed, load, load_all, report_failure
from mtf.sources.file_format import NO, Format, FormatOptions, Plan
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
    ndjson,
    ninjatrader,
    oanda,
    polygon,
    sierra,
    stooq,
    tradestation,
    tradingview,
    truefx,
)
from mtf.sources.input_files import InputFile

__all__ = ["FORMATS", "checked_format", "find_format", "known_formats"]

KIND: Final = "formats"  # of plug-in

# First come those for binary files, those that only look at the path, and then those that look at the first bytes: one
# that is certain ends the search before the file is looked at as a table.
FORMATS: Final[tuple[Format, ...]] = (
    columnar.PARQUET,
    columnar.ARROW,
    lean.FORMAT,
    dukascopy.TICKS,
    dukascopy.CANDLES,
    binance.FORMAT,
    ndjson.FORMAT,
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
    if name in installed(KIND):
        return _guarded(installed(KIND)[name], load(KIND, name, checked_format))
    raise ConfigError(
        f"unknown format {name!r}: choose one of {', '.join(candidate.name for candidate in known_formats())}"
    )


def known_formats() -> tuple[Format, ...]:
    """Return every format, in the order in which they look at a file; plug-ins are loaded if there are any."""
    brought = [
        _guarded(plugin, found)
        for plugin, found in load_all(KIND, checked_format)
        if all(plugin.name != each.name for each in FORMATS)
    ]
    return (*FORMATS[:-1], *brought, FORMATS[-1])


def checked_format(found: object) -> Format:
    """Return the format of a plug-in; ConfigError if it is something else."""
    if not isinstance(found, Format):
        raise ConfigError(f"{found!r} is not an mtf.sources.Format")
    return found


def _guarded(plugin: Plugin, found: Format) -> Format:
    """Return the format *found* under the name of its *plugin*; its exceptions are reported."""

    def sniff(part: InputFile) -> int:
        try:
            return int(found.sniff(part))
        except Exception as error:  # noqa: BLE001 - whatever a plug-in does with a file, another format may read it
            report_failure(plugin, f"the format {plugin.name} of {plugin.origin} fails on {part.place}: {error!r}")
            return NO

    def plan(part: InputFile, options: FormatOptions) -> Plan:
        try:
            return found.plan(part, options)
        except MtfError:
            raise
        except Exception as error:
            raise ConfigError(f"the format {plugin.name} of {plugin.origin} fails: {error!r}") from error

    return attrs.evolve(found, name=plugin.name, sniff=sniff, plan=plan)
