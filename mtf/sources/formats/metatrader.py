"""MetaTrader bars: its own export, and the data set of ejtraderLabs, which has prices in points.

Both are stamped at their open by the clock of the broker's server, which for most of them is Athens' (`zone=` says
another). The export is `<DATE> <TIME> <OPEN> <HIGH> <LOW> <CLOSE> <TICKVOL> <VOL> <SPREAD>`, parted by tabs. The data
set's points carry the noise of a float (130583.99999999999) and are rounded to whole ones.
"""

from __future__ import annotations

from typing import Final

import attrs

from mtf.sources.format import LIKELY, NO, Format, Options, Plan
from mtf.sources.formats.csv import guessed_plan, table_plan
from mtf.sources.guess import guess_layout, look, shift_of
from mtf.sources.naming import point_shift
from mtf.sources.parts import Part

__all__ = ["EXPORT", "POINTS"]

SERVER_ZONE: Final = "Europe/Athens"


def _sniff_export(part: Part) -> int:
    table = look(part)
    if table is None or table.header is None or "<OPEN>" not in table.header:
        return NO
    return LIKELY + 1


def _plan_export(part: Part, options: Options) -> Plan:
    return guessed_plan(part, options, zone=SERVER_ZONE)


def _sniff_points(part: Part) -> int:
    table = look(part)
    if table is None or table.header != ["Date", "open", "high", "low", "close", "tick_volume"] or not table.rows:
        return NO
    return LIKELY if len(table.rows[0][1].partition(".")[0]) >= 5 else NO


def _plan_points(part: Part, options: Options) -> Plan:
    table = look(part, delimiter=options.delimiter, header=options.header)
    if table is None or not table.rows:
        return guessed_plan(part, options)
    layout = guess_layout(part, table, options, zone=SERVER_ZONE)
    shift = shift_of(options.point, point_shift(layout.symbol))
    return table_plan(part, attrs.evolve(layout, shift=shift, whole=True))


EXPORT: Final = Format(
    name="metatrader",
    description="MetaTrader 5's exported bars, in the time of the broker's server",
    sniff=_sniff_export,
    plan=_plan_export,
)
POINTS: Final = Format(
    name="metatrader-points",
    description="MetaTrader bars with prices in points, as ejtraderLabs publishes them",
    sniff=_sniff_points,
    plan=_plan_points,
)
