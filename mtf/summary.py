"""The summary of a run: every event counted once, with its outcome and the reason."""

from __future__ import annotations

from typing import Any

import attrs

from mtf.kernel import Kernel
from mtf.order import LogOrder
from mtf.rows import NO_ROWS, RowCounts

__all__ = ["Summary"]


@attrs.frozen(kw_only=True)
class Summary:
    """Counts since the first event of the log. `seconds` and `events_per_second` are of this run, 0 if not timed."""

    events: int  # in the log: ticks, rejected ones too, and clock events
    ticks: int  # accepted
    crossed: int  # accepted quotes with ask < bid
    locked: int  # accepted quotes with ask = bid
    bad_sides: int  # accepted quotes of which one side is not a price: they count as one-sided
    id_reused: int  # accepted ticks with the id of another, different tick
    clocks: int  # clock events
    rejected: dict[str, int]  # by reason; malformed ones are in no log, and counted beside it
    rows: RowCounts  # of the sources that this run read
    bars: dict[str, int]  # completed, by timeframe
    symbols: dict[str, dict[str, Any]]  # the same by symbol
    order: str | None  # of the events of finite sources: `time`, or `log` once that has ended; None: there are none
    out_of_order: int  # of them those stamped before what another symbol had had already
    reordered: int  # of them those that a reorder window put before others
    seq: int
    digest: str
    seconds: float = 0.0
    new_events: int = 0  # logged by this run

    @classmethod
    def of(
        cls,
        engine: Kernel,
        malformed: int,
        rows: RowCounts = NO_ROWS,
        *,
        order: LogOrder | None = None,
        seconds: float = 0.0,
        new_events: int = 0,
    ) -> Summary:
        """Return the summary of everything that *engine* has processed; exact once nothing is in flight.

        *rows* are those that were read, *order* is that of the log it was taken from.
        """
        gate = engine.gate
        counts = gate.counts()
        symbols: dict[str, dict[str, Any]] = {
            instrument.name: {
                "ticks": each.ticks,
                "late_accepted": each.late_accepted,
                "crossed": each.crossed,
                "locked": each.locked,
                "bad_sides": each.bad_sides,
                "id_reused": each.id_reused,
                "price": side,
                "rejected": each.rejected,
            }
            for instrument, each, side in zip(gate.instruments, counts, gate.sides(), strict=True)
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
            bad_sides=sum(each.bad_sides for each in counts),
            id_reused=sum(each.id_reused for each in counts),
            clocks=gate.clocks,
            rejected=rejected,
            rows=rows,
            bars={aggregator.timeframe.name: aggregator.completed for aggregator in engine.aggregators},
            symbols=symbols,
            order=None if order is None else order.kind,
            out_of_order=0 if order is None else order.out_of_order,
            reordered=0 if order is None else order.reordered,
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
