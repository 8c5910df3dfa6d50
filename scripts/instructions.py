"""How many instructions a tick takes on the hot path, counted by valgrind: a guard that no busy machine can upset.

    make instructions            compares with scripts/instructions.json
    make instructions ARGS=write     takes what is counted as what is right

The path is that of `bench_throughput.py`: blocks through gate, aggregators, indicators and digest, compiled. Each case
is run with few ticks and with many, and the difference is what the ticks took, so that start and end do not count.
Counts hang on the compiler and on Python: they are compared where both are those that are written down, with a
tolerance for what is not quite the same from run to run, and otherwise only shown. Without valgrind, or a compiled
build, nothing is counted, and a line says so. Exit code 1 if a tick takes more than before.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import mtf
from mtf.build import COMPILED

HERE = Path(__file__)
RIGHT = HERE.with_suffix(".json")
RUN = "run"
TOLERANCE = 0.03
FEW, MANY = 1_024, 9_216
CASES: dict[str, dict[str, Any]] = {
    "six timeframes, one symbol": {},
    "the same, indicators core": {"indicators": "core"},
    "six timeframes, eight symbols": {"symbols": 8},
}


def run(case: str, ticks: int) -> None:
    """Make all ticks, and take the first so many in; what valgrind counts."""
    from market import blocks, quotes

    from mtf.kernel import Kernel

    settings = CASES[case]
    symbols = [f"S{number}" for number in range(settings.get("symbols", 1))]
    feed = blocks(quotes(MANY), 1024, symbols)
    kernel = Kernel(mtf.Config.make(calendar="crypto", indicators=settings.get("indicators", "none")))
    for block in feed[: ticks // 1024]:
        kernel.step(block)
    assert kernel.joiner.seq == ticks


def counted(valgrind: str, case: str, ticks: int) -> int:
    """Return the instructions of a whole run."""
    with tempfile.TemporaryDirectory() as folder:
        command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={folder}/out", sys.executable]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [*command, str(HERE), RUN, case, str(ticks)], check=True, capture_output=True, text=True, env=environment
        )
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


def built_with() -> dict[str, str]:
    """Return what counts hang on."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    found = shutil.which(compiler)
    said = subprocess.run([found, "-dumpfullversion"], check=False, capture_output=True, text=True) if found else None
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "compiler": f"{Path(compiler).name} {said.stdout.strip() if said is not None else ''}".strip(),
    }


def main(arguments: list[str]) -> int:
    if arguments[:1] == [RUN]:
        run(arguments[1], int(arguments[2]))
        return 0
    valgrind = shutil.which("valgrind")
    if valgrind is None or not COMPILED:
        missing = "valgrind is not installed" if valgrind is None else "this build is not compiled"
        print(f"instructions a tick: not counted: {missing}")
        return 0
    now = built_with()
    found = {}
    for case in CASES:
        many, few = counted(valgrind, case, MANY), counted(valgrind, case, FEW)
        found[case] = round((many - few) / (MANY - FEW))
    if arguments == ["write"]:
        RIGHT.write_text(json.dumps({"built_with": now, "instructions": found}, indent=2) + "\n")
        print(f"written: {found}")
        return 0
    right = json.loads(RIGHT.read_text()) if RIGHT.exists() else {"built_with": {}, "instructions": {}}
    comparable = right["built_with"] == now
    worse = 0
    for case, count in found.items():
        before = right["instructions"].get(case)
        compared = "" if before is None else f", {before:,} before ({(count - before) / before:+.1%})"
        print(f"instructions a tick: {case}: {count:,}{compared}")
        worse += comparable and before is not None and count > before * (1 + TOLERANCE)
    if not comparable:
        print(f"instructions a tick: not judged: they were written down with {right['built_with']}, this is {now}")
    if worse:
        print(f"more than {TOLERANCE:.0%} above what is written down: find out why, or `make instructions ARGS=write`")
    return int(worse > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
