"""Messages to the page: states, bars and tables as plain values, made from snapshots.

Times in nanoseconds are text, because a browser's numbers are only exact up to 2^53. A missing value is null. The
present and the past use the same functions, so that both look the same.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from mtf.bars.bar import Bar, PartialBar
from mtf.config import Config
from mtf.events.tick import Tick
from mtf.frames.snapshot import Snapshot
from mtf.frames.timeframe_state import TimeframeState
from mtf.indicators.plotting import plot_of
from mtf.kernel import Kernel
from mtf.matrix import last_price
from mtf.units import SECOND_NS
from mtf.web.market import Reject
from mtf.web.session_words import Session

__all__ = [
    "bar_row",
    "config_message",
    "output_plots",
    "reject_row",
    "starts_of",
    "state_message",
    "symbol_row",
    "unseen_bars",
]

CLOSED_MAX: Final = 500  # bars of a timeframe in one state; a client that is further behind reloads them
FLAGS: Final = ("first", "last", "incomplete", "day_incomplete", "off_session", "filled", "from_bars")


def state_message(
    snapshot: Snapshot,
    *,
    outputs: Sequence[str] | None,
    tick: Tick | None,
    session: Session | None,
    rejects: Iterable[Reject] = (),
    unseen: Mapping[str, int] | None = None,
    previous_seq: int | None = None,
    decimals: int,
) -> dict[str, Any]:
    """Return the whole state of one symbol. *outputs* are the indicator outputs wanted; None: all.

    *unseen* has, by timeframe, how many of the newest completed bars the client does not have: they are in `closed`. If
    there are too many, or some are no longer in memory, there is no `prev_seq`, and the client must reload its bars.
    """
    states = list(snapshot)
    if unseen is not None and any(unseen[each.timeframe.name] > _sendable(each) for each in states):
        previous_seq = None
    return {
        "type": "state",
        "symbol": snapshot.symbol,
        "seq": snapshot.seq,
        "prev_seq": previous_seq,
        "time_ns": str(snapshot.time_ns) if snapshot.time_ns >= 0 else None,
        "decimals": decimals,
        "bid": None if tick is None or tick.is_trade else tick.bid,
        "ask": None if tick is None or tick.is_trade else tick.ask,
        "last": last_price(states),
        "side": snapshot.side,
        "ticks": snapshot.counts.ticks,
        "rejected": snapshot.counts.rejected,
        "session": None if session is None else session_row(session),
        "tf": {
            state.timeframe.name: _timeframe(state, outputs, 0 if unseen is None else unseen[state.timeframe.name])
            for state in states
        },
        "rejects": [reject_row(each) for each in rejects],
    }


def unseen_bars(snapshot: Snapshot, starts: Mapping[str, int], closed: Mapping[str, int | None]) -> dict[str, int]:
    """Return by timeframe how many completed bars a client does not have; more than can be sent if that is unknown.

    *starts* has the start of the newest bar that it has of each timeframe of time; without one, it has none. *closed*
    has how many bars of each timeframe of activity closed since; None: unknown.
    """
    found = {}
    for state in snapshot:
        name, window = state.timeframe.name, state.bars
        if state.timeframe.timed:
            after_ns = starts.get(name)
            count = len(window) if after_ns is None else len(window) - bisect_right(window.start_ns, after_ns)
            is_known = after_ns is None or count < len(window) or not count
        else:
            among = closed.get(name)
            count, is_known = among or 0, among is not None
        found[name] = count if is_known else len(window) + 1
    return found


def session_row(session: Session) -> dict[str, Any]:
    return {
        "state": session.state,
        "until_ns": None if session.until_ns is None else str(session.until_ns),
        "text": session.text,
    }


def starts_of(snapshot: Snapshot) -> dict[str, int]:
    """Return the start of the newest completed bar of each timeframe of time that has one, for a later `since`."""
    found = {}
    for state in snapshot:
        window = state.bars
        if state.timeframe.timed and len(window):
            found[state.timeframe.name] = int(window[-1].start_ns)
    return found


def bar_row(bar: Bar) -> dict[str, Any]:
    """Return a bar in the page's form."""
    gap = bar.gap
    row: dict[str, Any] = {
        "start_ns": str(bar.start_ns),
        "end_ns": str(bar.end_ns),
        "o": bar.open,
        "h": bar.high,
        "l": bar.low,
        "c": bar.close,
        "v": bar.volume,
        "ticks": bar.ticks,
        "day": None if bar.trading_day is None else bar.trading_day.isoformat(),
        "flags": [name for name in FLAGS if getattr(bar, name)],
        "gap": None
        if gap is None
        else {
            "closed_ns": str(gap.closed_ns),
            "holiday_ns": str(gap.holiday_ns),
            "break_ns": str(gap.break_ns),
            "silence_ns": str(gap.silence_ns),
        },
    }
    if isinstance(bar, PartialBar):
        row["progress"] = bar.progress
    return row


def reject_row(reject: Reject) -> dict[str, Any]:
    return {
        "seq": reject.seq,
        "symbol": reject.symbol,
        "time_ns": str(reject.time_ns),
        "reason": reject.reason,
        "price": reject.price,
    }


def symbol_row(snapshot: Snapshot, *, state: str, decimals: int) -> dict[str, Any]:
    """Return the row of a symbol in the list of all."""
    states = list(snapshot)
    timed = [each for each in states if each.timeframe.timed] or states
    day = snapshot["1d"] if "1d" in snapshot else timed[-1]
    shortest = states[0]
    partial = shortest.partial
    bars = day.bars
    return {
        "symbol": snapshot.symbol,
        "decimals": decimals,
        "last": last_price(states),
        "ref": bars[-1].close if len(bars) else (None if day.partial is None else day.partial.open),
        "ticks": snapshot.counts.ticks,
        "last_ns": str(snapshot.time_ns) if snapshot.time_ns >= 0 else None,
        "rejects": snapshot.counts.rejected,
        "state": state,
        "p1m": None if partial is None else bar_row(partial),
    }


def config_message(engine: Kernel, **more: Any) -> dict[str, Any]:
    """Return what the page needs once: timeframes, indicator outputs and how to draw them, calendars, symbols."""
    config = engine.config
    return {
        "timeframes": [_timeframe_row(config, k) for k in range(len(config.timeframes))],
        "outputs": output_plots(engine),
        "live": config.live,
        "history": config.history,
        "calendar": config.calendars.to_dict(),
        "symbols": len(engine.symbols()),
        **more,
    }


def output_plots(engine: Kernel) -> list[dict[str, Any]]:
    """Return each indicator output once, with how to draw it and the timeframes it runs on."""
    found: dict[str, dict[str, Any]] = {}
    for timeframe, specs, outputs in zip(
        engine.config.timeframes, engine.config.indicators, engine.schema.outputs, strict=True
    ):
        for output in outputs:
            if output.name not in found:
                spec = _spec_of(output.name, specs)
                plot = plot_of(spec.split(":")[0], output.name, on_price=output.on_price)
                found[output.name] = {
                    "name": output.name,
                    "spec": spec,
                    "pane": plot.pane,
                    "low": plot.low,
                    "high": plot.high,
                    "guides": plot.guides,
                    "draw": plot.draw,
                    "warmup": output.warmup,
                    "waits": output.waits,
                    "timeframes": [],
                }
            found[output.name]["timeframes"].append(timeframe.name)
    return list(found.values())


def _timeframe_row(config: Config, rank: int) -> dict[str, Any]:
    timeframe = config.timeframes[rank]
    return {
        "name": timeframe.name,
        "seconds": timeframe.length_ns // SECOND_NS if timeframe.timed else None,  # None: activity closes its bars
        "indicators": list(config.indicators[rank]),
    }


def _spec_of(output: str, specs: Sequence[str]) -> str:
    """Return the spec of *output*: the longest one whose name it begins with."""
    fits = [spec for spec in specs if output.startswith(spec.replace(":", "_").replace(",", "_"))]
    return max(fits, key=len, default=output)


def _timeframe(state: TimeframeState, outputs: Sequence[str] | None, unseen: int) -> dict[str, Any]:
    partial, window = state.partial, state.bars
    live, completed = state.live, state.completed
    names = list(live) if outputs is None else [name for name in outputs if name in live]
    return {
        "partial": None if partial is None else bar_row(partial),
        "live": {name: _value(live[name]) for name in names},
        "completed": {name: _value(completed[name]) for name in names if name in completed},
        "bars_seen": state.bars_seen,
        "newest_ns": str(window[-1].start_ns) if len(window) else None,
        "closed": _closed(state, names, min(unseen, _sendable(state))),
    }


def _closed(state: TimeframeState, names: Sequence[str], count: int) -> list[dict[str, Any]]:
    """Return the newest *count* completed bars, each with its values."""
    if not count:
        return []
    window = state.bars
    histories = {name: state.history(name) for name in names}
    return [
        bar_row(window[k]) | {"values": {name: _value(values[k]) for name, values in histories.items()}}
        for k in range(len(window) - count, len(window))
    ]


def _sendable(state: TimeframeState) -> int:
    """Return how many completed bars one message can have."""
    return min(len(state.bars), CLOSED_MAX)


def _value(value: float) -> float | None:
    return None if math.isnan(value) else value
