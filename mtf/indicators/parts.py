"""The parts that indicators side by side are made of: formulas, one row for all of them, and what is whose input.

An indicator that takes another as input is split into its parts: each part is there once, however many others use it,
whether or not it was requested itself, and wherever it is in the list. Keeps no state except that of users' own
indicators: a symbol's state is a hot and a cold row, copies of `hot` and `cold` here, in which the numbers of one part
follow those of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.errors import CorruptCheckpoint
from mtf.indicators.built_in import BuiltIn
from mtf.indicators.composed import Composed
from mtf.indicators.formula import BarNumbers, Formula
from mtf.indicators.held import Held
from mtf.indicators.indicator import Indicator, sealed, unsealed
from mtf.indicators.rolling import NAN, filled

__all__ = ["Parts"]

THE_BAR: Final = -1  # in place of a column: its input is the bar


@mypyc_attr(native_class=True)
class _Found:
    """The distinct parts of some indicators, while they are collected."""

    __slots__ = ("_places", "cold", "colds", "counts", "feeds", "formulas", "hot", "hots", "last", "lasts", "names")

    def __init__(self) -> None:
        self.formulas: list[Formula] = []
        self.names: list[str] = []  # of the state of each
        self.feeds: list[i64] = []  # for each, the place of the output that is its input, or THE_BAR
        self.lasts: list[i64] = []  # for each, the place of its first output
        self.hots: list[i64] = []  # for each, where its numbers begin
        self.colds: list[i64] = []
        self.hot: list[float] = []
        self.cold: list[float] = []
        self.last: list[float] = []  # the outputs of all
        self.counts: list[float] = []  # bars added to each
        self._places: dict[str, i64] = {}  # the place of the first output, by spec

    def add(self, item: Indicator) -> i64:
        """Add *item* and its input, unless already present; return the place of its first output."""
        if item.spec in self._places:
            return self._places[item.spec]
        feed: i64 = THE_BAR
        part = item
        if isinstance(item, Composed):
            feed = self.add(item.inner) + item.index
            part = item.outer
        place: i64 = len(self.last)
        self._places[item.spec] = place
        self.feeds.append(feed)
        self.lasts.append(place)
        self.names.append(part.state_name)
        self.hots.append(len(self.hot))
        self.colds.append(len(self.cold))
        self.counts.append(float(part.count))
        self.last.extend(part.values())
        if isinstance(part, BuiltIn):
            self.formulas.append(part.formula)
            self.hot.extend(part.hot)
            self.cold.extend(part.cold)
        else:
            held = Held(part)
            self.formulas.append(held)
            self.hot.extend(held.layout.hot)
            self.cold.extend(held.layout.cold)
        return place


@mypyc_attr(native_class=True)
class Parts:
    """What *items* are made of; each operation is on the rows of one symbol, at `hot[h]` and `cold[c]`."""

    __slots__ = (
        "_colds",
        "_columns",
        "_counts",
        "_fed",
        "_feeds",
        "_formulas",
        "_hots",
        "_lasts",
        "_names",
        "_plain",
        "_row",
        "cold",
        "hot",
        "width",
    )

    def __init__(self, items: Sequence[Indicator]) -> None:
        found = _Found()
        columns: list[i64] = []
        for item in items:
            start = found.add(item)
            for i in range(item.width):
                columns.append(start + i)
        # A cold row begins with the outputs of all parts after the last bar; then, how many bars were added to each.
        head = found.last + found.counts
        self._formulas: Final = vec[Formula](found.formulas)  # each after its input
        self._names: Final = found.names
        self._feeds: Final = vec[i64](found.feeds)  # the place of each part's input, or THE_BAR
        self._counts: Final[i64] = len(found.last)
        self._lasts: Final = vec[i64](found.lasts)  # where the outputs of each begin in a cold row
        self._hots: Final = vec[i64](found.hots)  # where the numbers of each begin
        self._colds: Final = vec[i64]([len(head) + place for place in found.colds])
        self._columns: Final = vec[i64](columns)  # the place of each column among the parts' outputs
        linked = any([feed != THE_BAR for feed in found.feeds])
        held = any([isinstance(formula, Held) for formula in found.formulas])
        self._plain: Final = not linked and not held  # built-in formulas alone, each of bars and requested
        self._row: Final = filled(len(found.last), NAN)  # scratch: the outputs of all parts in a preview
        self._fed: Final = BarNumbers()  # scratch: what a part is fed with in place of the bar
        self.hot: Final = vec[float](found.hot)  # the rows of *items* as they were given
        self.cold: Final = vec[float](head + found.cold)
        self.width: Final[i64] = len(columns)  # of the requested ones

    def begin(self, hot: vec[float], h: i64) -> None:
        """Complete the rows of a new symbol, which are copies of `hot` and `cold`."""
        for k, formula in enumerate(self._formulas):
            formula.begin(hot, h + self._hots[k])

    def count(self, cold: vec[float], c: i64) -> i64:
        """Return the number of completed bars added."""
        if len(self._formulas) == 0:
            return 0
        return i64(cold[c + self._counts])  # of the first part, whose input is the bar: an input precedes what uses it

    def commit(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        """Add one completed bar."""
        hots = self._hots
        colds = self._colds
        feeds = self._feeds
        counts = c + self._counts
        last = c
        k: i64 = 0
        if self._plain:
            for formula in self._formulas:
                formula.preview(hot, h + hots[k], bar, cold, last)
                formula.push(hot, h + hots[k], cold, c + colds[k], bar)
                cold[counts + k] += 1.0
                last += formula.width
                k += 1
            return
        fed = self._fed
        for formula in self._formulas:
            feed = feeds[k]
            if feed == THE_BAR:
                formula.commit(hot, h + hots[k], cold, c + colds[k], bar, last)
                cold[counts + k] += 1.0
            elif cold[c + feed] == cold[c + feed]:
                fed.become(cold[c + feed], bar)
                formula.commit(hot, h + hots[k], cold, c + colds[k], fed, last)
                cold[counts + k] += 1.0
            else:
                formula.skip(hot, h + hots[k])
                for i in range(formula.width):
                    cold[last + i] = NAN
            last += formula.width
            k += 1

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        """Write every output as if *bar* closed now, from `out[at]` on; change nothing else."""
        hots = self._hots
        k: i64 = 0
        if self._plain:
            for formula in self._formulas:
                formula.preview(hot, h + hots[k], bar, out, at)
                at += formula.width
                k += 1
            return
        row = self._row
        fed = self._fed
        place: i64 = 0
        for formula in self._formulas:
            feed = self._feeds[k]
            if feed == THE_BAR:
                formula.preview(hot, h + hots[k], bar, row, place)
            elif row[feed] == row[feed]:
                fed.become(row[feed], bar)
                formula.preview(hot, h + hots[k], fed, row, place)
            else:
                for i in range(formula.width):
                    row[place + i] = NAN
            place += formula.width
            k += 1
        self._pick(row, 0, out, at)

    def current(self, cold: vec[float], c: i64, out: vec[float], at: i64) -> None:
        """Write every completed value, from `out[at]` on."""
        if not self._plain:
            self._pick(cold, c, out, at)
            return
        stop = c + self.width
        while c < stop:
            out[at] = cold[c]
            at += 1
            c += 1

    def save(self, hot: vec[float], h: i64, cold: vec[float], c: i64) -> bytes:
        """Return the state of all."""
        parts: list[bytes] = []
        for k, name in enumerate(self._names):
            state = sealed(name, self._saved(k, hot, h, cold, c))
            parts.append(len(state).to_bytes(4, "little"))
            parts.append(state)
        return b"".join(parts)

    def load(self, hot: vec[float], h: i64, cold: vec[float], c: i64, data: bytes) -> None:
        """Take over a state that `save` returned; CorruptCheckpoint, and no change, if it is not of these parts."""
        states: list[bytes] = []
        at = 0
        for name in self._names:
            size = int.from_bytes(data[at : at + 4], "little")
            state = data[at + 4 : at + 4 + size]
            if len(state) != size or at + 4 > len(data):
                raise CorruptCheckpoint(f"the state of the set ends in the middle of {name}")
            states.append(unsealed(name, state))
            at += 4 + size
        if at != len(data):
            raise CorruptCheckpoint(f"the state of the set has {len(data) - at} extra bytes")
        before = [self._saved(k, hot, h, cold, c) for k in range(len(self._names))]
        try:
            self._load(hot, h, cold, c, states)
        except BaseException:
            self._load(hot, h, cold, c, before)
            raise

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        """Save the state of all, or take over one that was saved by the same `names`."""
        for k in range(len(self._formulas)):
            self._archive(k, archive, hot, h, cold, c)

    def names(self) -> str:
        """Return the names of the parts' states, with their versions."""
        return "\n".join(self._names)

    def _saved(self, k: i64, hot: vec[float], h: i64, cold: vec[float], c: i64) -> bytes:
        archive = Archive()
        self._archive(k, archive, hot, h, cold, c)
        return archive.finish()

    def _load(self, hot: vec[float], h: i64, cold: vec[float], c: i64, states: list[bytes]) -> None:
        for k, state in enumerate(states):
            archive = Archive(state)
            self._archive(k, archive, hot, h, cold, c)
            archive.finish()

    def _archive(self, k: i64, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        """Hand the state of the part *k* to *archive*."""
        self._formulas[k].archive_all(
            archive, hot, h + self._hots[k], cold, c + self._colds[k], c + self._counts + k, c + self._lasts[k]
        )

    def _pick(self, outputs: vec[float], first: i64, out: vec[float], at: i64) -> None:
        """Write the requested ones of the parts' *outputs*, which begin at *first*, from `out[at]` on."""
        for column in self._columns:
            out[at] = outputs[first + column]
            at += 1
