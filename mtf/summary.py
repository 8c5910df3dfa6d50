"""The summary of a run: every event counted once, where it went and why."""

from __future__ import annotations

from typing import Any

import attrs

from mtf.engine import Engine

__all__ = ["Summary"]


@attrs.frozen(kw_only=True)
class Summary:
    """Counts since the first event of the log. `seconds` and `events_per_second` are of this run, 0 where not timed."""

    events: int  # in the log: ticks, rejected ones too, and clock events
    ticks: int  # accepted
    crossed: int  # accepted quotes with ask < bid
    locked: int  # accepted quotes with ask = bid
    clocks: int  # clock events
    rejected: dict[str, int]  # by reason; malformed ones are those of this run, and in no log
    bars: dict[str, int]  # completed, by timeframe
    symbols: dict[str, dict[str, Any]]  # the same by symbol
    seq: int
    digest: str
    seconds: float = 0.0
    new_events: int = 0  # logged by this run

    @classmethod
    def of(cls, engine: Engine, malformed: int, *, seconds: float = 0.0, new_events: int = 0) -> Summary:
        """Return the summary of everything that *engine* has taken; exact once nothing is under way in it."""
        gate = engine.gate
        counts = gate.counts()
        symbols: dict[str, dict[str, Any]] = {
            instrument.name: {
                "ticks": each.ticks,
                "late_accepted": each.late_accepted,
                "crossed": each.crossed,
                "locked": each.locked,
                "rejected": each.rejected,
            }
            for instrument, each in zip(gate.instruments, counts, strict=True)
        }
        rejected: dict[str, int] = {}
        if malformed:
            rejected["malformed"] = malformed
        for each in counts:
            for reason, count in each.rejected.items():
                rejected[reason] = rejected.get(reason, 0) + count
        if gate.late_clocks:
            rejected["late"] = rejected.get("late", 0) + gate.late_clocks
        return cls(
            events=engine.joiner.seq,
            ticks=sum(each.ticks for each in counts),
            crossed=sum(each.crossed for each in counts),
            locked=sum(each.locked for each in counts),
            clocks=gate.clocks,
            rejected=rejected,
            bars={aggregator.timeframe.name: aggregator.completed for aggregator in engine.aggregators},
            symbols=symbols,
            seq=engine.joiner.seq,
            digest=engine.digest.value(),
            seconds=seconds,
            new_events=new_events,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        fields = attrs.asdict(self)
        fields["events_per_second"] = round(self.new_events / self.seconds) if self.seconds > 0 else 0
        return fields
