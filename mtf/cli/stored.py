"""The stored bars of a data directory, looked at for damage: by SQLite, and against what comes of the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from xxhash import xxh3_128

from mtf.cli.datadir import config_of
from mtf.datadir import HISTORY, history_of
from mtf.engine import Engine
from mtf.errors import DataDirError
from mtf.history.store import FIND_SCHEMA, bar_row, check_schema, read_only_uri
from mtf.recovery import logged_blocks

__all__ = ["check_history", "compare_bars"]

PROBLEMS_MAX: Final = 20

Damage = dict[str, Any]


def check_history(directory: Path, last_seq: int) -> tuple[int | None, list[Damage]]:
    """Return up to which seq bars are stored (None: there is no file), and what is wrong with the file."""
    path = directory / HISTORY
    if not path.exists() and not path.is_symlink():
        return None, []  # the next start writes it anew
    damage: list[Damage] = []
    try:
        seq = history_of(directory).position()
        with closing(sqlite3.connect(read_only_uri(path), uri=True)) as connection:
            if check_schema(path, connection.execute(FIND_SCHEMA).fetchall()):
                for (answer,) in connection.execute(f"PRAGMA integrity_check({PROBLEMS_MAX})"):
                    if answer != "ok":
                        damage.append(_damage(path, answer))
    except (sqlite3.Error, DataDirError) as error:
        return None, [_damage(path, str(error))]
    if seq > last_seq:
        damage.append(_damage(path, f"bars up to seq {seq}, where the log ends at {last_seq}", seq))
    return seq, damage


def compare_bars(directory: Path) -> list[Damage]:
    """Play the log, and return for which symbols and timeframes the stored bars are not the ones that come of it.

    Memory holds a hash a symbol and timeframe, however many bars there are.
    """
    path = directory / HISTORY
    if not path.exists():
        return []
    store = history_of(directory)
    stored_seq = store.position()
    replayed: dict[tuple[str, str], xxh3_128] = {}
    engine = Engine(config_of(directory))
    for block in logged_blocks(directory, 1, stored_seq):
        for closed in engine.step(block).closings:
            bar = closed.bar
            hashed = replayed.setdefault((bar.symbol, bar.timeframe.name), xxh3_128())
            _feed(hashed, bar_row(bar, block.first_seq + closed.row))
    damage = []
    for symbol, timeframe in sorted(set(replayed) | set(store.counts())):
        stored = xxh3_128()
        for row in store.bars(symbol, timeframe):
            _feed(stored, row.values())
        if stored.digest() != replayed.get((symbol, timeframe), xxh3_128()).digest():
            damage.append(_damage(path, f"stored {timeframe} bars of {symbol} are not those of the log"))
    return damage


def _feed(hashed: xxh3_128, row: Iterable[Any]) -> None:
    hashed.update(repr(tuple(row)).encode())


def _damage(path: Path, what: str, seq: int | None = None) -> Damage:
    return {"path": str(path), "seq": seq, "what": what}
