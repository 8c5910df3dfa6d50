"""The settings of a configuration file that decide results, which services and clusters have in common."""

# ruff: noqa: RUF009 - `setting` makes a field of attrs

from __future__ import annotations

from typing import Any, Final, Literal

import attrs

from mtf.bars.verdicts import PRICE_MAX
from mtf.timeframe import DEFAULT_TIMEFRAMES

__all__ = ["TEXT", "ResultSettings", "setting"]

TEXT: Final = "text"  # in the metadata of a field: what it means

Texts = str | tuple[str, ...]


def setting(text: str, **options: Any) -> Any:
    """Return a field of a table of settings; *text* says what it means, *options* are those of `attrs.field`."""
    return attrs.field(metadata={TEXT: text}, **options)


@attrs.frozen(kw_only=True)
class ResultSettings:
    """What decides bars and values, as `mtf.Config.make` takes it."""

    timeframes: Texts = setting("the timeframes", default=tuple(str(each) for each in DEFAULT_TIMEFRAMES))
    calendar: str | dict[str, Any] = setting("a calendar by name, or a table as in docs/calendars.md", default="fx")
    price: str = setting("the side of quotes that is the price", default="auto")
    closed: Literal["reject", "keep"] = setting("what happens to ticks while the market is closed", default="reject")
    late: Literal["reject", "accept"] = setting("what happens to late ticks", default="reject")
    anchor: Literal["day", "utc"] = setting("what intraday bars are counted from", default="day")
    history: int = setting("completed bars in memory, per symbol and timeframe", default=1000)
    indicators: Texts | dict[str, Texts] | None = setting("the indicators, or by timeframe", default=None)
    live: Literal["each", "asked", "off"] = setting("the rows for which live values are computed", default="each")
    prices: Literal["positive", "any"] = setting("the numbers that are valid prices", default="positive")
    price_max: float = setting("numbers this far from 0 are not prices", default=PRICE_MAX)
    delay_ns: int | dict[str, int] = setting("usual delay of ticks, or by symbol or pattern", default=0)
    overfill: Literal["split", "whole"] = setting("a trade too large for a bar of activity", default="split")
    overnight: Literal["close", "carry"] = setting("whether a bar of activity closes with its day", default="close")

    @property
    def given(self) -> dict[str, Any]:
        """The settings that differ from their defaults, by name."""
        values = {each.name: (getattr(self, each.name), each.default) for each in attrs.fields(type(self))}
        return {name: value for name, (value, default) in values.items() if value != default}
