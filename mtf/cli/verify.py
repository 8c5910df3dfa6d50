"""`mtf verify`: whether log, checkpoints and history are as they were written, and which seqs are safe where not.

With --replay the whole log is played from its start, and what came of it then compared with what comes of it now.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from xxhash import xxh3_128

from mtf.cli.datadir import DIRECTORY, config_of
from mtf.cli.exits import DATA, DONE
from mtf.cli.output import document, plain, show
from mtf.datadir import CHECKPOINTS, HISTORY, LOG, history_of
from mtf.engine import Engine
from mtf.errors import CorruptCheckpoint, DataDirError
from mtf.history.store import bar_row
from mtf.log import CheckpointStore, VerifyReport, verify_log
from mtf.recovery import logged_blocks

__all__ = ["verify"]

SAFE_SHOWN = 20


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--replay", "replayed", is_flag=True, help="Play the log too, and compare digests and bars.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def verify(directory: Path, replayed: bool, as_json: bool) -> int:
    """Check log, checkpoints and history of DIR: exit code 0 clean, 1 damaged, 2 cannot open."""
    if not (directory / LOG).is_dir():
        config_of(directory)  # says what is wrong
    report = verify_log(directory / LOG)
    found: dict[str, Any] = {
        "log": _log(report),
        "checkpoints": _checkpoints(directory, report.last_seq),
        "history": _history(directory, report.last_seq),
    }
    if replayed and report.clean:
        found["replay"] = _replay(directory, found["checkpoints"]["digests"])
    del found["checkpoints"]["digests"]
    clean = not any(part["damage"] for part in found.values())
    if as_json:
        document({"clean": clean, **found})
    else:
        _show(found)
    return DONE if clean else DATA


def _log(report: VerifyReport) -> dict[str, Any]:
    return {
        "segments": report.segments,
        "bytes": report.bytes,
        "events": report.events,
        "first_seq": report.first_seq,
        "last_seq": report.last_seq,
        "durable_seq": report.durable_seq,
        "sealed": report.sealed,
        "safe": report.safe,
        "torn_tail": report.tail._asdict() if report.tail else None,
        "damage": [each._asdict() for each in report.damage],
    }


def _checkpoints(directory: Path, last_seq: int) -> dict[str, Any]:
    store = CheckpointStore(directory / CHECKPOINTS)
    seqs = store.list()
    damage, digests = [], {}
    for seq in seqs:
        try:
            digests[seq] = store.read(seq).meta.get("digest")
        except (CorruptCheckpoint, DataDirError) as error:
            damage.append({"path": getattr(error, "path", ""), "seq": seq, "what": str(error)})
            continue
        if seq > last_seq:
            damage.append(
                {"path": "", "seq": seq, "what": f"a checkpoint of seq {seq}, where the log ends at {last_seq}"}
            )
    return {"seqs": seqs, "damage": damage, "digests": digests}


def _history(directory: Path, last_seq: int) -> dict[str, Any]:
    path = directory / HISTORY
    if not path.is_file():
        return {"seq": None, "damage": []}  # the next start writes it anew
    damage = []
    seq = None
    try:
        store = history_of(directory)
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            for (answer,) in connection.execute("PRAGMA integrity_check(20)"):
                if answer != "ok":
                    damage.append({"path": str(path), "seq": None, "what": answer})
        seq = store.position()
        if seq > last_seq:
            damage.append(
                {"path": str(path), "seq": seq, "what": f"bars up to seq {seq}, where the log ends at {last_seq}"}
            )
    except (sqlite3.Error, DataDirError) as error:
        damage.append({"path": str(path), "seq": None, "what": str(error)})
    return {"seq": seq, "damage": damage}


def _replay(directory: Path, digests: dict[int, str | None]) -> dict[str, Any]:
    """Play the log from its start; what differs from the checkpoints' digests and the stored bars is damage."""
    engine = Engine(config_of(directory))
    store = history_of(directory) if (directory / HISTORY).is_file() else None
    stored_seq = store.position() if store else 0
    seen: dict[tuple[str, str], Any] = {}  # a hash of all bars, by symbol and timeframe
    damage = []
    seq = 0
    for stop in [*sorted(digests), None]:
        for block in logged_blocks(directory, seq + 1, stop):
            for closing_bar in engine.step(block).closings:
                bar_seq = block.first_seq + closing_bar.row
                if bar_seq <= stored_seq:
                    bar = closing_bar.bar
                    _feed(seen.setdefault((bar.symbol, bar.timeframe.name), xxh3_128()), bar_row(bar, bar_seq))
        seq = engine.joiner.seq
        wanted = digests.get(seq) if stop is not None else None
        if wanted is not None and engine.digest.value() != wanted:
            what = f"the digest at seq {seq} was {wanted} and is {engine.digest.value()}"
            damage.append({"path": "", "seq": seq, "what": what})
    if store is not None:
        for symbol, timeframe in sorted(set(seen) | set(store.counts())):
            stored = xxh3_128()
            for row in store.bars(symbol, timeframe):
                _feed(stored, row.values())
            replayed = seen.get((symbol, timeframe), xxh3_128())
            if stored.digest() != replayed.digest():
                what = f"stored {timeframe} bars of {symbol} are not those of the log"
                damage.append({"path": str(directory / HISTORY), "seq": None, "what": what})
    return {"seq": seq, "digest": engine.digest.value(), "damage": damage}


def _feed(hashed: xxh3_128, row: Iterable[Any]) -> None:
    hashed.update(repr(tuple(row)).encode())


def _show(found: dict[str, Any]) -> None:
    log, checkpoints, history, replay = found["log"], found["checkpoints"], found["history"], found.get("replay")
    grid = Table.grid(padding=(0, 3, 0, 0))
    sealed = "closed in good order" if log["sealed"] else "not closed"
    grid.add_row(
        "log", _verdict(log), f"{log['segments']} segments, seq {log['first_seq']} to {log['last_seq']}, {sealed}"
    )
    grid.add_row("checkpoints", _verdict(checkpoints), ", ".join(f"seq {seq}" for seq in checkpoints["seqs"]) or "none")
    grid.add_row("history", _verdict(history), f"bars up to seq {history['seq']}" if history["seq"] else "none")
    if replay is not None:
        grid.add_row("replay", _verdict(replay), f"digest {replay['digest']}")
    show(grid, fold=False)
    if log["torn_tail"]:
        tail = log["torn_tail"]
        click.echo(
            f"torn tail: {tail['bytes']} bytes after seq {tail['seq'] - 1}, which the next start cuts and keeps aside"
        )
    for part in found.values():
        for each in part["damage"]:
            click.echo(plain(f"damaged: {each['what']}{_place(each)}"))
    if log["damage"]:
        runs = ", ".join(f"{first} to {last}" for first, last in log["safe"][:SAFE_SHOWN]) or "none"
        more = f" and {len(log['safe']) - SAFE_SHOWN} more runs" if len(log["safe"]) > SAFE_SHOWN else ""
        click.echo(f"safe seqs: {runs}{more}; mtf salvage copies those before the first damage")


def _verdict(part: dict[str, Any]) -> str:
    return "damaged" if part["damage"] else "clean"


def _place(each: dict[str, Any]) -> str:
    words = [each["path"]] if each["path"] else []
    if "offset" in each:
        words.append(f"byte {each['offset']}")
    if each["seq"] is not None and "offset" in each:
        words.append(f"from seq {each['seq']} on")
    return f" ({', '.join(words)})" if words else ""
