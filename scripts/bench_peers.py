"""mtf and its peers on the same ticks, in one run: nanoseconds of CPU a tick, medians and spread.

    make bench ARGS=peers                 prints the tables
    make bench ARGS=peers WRITE=1         and writes docs/figures, and the tables of docs/performance.md
    make bench ARGS=peers TICKS=20000 ROUNDS=3 MILLIONS=1 PEERS="mtf plain polars"     less, for a look

Each peer is a program of `scripts/entrants/`, in an environment of its own that is made in `build/peers`; one that does
not install, or cannot do a thing, is a row that says so. All are asked in turn, round by round. Before anything is
timed, the complete bars of each are compared with those of the loop by hand to the bit (volumes to a millionth), and
its values to 1e-9: who has others is a row that says so too, and is not timed. One that takes more than `SLOW_S`
seconds is timed once.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import os
import platform
import random
import subprocess
import sys
import tempfile
import venv
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from commits import ROOT, Served
from market import START_NS, in_turn, median, row, timed
from plots import growth_plot

import mtf
from mtf.build import COMPILED
from mtf.indicators import CORE
from mtf.log import survey_log
from mtf.sources import SyntheticMarket
from mtf.units import SECOND_NS

sys.path.insert(0, str(Path(__file__).parent / "entrants"))

from contest import Case, Ticks, name_of, write_ticks
from mtf_arrays import columns_of

TICKS = int(os.environ.get("TICKS", "100000"))
ROUNDS = int(os.environ.get("ROUNDS", "7"))
MILLIONS = int(os.environ.get("MILLIONS", "10"))  # events of the longest log
WRITE = os.environ.get("WRITE", "") not in ("", "0")
ONLY = os.environ.get("PEERS", "").split()
CLOSE = 1e-9
SLOW_S = 2.0
FIGURES = ROOT / "docs" / "figures"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- peers: written by make bench ARGS=peers WRITE=1 -->", "<!-- peers: end -->"
SIX = (60, 300, 900, 3_600, 14_400, 86_400)
MS = 1_000_000
REFERENCE = "plain"
SYMBOLS = [name_of(number) for number in range(10)]


class Peer(NamedTuple):
    """A peer: what it is called in tables, its program, and what its environment has; None: that of this tree."""

    key: str
    label: str
    program: str
    packages: tuple[str, ...] | None


PEERS = (
    Peer("c", "C loop, the limit", "c_loop.py", ()),
    Peer("plain", "plain Python by hand", "hand.py", ()),
    Peer("mtf", "mtf, columns through the pipeline", "mtf_arrays.py", None),
    Peer("calls", "mtf, `Engine.tick` a tick", "mtf_calls.py", None),
    Peer("talib", "TA-Lib stream handles, bars by hand", "talib_.py", ("TA-Lib", "numpy")),
    Peer("ferro", "ferro-ta, bars by hand", "ferro.py", ("ferro-ta",)),
    Peer("talipp", "talipp, bars by hand", "talipp_.py", ("talipp",)),
    Peer("nautilus", "NautilusTrader", "nautilus.py", ("nautilus_trader",)),
    Peer("polars", "polars, `group_by_dynamic`", "polars_.py", ("polars",)),
    Peer("duckdb", "DuckDB, GROUP BY", "duckdb_.py", ("duckdb", "numpy")),
    Peer("arcticdb", "ArcticDB, `resample`", "arcticdb_.py", ("arcticdb",)),
    Peer("backtrader", "backtrader", "backtrader_.py", ("backtrader",)),
    Peer("wickra", "wickra", "wickra_.py", ("wickra",)),
    Peer("tickbar", "tickbar", "tickbar_.py", ("tickbar",)),
    Peer("akquant", "akquant", "akquant_.py", ("akquant",)),
    Peer("csp", "csp", "csp_.py", ("csp",)),
    Peer("eventsourcing", "eventsourcing", "eventsourcing_.py", ("eventsourcing",)),
)


class Question(NamedTuple):
    """What is asked of all peers."""

    label: str
    case: Case
    step_ns: int  # between two ticks
    ticks: int


QUESTIONS = (
    Question("one symbol, ten ticks a second", Case(1, SIX, "none"), 100 * MS, TICKS),
    Question("one symbol, a tick in 7 seconds", Case(1, SIX, "none"), 7_000 * MS, TICKS),
    Question("100 symbols in turn", Case(100, SIX, "none"), 20 * MS, TICKS),
    Question("10,000 symbols in turn", Case(10_000, SIX, "none"), MS, 5 * TICKS),
    Question("one symbol, four indicators at closes", Case(1, SIX, "closed"), 100 * MS, TICKS),
    Question("one symbol, a tick in 7 seconds, four at closes", Case(1, SIX, "closed"), 7_000 * MS, TICKS),
    Question("one symbol, four indicators live", Case(1, SIX, "live"), 100 * MS, TICKS),
    Question("one symbol, a tick in 7 seconds, four live", Case(1, SIX, "live"), 7_000 * MS, TICKS),
    Question("100 symbols, four live", Case(100, SIX, "live"), 20 * MS, TICKS),
)

# How cost grows, of those that know every bar at every tick.
GROWING = ("c", "plain", "mtf", "calls")
LENGTHS = (60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400)
BY_SYMBOLS = tuple(
    (
        count,
        Question(
            f"{count:,} symbols",
            Case(count, SIX, "none"),
            MS * max(1, 10_000 // count),
            TICKS * (5 if count > 1_000 else 1),
        ),
    )
    for count in (1, 10, 100, 1_000, 10_000)
)
BY_TIMEFRAMES = tuple(
    (count, Question(f"{count} timeframes", Case(1, LENGTHS[:count], "none"), 100 * MS, TICKS))
    for count in (1, 2, 4, 6, 8, 12)
)


def ticks_of(question: Question) -> Ticks:
    """Return a walk of each symbol, in turn; prices and sizes are multiples of 1/8, so that sums are exact."""
    rng = random.Random(7)
    symbols = question.case.symbols
    prices = [800] * symbols
    found = Ticks(array("i"), array("q"), array("d"), array("d"))
    for k in range(question.ticks):
        number = k % symbols
        prices[number] = max(8, prices[number] + rng.choice((-1, 0, 1)))
        found.symbols.append(number)
        found.ts_ns.append(START_NS + k * question.step_ns)
        found.prices.append(prices[number] / 8)
        found.sizes.append(rng.randrange(1, 64) / 8)
    return found


class Entrant:
    """A peer that is asked: its program runs, or `why` says why it does not."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.why = ""
        self.version = ""
        self._served: Served | None = None
        try:
            python = python_of(peer)
        except subprocess.CalledProcessError as error:
            self.why = f"does not install: {last_line(error.stderr)}"
            return
        self._served = Served(python, f"entrants/{peer.program}")
        try:
            self.version = self._served.hear()["version"]
        except RuntimeError as error:
            self.why = f"does not start: {error}"

    def ask(self, question: Question, path: Path, *, check: bool) -> dict[str, Any]:
        """Return the answer."""
        if self.why or self._served is None:
            return {"cannot": self.why}
        case = question.case
        asked = {"ticks": str(path), "symbols": case.symbols, "lengths": case.lengths, "values": case.values}
        try:
            found: dict[str, Any] = self._served.ask({**asked, "check": check})
        except (RuntimeError, OSError) as error:
            self.why = f"ends: {error}"
            return {"cannot": self.why}
        return found

    def end(self) -> None:
        """End the program."""
        if self._served is not None:
            self._served.close()


def python_of(peer: Peer) -> Path:
    """Return the interpreter of an environment with the packages of *peer*, which is made if it is not there."""
    if peer.packages is None:
        return Path(sys.executable)
    if not peer.packages:
        return Path(sys._base_executable)  # type: ignore[attr-defined]
    folder = ROOT / "build" / "peers" / peer.key
    python = folder / "bin" / "python"
    done = folder / "made"
    wanted = f"{platform.python_version()} {' '.join(peer.packages)}"
    if not done.exists() or done.read_text() != wanted:
        print(f"making an environment for {peer.key} ...", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.packages]
        subprocess.run(command, check=True, capture_output=True, text=True)
        done.write_text(wanted)
    return python


def last_line(text: str | None) -> str:
    """Return the last line of a program's complaint."""
    lines = [line for line in (text or "").splitlines() if line.strip()]
    return lines[-1].strip()[:140] if lines else "no reason given"


class Figure(NamedTuple):
    """What a peer takes: the median and the extremes in nanoseconds a tick; or why there is nothing to time."""

    ns: float = math.nan
    least: float = math.nan
    most: float = math.nan
    why: str = ""


def figures_of(entrants: list[Entrant], question: Question, folder: Path) -> dict[str, Figure]:
    """Return what each takes for *question*, by key."""
    path = folder / "ticks"
    write_ticks(path, ticks_of(question))
    first = {entrant.peer.key: entrant.ask(question, path, check=True) for entrant in entrants}
    expected = first[REFERENCE]
    found = {key: Figure(why=differing(answer, expected)) for key, answer in first.items()}
    timed = []
    for entrant in entrants:
        key = entrant.peer.key
        if not found[key].why and first[key]["seconds"] > SLOW_S:
            once = first[key]["seconds"] / question.ticks * 1e9
            found[key] = Figure(once, once, once)
        elif not found[key].why:
            timed.append(entrant)

    def seconds(entrant: Entrant) -> float:
        answer = entrant.ask(question, path, check=False)
        return float(answer.get("seconds", math.nan))

    works = [partial(seconds, entrant) for entrant in timed]
    for entrant, taken in zip(timed, in_turn(ROUNDS, *works), strict=True):
        ns = [each / question.ticks * 1e9 for each in taken]
        found[entrant.peer.key] = Figure(median(ns), min(ns), max(ns))
    return found


def differing(answer: dict[str, Any], expected: dict[str, Any]) -> str:
    """Return how *answer* differs from what is expected, or why there is none; "" if it is the same."""
    if "cannot" in answer:
        return str(answer["cannot"])
    if answer["bars"] != expected["bars"]:
        return f"other bars: {answer['bars']:,} instead of {expected['bars']:,}"
    digest = "digest" if answer["counted"] else "uncounted"
    if answer[digest] != expected[digest]:
        return "other bars: as many, with other numbers"
    if answer["values"] is None:
        return ""
    ours, theirs = (list(itertools.chain(*each["values"])) for each in (answer, expected))
    return "" if len(ours) == len(theirs) and all(map(same, ours, theirs)) else "other values of indicators"


def same(one: float, other: float) -> bool:
    """Return whether two values are the same but for rounding; NaN is NaN."""
    return math.isclose(one, other, rel_tol=CLOSE) or (math.isnan(one) and math.isnan(other))


def show(question: Question, entrants: list[Entrant], figures: dict[str, Figure]) -> list[str]:
    """Print a table and return its lines, in Markdown."""
    base = figures[REFERENCE].ns
    lines = [f"| {question.label}; {question.ticks:,} ticks | ns a tick | least to most | times by hand |"]
    lines.append("| --- | --- | --- | --- |")
    for entrant in entrants:
        figure = figures[entrant.peer.key]
        if figure.why:
            lines.append(f"| {entrant.peer.label} | - | {figure.why.replace('|', '/')} | - |")
            continue
        spread = f"{figure.least:,.0f} to {figure.most:,.0f}"
        lines.append(f"| {entrant.peer.label} | {figure.ns:,.0f} | {spread} | {figure.ns / base:.2f} |")
    print("\n".join(lines), "\n", flush=True)
    return lines


def growth(
    entrants: list[Entrant], questions: tuple[tuple[int, Question], ...], folder: Path
) -> dict[str, list[tuple[int, float]]]:
    """Return how what the growing ones take grows, by label."""
    some = [entrant for entrant in entrants if entrant.peer.key in GROWING]
    found: dict[str, list[tuple[int, float]]] = {entrant.peer.label: [] for entrant in some}
    for size, question in questions:
        figures = figures_of(some, question, folder)
        for entrant in some:
            figure = figures[entrant.peer.key]
            if not figure.why:
                found[entrant.peer.label].append((size, figure.ns))
    for label, points in found.items():
        row(label, *(f"{size:,}: {ns:,.0f}" for size, ns in points))
    print(flush=True)
    return {label: points for label, points in found.items() if points}


def by_indicators(ticks: Ticks) -> dict[str, list[tuple[int, float]]]:
    """Return what each tick costs with more and more of `core`, live on six timeframes, through the pipeline."""
    columns = columns_of(ticks, 1)

    async def run(specs: Sequence[str]) -> None:
        async with mtf.Pipeline(clock="ticks", calendar="crypto", price="last", indicators=list(specs)) as p:
            await p.run(columns)

    def work(count: int) -> None:
        asyncio.run(run(CORE[:count]))

    counts = (1, 2, 5, 10, 20)
    works = [timed(partial(work, count)) for count in counts]
    found = zip(counts, in_turn(ROUNDS, *works), strict=True)
    return {"mtf, columns through the pipeline": [(n, median(each) / len(ticks.ts_ns) * 1e9) for n, each in found]}


def by_log_length(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return what a start, the newest state and three seconds of ticks take in ms, by events in the log."""
    lengths = [count for count in (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000) if count <= MILLIONS * 1_000_000]
    settings: dict[str, Any] = {"calendar": "crypto", "clock": "ticks", "durability": "os", "indicators": "core"}

    async def fill(path: Path, events: int) -> None:
        async with mtf.Pipeline(data=path, **settings) as p:
            await p.run(SyntheticMarket(seed=3, symbols=SYMBOLS, events=events, pace_ms=200))

    async def start(path: Path) -> None:
        async with mtf.Pipeline(data=path, **settings):
            pass

    def state(path: Path) -> None:
        with mtf.open(path) as data:
            data.state(SYMBOLS[0])

    def window(path: Path) -> None:
        with mtf.open(path) as data:
            list(data.ticks(SYMBOLS[0], start=middles[path], end=middles[path] + 3 * SECOND_NS))

    middles: dict[Path, int] = {}  # the middle of each log, in time
    works: dict[str, Callable[[Path], object]] = {
        "a start after a clean stop": lambda path: asyncio.run(start(path)),
        "the newest state": state,
        "three seconds of ticks": window,
    }
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in works}
    for events in lengths:
        path = folder / f"log-{events}"
        asyncio.run(fill(path, events))
        survey = survey_log(path / "log")
        assert survey.first_ns is not None
        assert survey.last_ns is not None
        middles[path] = (survey.first_ns + survey.last_ns) // 2
    for name, work in works.items():
        calls = [timed(partial(work, path)) for path in middles]
        for events, taken in zip(lengths, in_turn(ROUNDS, *calls), strict=True):
            found[name].append((events, median(taken) * 1e3))
    return found


GROWTH = {
    "symbols": ("What a tick costs, by symbols", "symbols, in turn", "ns a tick, six timeframes"),
    "timeframes": ("What a tick costs, by timeframes", "timeframes, one symbol", "ns a tick"),
    "indicators": ("What a tick costs, by indicators", "indicators of core, live on six timeframes", "ns a tick"),
    "log": ("What a longer log costs", "events in the log", "ms"),
}


def write(
    versions: dict[str, str], tables: list[list[str]], plots: dict[str, dict[str, list[tuple[int, float]]]]
) -> None:
    """Write the figures, the plots, and the tables of docs/performance.md."""
    FIGURES.mkdir(exist_ok=True)
    build = f"{'compiled' if COMPILED else 'pure'}, Python {platform.python_version()}, {platform.machine()}"
    facts = {"build": build, "rounds": ROUNDS, "versions": versions, "tables": tables, "growth": plots}
    (FIGURES / "peers.json").write_text(json.dumps(facts, indent=1) + "\n")
    programs = "; ".join(dict.fromkeys(versions.values()))
    lines = [BEGIN, "", f"Medians of {ROUNDS} rounds; {build}. Versions: {programs}.", ""]
    for table in tables:
        lines += [*table, ""]
    for name, (title, across, up) in GROWTH.items():
        named = {label.replace("`", ""): points for label, points in plots[name].items()}
        growth_plot(title, across, up, named).save(FIGURES / f"{name}.png")
        lines += [f"![{title}: {across}; {up}](figures/{name}.png)", ""]
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(before + "\n".join([*lines, END]) + rest.partition(END)[2])


def main() -> int:
    entrants = [Entrant(peer) for peer in PEERS if not ONLY or peer.key in (*ONLY, REFERENCE)]
    try:
        versions = {entrant.peer.label: entrant.version or entrant.why for entrant in entrants}
        for label, version in versions.items():
            print(f"{label}: {version}")
        print(flush=True)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            tables = [show(question, entrants, figures_of(entrants, question, folder)) for question in QUESTIONS]
            plots = {
                "symbols": growth(entrants, BY_SYMBOLS, folder),
                "timeframes": growth(entrants, BY_TIMEFRAMES, folder),
                "indicators": by_indicators(ticks_of(QUESTIONS[0])),
                "log": by_log_length(folder),
            }
    finally:
        for entrant in entrants:
            entrant.end()
    for what in ("indicators", "log"):
        for label, points in plots[what].items():
            row(label, *(f"{size:,}: {figure:,.1f}" for size, figure in points))
    if WRITE:
        write(versions, tables, plots)
    return 0


if __name__ == "__main__":
    sys.exit(main())
