"""A real process is killed, at a drawn place or a random moment, again and again: nothing that was promised is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

import mtf
from mtf.log import first_logged_seq, read_log, verify_log
from mtf.storage.restore import verify_replay
from tests.builders import SECOND_NS
from tests.storage.builders import FRIDAY, history_rows

DRIVER = Path(__file__).with_name("driver.py")
ROWS = 3_000
MODES = ("each", "group", "os")
SHORT = [(mode, kind) for mode in MODES for kind in ("place", "moment")]
ROUNDS_SLOW = 67  # in each of three modes: 201 in all
ROUNDS_VARIANT_SLOW = 50  # of each variant
MANY = 60  # symbols


def write_market(path: Path, *, clean: bool, symbols: int = 3) -> Path:
    """Write quotes of *symbols* over a week's end; unless *clean*, with late and malformed rows among them."""
    names = ["AAA", "BBB", "CCC"] + [f"S{number}" for number in range(3, symbols)]
    random = Random(77)
    now_ns = FRIDAY
    lines = ["timestamp,symbol,bid,ask"]
    for number in range(ROWS):
        now_ns += random.randrange(1, 6 * SECOND_NS)
        ts_ns = now_ns - (60 * SECOND_NS if not clean and random.random() < 0.02 else 0)
        bid = 100 + random.randrange(1000) / 100
        lines.append(f"{ts_ns},{names[random.randrange(symbols)]},{bid},{bid + 0.01:.2f}")
        if not clean and number % 500 == 250:
            lines.append(f"{ts_ns},AAA,no price,{number}")
    path.write_text("\n".join(lines) + "\n")
    return path


class Process:
    """A driver that runs, and what it has said."""

    def __init__(self, what: str, source: Path, data: Path, mode: str, variant: str, kill_at: str = "") -> None:
        # -P: mtf is the build under test, wherever this file lies.
        environment = {
            **os.environ,
            "KILL_AT": kill_at,
            "VARIANT": variant,
            "PYTHONPATH": str(Path(mtf.__file__).parents[1]),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(DRIVER), what, str(source), str(data), mode],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )

    def kill_after(self, seconds: float) -> None:
        """Kill the process that long after its pipeline has begun."""
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        if first:
            time.sleep(seconds)
            self.process.kill()

    def ended(self) -> tuple[bool, list[str]]:
        """Wait for the end: whether it was a kill, and the lines that were printed."""
        out, err = self.process.communicate(timeout=120)
        killed = self.process.returncode == -9
        assert killed or self.process.returncode == 0, err.decode()
        return killed, out.decode().splitlines()


class Reference:
    """What a run comes to that is never killed."""

    def __init__(self, directory: Path, what: str, variant: str = "") -> None:
        self.what = what
        self.variant = variant  # of the runs that are killed; this one has nothing special
        self.source = write_market(
            directory / f"{what}.csv", clean=what == "push", symbols=MANY if variant == "workers" else 3
        )
        data = directory / f"{what}-whole"
        start_s = time.monotonic()
        killed, lines = Process(what, self.source, data, "group", "").ended()
        self.seconds = time.monotonic() - start_s
        assert not killed
        self.result = result_of(lines)
        self.history = history_rows(data)
        self.events = verify_replay(data).seq


def result_of(lines: list[str]) -> dict[str, Any]:
    """Return what the last line tells, without what depends on how often the run was begun."""
    if lines[-1].startswith("end "):
        return {"digest": lines[-1].split()[1]}
    found: dict[str, Any] = orjson.loads("\n".join(line for line in lines if line != "started"))
    found["rejected"].pop("malformed", None)
    for name in ("seconds", "events_per_second", "new_events", "resumed_seq", "data", "rows"):
        found.pop(name, None)
    return found


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reference]:
    directory = tmp_path_factory.mktemp("references")
    return {what: Reference(directory, what) for what in ("run", "push")}


def drawn_place(random: Random) -> str:
    number = random.randrange(1, ROWS)
    return random.choice((f"seq:{number}", f"seq:{number}", f"seq:{number}", f"save:{1 + number % 4}", "stop:1"))


def kill_again_and_again(whole: Reference, data: Path, mode: str, kind: str, random: Random) -> int:
    """Kill one to three runs over *data*, then run to the end; return how many were killed before theirs."""
    kills = 0
    for _ in range(random.randrange(1, 4)):
        if kind == "place":
            process = Process(whole.what, whole.source, data, mode, whole.variant, drawn_place(random))
        else:
            process = Process(whole.what, whole.source, data, mode, whole.variant)
            process.kill_after(random.random() * whole.seconds * 0.5)
        killed, lines = process.ended()
        if not killed:
            break
        kills += 1
        check_promises(data, lines)
    killed, lines = Process(whole.what, whole.source, data, mode, whole.variant).ended()
    assert not killed
    assert result_of(lines) == whole.result
    assert history_rows(data) == whole.history
    assert (first_logged_seq(data / "log") > 1) == (whole.variant == "retained")
    replayed = verify_replay(data)
    assert (replayed.seq, replayed.damage) == (whole.events, [])
    return kills


def check_promises(data: Path, lines: list[str]) -> None:
    """Each event whose push was acknowledged is in the log, and the log is whole up to a torn tail."""
    promised = max((int(line.split()[1]) for line in lines if line.startswith(("logged", "durable"))), default=0)
    if not (data / "log").is_dir() or not any((data / "log").glob("*.log")):
        assert not promised
        return
    assert verify_log(data / "log").clean
    reader = read_log(data / "log", first_logged_seq(data / "log"))
    last_seq = max((logged.block.last_seq for logged in reader), default=0)
    assert last_seq >= promised


@pytest.mark.parametrize(("mode", "kind"), SHORT)
def test_killed_process_loses_nothing_that_was_promised(
    tmp_path: Path, references: dict[str, Reference], mode: str, kind: str
) -> None:
    """Killed, run again, killed, run to the end: bars, digest and history of a run that was never killed."""
    random = Random(f"{mode} {kind}")
    what = "push" if (mode, kind) in (("group", "place"), ("each", "moment"), ("os", "place")) else "run"
    for attempt in range(20):
        if kill_again_and_again(references[what], tmp_path / str(attempt), mode, kind, random):
            return
    pytest.fail("every round was over before its kill")


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_two_hundred_rounds_of_killed_processes_lose_nothing(
    tmp_path: Path, references: dict[str, Reference], mode: str
) -> None:
    """Half of them at drawn places, half at random moments; rounds killed after the end do not count."""
    counted = 0
    for number in range(10 * ROUNDS_SLOW):
        random = Random(f"{mode} {number}")
        what = ("run", "push")[number // 2 % 2]
        kind = ("place", "moment")[number % 2]
        counted += kill_again_and_again(references[what], tmp_path / str(number), mode, kind, random) > 0
        if counted == ROUNDS_SLOW:
            return
    pytest.fail(f"only {counted} rounds were killed before their end")


@pytest.mark.parametrize("variant", ["retained", "workers"])
def test_killed_process_that_keeps_little_or_has_workers_loses_nothing(tmp_path: Path, variant: str) -> None:
    """A log whose beginning is gone, and many symbols shared out to two workers: as any other."""
    whole = Reference(tmp_path, "run", variant)
    for attempt in range(20):
        random = Random(f"{variant} {attempt}")
        if kill_again_and_again(whole, tmp_path / str(attempt), "group", "place", random):
            return
    pytest.fail("every round was over before its kill")


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["retained", "workers"])
def test_rounds_of_kills_with_little_kept_or_workers_lose_nothing(tmp_path: Path, variant: str) -> None:
    references = [Reference(tmp_path, what, variant) for what in ("run", "push")]
    counted = 0
    for number in range(10 * ROUNDS_VARIANT_SLOW):
        random = Random(f"{variant} {number}")
        kind = ("place", "moment")[number % 2]
        data = tmp_path / str(number)
        counted += kill_again_and_again(references[number // 2 % 2], data, MODES[number % 3], kind, random) > 0
        if counted == ROUNDS_VARIANT_SLOW:
            return
    pytest.fail(f"only {counted} rounds were killed before their end")
