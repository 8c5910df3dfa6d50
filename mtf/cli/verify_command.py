"""`mtf verify`: whether log, checkpoints and history are undamaged, and which seqs are safe if not.

What remains after a crash, or in a copy made during a run, is not damage: a note says what the next start does. With
--replay the whole log is replayed, and its results are compared with the stored ones.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
from rich.table import Table

from mtf.cli.directories import DIRECTORY
from mtf.cli.exits import DATA, DONE
from mtf.cli.inspect_command import torn_text
from mtf.cli.log_share import LogShare
from mtf.cli.output import document, plain, say, show
from mtf.cli.progress import Report, work_bar
from mtf.cli.stored import check_history, compare_bars
from mtf.errors import CorruptCheckpoint, DataDirError, MtfError, NewerCheckpoint
from mtf.log import VerifyReport, kept_tails, verify_log
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.datadir import CHECKPOINTS, HISTORY, LOG, check_has_log, checkpoints_of, logged_config
from mtf.storage.history.unusable import is_of_before
from mtf.storage.restore import checkpointed_symbols, verify_replay

__all__ = ["verify"]

SAFE_SHOWN: Final = 20


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--replay", "replayed", is_flag=True, help="Replay the log too, and compare digests and bars.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def verify(directory: Path, replayed: bool, as_json: bool) -> int:
    """Check log, checkpoints and history of DIR: exit code 0 clean, 1 damaged, 2 cannot open."""
    check_has_log(directory)
    with work_bar(f"reading {directory}") as shown:
        found = _found(directory, shown, replayed=replayed)
    clean = not any(part["damage"] for part in found.values())
    if as_json:
        document({"clean": clean, **found})
    else:
        _show(found)
    return DONE if clean else DATA


def _found(directory: Path, shown: Report, *, replayed: bool) -> dict[str, Any]:
    """Check everything, and return what was found by part."""
    log = directory / LOG
    what = f"reading {directory}"
    report = verify_log(log, take=LogShare(log, what, shown).take)
    if report.damage and (names := checkpointed_symbols(directory)):  # the log may have lost the names of some
        report = verify_log(log, names=names, take=LogShare(log, what, shown).take)
    found: dict[str, Any] = {"log": _log(report, directory), "configuration": _configuration(directory, report)}
    shown(f"checking checkpoints and bars of {directory}", None, report.events)
    found["checkpoints"] = _checkpoints(directory, report)
    found["history"] = _history(directory, report)
    if replayed and report.clean:
        found["replay"] = _replay(directory, report, shown, with_bars=not found["history"]["damage"])
    return found


def _log(report: VerifyReport, directory: Path) -> dict[str, Any]:
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
        "unsure": report.unsure,
        "notes": [_torn(report)] if report.tail else [],
        "torn": [each._asdict() for each in kept_tails(directory / LOG)],
        "damage": [each._asdict() for each in report.damage],
    }


def _configuration(directory: Path, report: VerifyReport) -> dict[str, Any]:
    """Whether this mtf can use the configuration in an undamaged log; a newer one may have written it."""
    damage = []
    if report.clean:
        try:
            logged_config(directory)
        except MtfError as error:
            damage.append({"path": "", "seq": None, "what": str(error)})
    return {"damage": damage}


def _checkpoints(directory: Path, report: VerifyReport) -> dict[str, Any]:
    try:
        store = checkpoints_of(directory, logged_config(directory))
    except MtfError:  # the log is too damaged to say
        store = FileCheckpointStore(directory / CHECKPOINTS)
    seqs = store.list()
    damage = []
    notes = []
    for seq in seqs:
        try:
            store.read(seq)
        except NewerCheckpoint as error:
            notes.append(f"{error}: it is skipped, and the log is replayed instead")
            continue
        except (CorruptCheckpoint, DataDirError, OSError) as error:
            damage.append({"path": getattr(error, "path", ""), "seq": seq, "what": str(error)})
            continue
        if seq > report.last_seq and not report.damage:  # with damage in the log there is no next start
            notes.append(f"the checkpoint of seq {seq} is ahead of the log: the next start discards it")
    return {"seqs": seqs, "damage": damage, "notes": notes}


def _history(directory: Path, report: VerifyReport) -> dict[str, Any]:
    seq, damage = check_history(directory)
    last_seq = report.last_seq
    notes: list[str] = []
    if report.damage:
        return {"seq": seq, "damage": damage, "notes": notes}
    if not damage and is_of_before(directory / HISTORY):
        notes.append("the history was made by an earlier mtf: the next start rebuilds it from the log")
    if seq is not None and seq > last_seq:
        notes.append(f"bars are stored up to seq {seq}: the next start removes those after {last_seq}")
    elif seq is not None and seq < last_seq:
        notes.append(f"bars are stored up to seq {seq}: the next start stores those up to {last_seq}")
    return {"seq": seq, "damage": damage, "notes": notes}


def _torn(report: VerifyReport) -> str:
    assert report.tail is not None, "only a tail is reported"
    what = f"torn tail: {report.tail.bytes} bytes after seq {report.tail.seq - 1}"
    return f"{what}, which the next start cuts and keeps aside"


def _replay(directory: Path, report: VerifyReport, shown: Report, *, with_bars: bool) -> dict[str, Any]:
    """Replay the log from its start; any difference from checkpoints or stored bars is damage."""

    def watch(what: str) -> Callable[[int], object]:
        def play(seq: int) -> None:
            events = seq + 1 - report.first_seq
            shown(what, events / report.events, events)

        return play

    replayed = verify_replay(directory, watch(f"replaying {directory}"))
    damage: list[dict[str, Any]] = [{"path": each.path, "seq": None, "what": each.reason} for each in replayed.damage]
    notes = []
    if with_bars:
        differing = compare_bars(directory, watch(f"comparing bars of {directory}"))
        if differing is None:
            notes.append(
                "the log's beginning was removed, and there is no checkpoint to start from: bars are not compared"
            )
        damage += differing or []
    found = {"seq": replayed.seq, "digest": replayed.digest, "agreed": replayed.agreed}
    return {**found, "damage": damage, "notes": notes}


def _show(found: dict[str, Any]) -> None:
    log, checkpoints, history, replay = found["log"], found["checkpoints"], found["history"], found.get("replay")
    grid = Table.grid(padding=(0, 3, 0, 0))
    sealed = "closed cleanly" if log["sealed"] else "not closed"
    grid.add_row(
        "log", _verdict(log), f"{log['segments']} segments, seq {log['first_seq']} to {log['last_seq']}, {sealed}"
    )
    grid.add_row("checkpoints", _verdict(checkpoints), ", ".join(f"seq {seq}" for seq in checkpoints["seqs"]) or "none")
    grid.add_row("history", _verdict(history), f"bars up to seq {history['seq']}" if history["seq"] else "none")
    if replay is not None:
        grid.add_row("replay", _verdict(replay), f"digest {replay['digest']}")
    show(grid, fold=False)
    for part in found.values():
        for sentence in part.get("notes", ()):
            say(plain(sentence))
    for each in log["torn"]:
        say(plain(torn_text(each)))
    for part in found.values():
        for each in part["damage"]:
            say(plain(f"damaged: {each['what']}{_place(each)}"))
    if log["damage"] and log["safe"]:
        runs = ", ".join(f"{first} to {last}" for first, last in log["safe"][:SAFE_SHOWN])
        more = f" and {len(log['safe']) - SAFE_SHOWN} more runs" if len(log["safe"]) > SAFE_SHOWN else ""
        say(f"safe seqs: {runs}{more}; mtf salvage copies those to a new directory")
    if log["unsure"]:
        say(plain(f"names that are only known from a damaged block: {', '.join(log['unsure'])}"))


def _verdict(part: dict[str, Any]) -> str:
    return "damaged" if part["damage"] else "clean"


def _place(each: dict[str, Any]) -> str:
    words = [each["path"]] if each["path"] else []
    if "offset" in each:
        words.append(f"byte {each['offset']}")
    if each["seq"] is not None and "offset" in each:
        words.append(f"from seq {each['seq']} on")
    return f" ({', '.join(words)})" if words else ""
