"""Runs the benchmarks one after the other and prints their figures as they stand in docs/performance.md.

    make bench                        all but the long ones
    make bench ARGS="latency log"     only these
    make bench ARGS="memory windows"  50 million events each; takes minutes, and 2.4 GB of disk
    make bench ARGS="commits" COMMIT=686905b     this tree against another commit, built beside it
    make bench ARGS="formats" COMMIT=686905b     rows a second by file format, of both

Each is a program of its own, `scripts/bench_NAME.py`, in a process of its own. Figures are medians over rounds; what is
compared is timed in turn, in the same process. Ends with an error if one failed, or had a figure over its bound.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LONG = ("commits", "memory", "peers", "windows")


def main(wanted: list[str]) -> int:
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    for name in wanted:
        if name not in known:
            print(f"no benchmark {name!r}; there are {', '.join(known)}", file=sys.stderr)
            return 2
    failed = 0
    for name in wanted or [name for name in known if name not in LONG]:
        print(f"\n## {name}\n", flush=True)
        done = subprocess.run([sys.executable, str(HERE / f"bench_{name}.py")], check=False)
        failed = failed or done.returncode
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
