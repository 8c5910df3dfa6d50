"""Checks of the stored bars of a data directory: by SQLite, and against the results of the log."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from xxhash import xxh3_128

from mtf.errors import DataDirError
from mtf.storage.datadir import HISTORY, history_of, logged_config
from mtf.storage.history.contents import versions_of
from mtf.storage.history.packs import BarPage
from mtf.storage.history.schema import COLUMNS, bar_row
from mtf.storage.history.unusable import is_of_before
from mtf.storage.restore import logged_blocks, replay_engine

__all__ = ["check_history", "compare_bars", "stored_bars"]

SEQ: Final = COLUMNS.index("seq")

Damage = dict[str, Any]


def check_history(directory: Path) -> tuple[int | None, list[Damage]]:
    """Return the seq up to which bars are stored (None without a file), and the problems of the file."""
    path = directory / HISTORY
    if (not path.exists() and not path.is_symlink()) or is_of_before(path):
        return None, []  # the next start rebuilds it
    try:
        store = history_of(directory)
        return store.position(), [_damage(path, what) for what in store.damage()]
    except DataDirError as error:
        return None, [_damage(path, str(error))]


def stored_bars(directory: Path, symbols: Iterable[str], timeframes: Iterable[str]) -> int:
    """Return the number of these bars that are stored."""
    path = directory / HISTORY
    counts = {} if not path.exists() or is_of_before(path) else history_of(directory).counts()
    return sum(counts.get((symbol, timeframe), 0) for symbol in symbols for timeframe in timeframes)


def compare_bars(directory: Path, watch: Callable[[int], object] = lambda _: None) -> list[Damage] | None:
    """Replay the log, and return the symbols and timeframes whose stored bars, or values, differ from its results.

    If the log's beginning was removed, only bars after the oldest checkpoint count; None if there is none. Pruned bars
    do not count. Memory has one hash per symbol and timeframe, however many bars there are. *watch* is called with the
    last event of each block that was replayed.
    """
    path = directory / HISTORY
    if not path.exists() or is_of_before(path):
        return []
    store = history_of(directory, versions_of(logged_config(directory)))
    stored = store.stored()
    stored_seq, pruned_ns, valued = stored.seq, stored.pruned_ns, store.valued()
    replayed: dict[tuple[str, str], xxh3_128] = {}
    engine, is_exact = replay_engine(directory)
    if not is_exact:
        return None
    first_seq = engine.joiner.seq + 1
    last_seq = first_seq - 1
    for block in logged_blocks(directory, first_seq, stored_seq):
        frame = engine.step(block)
        for k, closed in enumerate(frame.closings):
            bar, seq = closed.bar, block.first_seq + closed.row
            if bar.start_ns < pruned_ns:
                continue
            hashed = replayed.setdefault((bar.symbol, bar.timeframe.name), xxh3_128())
            has_values = any(after < seq <= last for after, last in valued)
            _feed(hashed, bar_row(bar, seq), frame.closings.completed(k) if has_values else ())
        last_seq = block.last_seq
        watch(int(last_seq))
    damage = []
    for symbol, timeframe in sorted(set(replayed) | set(store.counts())):
        found = xxh3_128()
        for page in store.pages(symbol, timeframe):
            columns = [page.values(name) for name in page.outputs] if isinstance(page, BarPage) else []
            for k, row in enumerate(page):
                if first_seq <= row[SEQ] <= last_seq:
                    _feed(found, row, [column[k] for column in columns if column is not None])
        if found.digest() != replayed.get((symbol, timeframe), xxh3_128()).digest():
            damage.append(_damage(path, f"stored {timeframe} bars of {symbol} differ from those of the log"))
    return damage


def _feed(hashed: xxh3_128, row: tuple[Any, ...], values: Iterable[float]) -> None:
    hashed.update(repr(row).encode())
    hashed.update(array("d", values).tobytes())


def _damage(path: Path, what: str) -> Damage:
    return {"path": str(path), "seq": None, "what": what}
