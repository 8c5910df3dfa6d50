"""The engine: an event goes in and the bars it closes come out, in one call and without asyncio.

For notebooks, backtests and event loops of your own. Verdicts, bars, values and digest equal those of a pipeline that
the same events are pushed into: it is the same kernel, one tick at a time. A tick that can neither close a bar nor be
rejected only waits, and is processed with later ones when a bar closes or state is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import index
from typing import Any, Final, SupportsIndex

from mypy_extensions import i64, mypyc_attr
from xxhash import xxh3_64_intdigest

from mtf.archive import ANY_MAX, Archive
from mtf.bars.bar import Bar
from mtf.bars.gate import PLAIN_QUOTE, PLAIN_TRADE, Gate
from mtf.bars.intake import take
from mtf.bars.verdicts import PRICE_MAX, VERDICT_NAMES
from mtf.config import Config, IndicatorSpecs, given_config
from mtf.errors import ConfigMismatch, CorruptCheckpoint, MalformedEvent, PipelineStopped, UnknownSymbol
from mtf.events.block import BOTH_SIDES, HAS_ASK, HAS_BID, SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.events.malformed import BAD_TIME, is_instant
from mtf.events.malformed import REASONS as FAULTS
from mtf.events.old_stamps import OLDEST_NS, too_old
from mtf.frames.snapshot import Snapshot
from mtf.indicators.catalogue import version_changes
from mtf.kernel import RESULTS, Kernel, bar_clock_of
from mtf.summary import Summary
from mtf.timeframe import DEFAULT_TIMEFRAMES, Timeframe
from mtf.units import NEVER_NS, TS_MAX_NS

__all__ = ["Engine"]

WAITING_MAX: Final = 1024  # ticks waiting to be processed together
MALFORMED: Final = -1
MAGIC: Final = "mtf engine"
FORMAT: Final = 2  # 1: bars and values were saved with the state of their symbol
SUM_BYTES: Final = 8
INF: Final = float("inf")


@mypyc_attr(native_class=True)
class _Lane:
    """A fast path for one symbol: while its next tick is plain, it is accepted and closes no bar."""

    __slots__ = ("name", "newest_ns", "tag", "until_ns")

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.tag: i64 = 0  # of plain ticks: PLAIN_QUOTE, PLAIN_TRADE, or 0 for none
        self.newest_ns: i64 = TS_MAX_NS  # the symbol's clock
        self.until_ns: i64 = NEVER_NS  # the next end of a bar or of a market session


@mypyc_attr(native_class=True)
class Engine:
    """Keeps every timeframe of every symbol in one consistent state, at every tick, without an event loop.

    The settings are those of `mtf.Config`, all of which affect results; *config* passes them as one value. Events are
    processed in order, as in a pipeline without a wall clock (`clock="ticks"`): time passes with the ticks of each
    symbol, and with `clock`. A tick stamped before *oldest_ns* cannot be in nanoseconds, and is malformed. Nothing is
    kept on disk. Not thread-safe.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        timeframes: str | Iterable[str | Timeframe] = DEFAULT_TIMEFRAMES,
        calendar: Any = "fx",
        price: str = "auto",
        closed: str = "reject",
        late: str = "reject",
        anchor: str = "day",
        history: int = 1000,
        indicators: IndicatorSpecs = None,
        live: str = "each",
        prices: str = "positive",
        price_max: float = PRICE_MAX,
        delay_ns: int | Mapping[str, int] = 0,
        overfill: str = "split",
        overnight: str = "close",
        oldest_ns: int = OLDEST_NS,
    ) -> None:
        settings: dict[str, Any] = {
            "calendar": calendar,
            "price": price,
            "closed": closed,
            "late": late,
            "anchor": anchor,
            "history": history,
            "indicators": indicators,
            "live": live,
            "prices": prices,
            "price_max": price_max,
            "delay_ns": delay_ns,
            "overfill": overfill,
            "overnight": overnight,
        }
        if timeframes != DEFAULT_TIMEFRAMES:  # compiled code has its own copy of the tuple; `make` compares identity
            settings["timeframes"] = timeframes
        self._config: Config = given_config(config, settings)
        self._low: Final[float] = -float(self._config.price_max) if self._config.prices == "any" else 0.0
        self._high: Final[float] = float(self._config.price_max)
        self._bar_clock: Final = bar_clock_of(self._config)
        self._bar_clock.strict = self._config.asked
        self._kernel: Kernel = Kernel(self._config)
        self._gate: Gate = self._kernel.gate
        self._builder: BlockBuilder = self._new_builder([])
        self._next_seq: i64 = 1  # of the first event waiting in the block builder
        self._lanes: dict[str, _Lane] = {}  # by symbol
        self._lane: _Lane = _Lane("")  # of the newest tick
        self._verdict: i64 = MALFORMED - 1  # of the newest event; below MALFORMED: there was none
        self._failure = ""  # the error that stopped it
        self._oldest_ns: Final[int] = oldest_ns

    # Input.

    def tick(
        self,
        symbol: str,
        ts_ns: SupportsIndex,
        bid: float | None = None,
        ask: float | None = None,
        bid_size: float = 0.0,
        ask_size: float = 0.0,
        *,
        price: float | None = None,
        size: float = 0.0,
        id: str | None = None,
    ) -> tuple[Bar, ...]:
        """Process a quote (*bid*, *ask*, or one of them) or a trade (*price*); return the bars it closed, in order.

        *ts_ns* is event time in nanoseconds UTC. A rejected tick closes nothing; `last_verdict` is the reason. Raises
        MalformedEvent, and only counts the tick, if it is invalid: a number is missing, NaN or negative, it is both a
        quote and a trade, or its time is before `oldest_ns` (1980 by default) or after 2200.
        """
        at = ts_ns if isinstance(ts_ns, int) else _as_int(ts_ns, "tick")
        lane = self._lane
        if is_instant(at) and id is None and (symbol == lane.name or self._select_lane(symbol)):
            lane = self._lane
            ts: i64 = at
            if lane.newest_ns <= ts < lane.until_ns and self._builder.count < WAITING_MAX:
                # The gate accepts it exactly like the previous tick, and it closes no bar of any timeframe.
                if price is None:
                    if bid is not None and ask is not None and lane.tag == PLAIN_QUOTE:
                        first, second = bid * 1.0, ask * 1.0
                        if (
                            self._low < first < self._high
                            and self._low < second < self._high
                            and 0.0 <= bid_size < INF
                            and 0.0 <= ask_size < INF
                        ):
                            self._builder.quote(symbol, ts, first, second, bid_size * 1.0, ask_size * 1.0)
                            lane.newest_ns = ts
                            self._verdict = 0
                            return _NO_BARS
                elif bid is None and ask is None and lane.tag == PLAIN_TRADE:
                    first = price * 1.0
                    if self._low < first < self._high and 0.0 <= size < INF:
                        self._builder.trade(symbol, ts, first, size * 1.0)
                        lane.newest_ns = ts
                        self._verdict = 0
                        return _NO_BARS
        return self._take(symbol, at, bid, ask, bid_size, ask_size, price, size, id)

    def bar(self, bar: Bar) -> tuple[Bar, ...]:
        """Process a completed *bar* as an observation of its interval; return the bars it closed, in order.

        It is known at its end, counts in timeframes at least as long as itself, and has one verdict. Raises
        MalformedEvent if it contradicts itself, StraddlingBar if it spans two bars of a timeframe, and ConfigError if a
        requested timeframe is shorter than the bar.
        """
        self._check()
        given: object = bar
        if not isinstance(given, Bar):  # the pure build checks no types, and would process a tick as a bar
            raise TypeError(f"bar() argument 'bar' must be Bar, not {type(given).__name__}")
        try:
            fault = FAULTS[take(self._builder, bar)]
        except (TypeError, AttributeError, OverflowError) as error:
            fault = str(error)
        if fault:
            raise self._malformed(repr(bar), fault)
        self._bar_clock.strict = False
        return self._process()

    def clock(self, ts_ns: SupportsIndex) -> tuple[Bar, ...]:
        """Process a clock event, "it is now *ts_ns*"; return the bars of all symbols that end by then, in order.

        MalformedEvent if the time is before 1678 or after 2200.
        """
        self._check()
        at = ts_ns if isinstance(ts_ns, int) else _as_int(ts_ns, "clock")
        if not is_instant(at):
            raise self._malformed(f"clock event at {at}", FAULTS[BAD_TIME])
        self._builder.clock(at)
        for lane in self._lanes.values():
            lane.until_ns = NEVER_NS
        return self._process()

    # State.

    @property
    def config(self) -> Config:
        """The settings that affect results."""
        return self._config

    @property
    def last_verdict(self) -> str:
        """The verdict on the newest event: `accepted`, `late_accepted`, or why it was rejected; empty before the first.

        The reasons are `duplicate`, `price`, `closed`, `late`, `unfinished`, and `malformed` for one that has no seq.
        """
        if self._verdict < MALFORMED:
            return ""
        return "malformed" if self._verdict == MALFORMED else VERDICT_NAMES[self._verdict]

    @property
    def seq(self) -> int:
        """The seq of the newest event; 0 before the first. A malformed event has none, a bar has four."""
        return self._next_seq - 1 + self._builder.count

    @property
    def symbols(self) -> list[str]:
        """The symbols that have had an event, in order of appearance."""
        return list(self._builder.symbols.names)

    def snapshot(self, symbol: str) -> Snapshot:
        """Return every timeframe of *symbol* as of the same seq; UnknownSymbol if it has had no event."""
        kernel = self._up_to_date()
        number = kernel.number_of(symbol)
        if number < 0:
            known = ", ".join(self.symbols) or "none"
            raise UnknownSymbol(f"no event of {symbol!r} has been seen; known symbols: {known}")
        return kernel.snapshot(number)

    @property
    def digest(self) -> str:
        """The digest of everything so far."""
        return str(self._up_to_date().digest.value())

    def summary(self) -> Summary:
        """Return the counts so far."""
        return Summary.of(self._up_to_date(), self._builder.malformed)

    def save(self) -> bytes:
        """Return the whole state; an engine that loads it continues with bit-identical results."""
        kernel = self._up_to_date()
        archive = Archive()
        archive.text(MAGIC)
        archive.int64(FORMAT, FORMAT, FORMAT)
        archive.int64(RESULTS, RESULTS, RESULTS)
        archive.blob(self._config.current().to_json())
        archive.int64(self._builder.malformed, 0, ANY_MAX)
        archive.int64(self._verdict, MALFORMED - 1, len(VERDICT_NAMES) - 1)
        parts = kernel.save()
        archive.count(len(parts), 16)
        for name, part in parts.items():
            archive.text(name)
            archive.blob(part)
        data = archive.finish()
        return data + int(xxh3_64_intdigest(data)).to_bytes(SUM_BYTES, "little")

    def load(self, data: bytes) -> None:
        """Replace the state with one that `save` returned.

        ConfigMismatch if it was saved with a different configuration, CorruptCheckpoint if it is damaged or from an
        incompatible version of mtf; the engine is then unchanged.
        """
        body, wanted = data[:-SUM_BYTES], data[-SUM_BYTES:]
        if int(xxh3_64_intdigest(body)).to_bytes(SUM_BYTES, "little") != wanted:
            raise CorruptCheckpoint("not a saved engine state, or damaged: pass the bytes that save() returned")
        archive = Archive(body)
        if archive.text("") != MAGIC:
            raise CorruptCheckpoint("not a saved engine state: pass the bytes that save() returned")
        made_with = archive.int64(0, 0, ANY_MAX), archive.int64(0, 0, ANY_MAX)
        if made_with not in ((FORMAT, RESULTS), (1, RESULTS)):
            raise CorruptCheckpoint(
                f"saved by an incompatible version of mtf (format {made_with[0]}, results {made_with[1]}; this one has "
                f"{FORMAT} and {RESULTS}): pass the events to this engine again"
            )
        self._check_config(archive.blob(b""))
        malformed = archive.int64(0, 0, ANY_MAX)
        verdict = archive.int64(0, MALFORMED - 1, len(VERDICT_NAMES) - 1)
        parts: dict[str, bytes] = {}
        for _ in range(archive.count(0, 16)):
            name = archive.text("")
            parts[name] = archive.blob(b"")
        archive.finish()
        kernel = Kernel(self._config)
        kernel.load(parts)
        self._kernel = kernel
        self._gate = kernel.gate
        self._builder = self._new_builder([instrument.name for instrument in self._gate.instruments])
        self._builder.bar_kinds.update(self._gate.bar_kinds())
        self._builder.malformed = malformed
        self._bar_clock.strict = self._config.asked and kernel.joiner.seq == 0
        self._next_seq = kernel.joiner.seq + 1
        self._lanes = {}
        self._lane = _Lane("")
        self._verdict = verdict
        self._failure = ""

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored, (self._config, self.save(), self._oldest_ns))

    def __repr__(self) -> str:
        return f"Engine({', '.join(self._config.timeframes.names)}, at seq {self.seq})"

    # Internals.

    def _new_builder(self, names: list[str]) -> BlockBuilder:
        builder = BlockBuilder(SymbolTable(names), bar_clock=self._bar_clock)
        builder.one_kind = self._config.price == "auto"
        return builder

    def _select_lane(self, symbol: str) -> bool:
        """Switch to the lane of *symbol*; return False if it has none yet."""
        lane = self._lanes.get(symbol)
        if lane is None:
            return False
        self._lane = lane
        return True

    def _take(
        self,
        symbol: str,
        ts_ns: int,
        bid: float | None,
        ask: float | None,
        bid_size: float,
        ask_size: float,
        price: float | None,
        size: float,
        id: str | None,
    ) -> tuple[Bar, ...]:
        """Check any kind of tick, and process it together with the waiting ones."""
        self._check()
        code: i64 = BAD_TIME
        fault = ""
        if ts_ns < self._oldest_ns and is_instant(ts_ns):
            fault = too_old(ts_ns, "engine")
        elif is_instant(ts_ns):
            if price is not None:
                if bid is not None or ask is not None:
                    fault = "it is a quote and a trade at once: pass two ticks"
                else:
                    code = self._builder.trade(symbol, ts_ns, price * 1.0, size * 1.0, id)
            else:
                sides: i64 = 0
                first = second = 0.0
                if bid is not None:
                    sides |= HAS_BID
                    first = bid * 1.0
                if ask is not None:
                    sides |= HAS_ASK
                    second = ask * 1.0
                code = self._builder.quote(
                    symbol, ts_ns, first, second, bid_size * 1.0, ask_size * 1.0, sides & BOTH_SIDES, id
                )
        fault = fault or FAULTS[code]
        if fault:
            what = f"bid={bid}, ask={ask}" if price is None else f"price={price}"
            raise self._malformed(f"tick({symbol!r}, {ts_ns}, {what})", fault)
        self._bar_clock.strict = False
        closed = self._process()
        self._update_lane(symbol)
        return closed

    def _malformed(self, what: str, fault: str) -> MalformedEvent:
        self._verdict = MALFORMED
        self._builder.malformed += 1
        return MalformedEvent(f"{what}: {fault}")

    def _process(self) -> tuple[Bar, ...]:
        """Process the waiting events and return the bars that closed; only the newest event can have closed any."""
        block = self._builder.take(self._next_seq)
        self._next_seq += block.count
        try:
            frame = self._kernel.step(block, False)
        except BaseException as error:
            self._failure = repr(error)
            self._lanes = {}
            self._lane = _Lane("")
            raise
        self._verdict = i64(frame.judged.verdicts[block.count - 1])
        closings = frame.closings
        return tuple([closings.bar(k) for k in range(closings.count)]) if closings.count else _NO_BARS

    def _update_lane(self, symbol: str) -> None:
        """Update the lane of *symbol*, after processing a tick of it: until when the next ones can be plain."""
        lane = self._lanes.get(symbol)
        if lane is None:
            lane = _Lane(symbol)
            self._lanes[symbol] = lane
        self._lane = lane
        lane.until_ns = NEVER_NS
        number = self._builder.symbols.find(symbol)
        tag, newest_ns, until_ns = self._gate.outlook(number)
        if tag != PLAIN_QUOTE and tag != PLAIN_TRADE:
            return
        for aggregator in self._kernel.aggregators:
            until_ns = min(until_ns, aggregator.end_of(number))
        lane.tag, lane.newest_ns, lane.until_ns = tag, newest_ns, until_ns

    def _up_to_date(self) -> Kernel:
        """Process the waiting events and return the kernel."""
        self._check()
        if self._builder.count:
            self._process()
        return self._kernel

    def _check(self) -> None:
        if self._failure:
            raise PipelineStopped(
                f"this engine failed while processing an event ({self._failure}): load a saved state, or create a new "
                "engine"
            )

    def _check_config(self, saved: bytes) -> None:
        """Raise ConfigMismatch unless a state under the configuration *saved* can be continued here."""
        here = self._config.current()
        there = Config.from_json(saved)
        differences = here.differences(there)
        if there.tzdata != here.tzdata:
            differences.append(f"tzdata: saved with {there.tzdata}, now {here.tzdata}")
        changed = version_changes(dict(there.versions), dict(here.versions))
        if changed:
            differences.append(changed)
        if differences:
            raise ConfigMismatch(f"saved with a different configuration ({'; '.join(differences)}): use the same one")


_NO_BARS: Final[tuple[Bar, ...]] = ()


def _as_int(ts_ns: SupportsIndex, call: str) -> int:
    """Return *ts_ns*, which may be an integer of another type (NumPy's), as an int."""
    try:
        return index(ts_ns)
    except TypeError:
        raise TypeError(f"{call}() argument 'ts_ns' must be int, not {type(ts_ns).__name__}") from None


def _restored(config: Config, state: bytes, oldest_ns: int) -> Engine:
    """Rebuild an engine for pickle and copy."""
    engine = Engine(config, oldest_ns=oldest_ns)
    engine.load(state)
    return engine
