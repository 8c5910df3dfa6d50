"""Tries an installed mtf as its first user would: imports it, then runs the command on a market of its own making.

    python -P scripts/trial.py compiled|pure

Run it with the interpreter of the environment in which mtf is installed. It prints the digest of the run, which must
be the same for every build and on every platform, and exits with an error if anything is not as it should be.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

EVENTS = 20_000
SETTINGS = (
    "--seed",
    "7",
    "--symbols",
    "EURUSD,USDJPY",
    "--indicators",
    "sma:20,rsi:14,macd",
    "--timeframes",
    "1m,1h,1d",
)
SOURCE = f"synthetic:seed=7,symbols=EURUSD+USDJPY,events={EVENTS}"
LICENCES = ("LICENSE", "THIRD_PARTY_NOTICES.md")


def check_installed(kind: str) -> None:
    """Exit unless the mtf that is imported is the installed one, of *kind*, with its version, types and licences."""
    import mtf

    place = Path(mtf.__file__).parent
    if not place.is_relative_to(sysconfig.get_path("purelib")) and not place.is_relative_to(
        sysconfig.get_path("platlib")
    ):
        sys.exit(f"mtf is imported from {place}, not from the environment of {sys.executable}")
    if mtf.COMPILED is not (kind == "compiled"):
        sys.exit(f"{place} is {'compiled' if mtf.COMPILED else 'pure'}, expected {kind}")
    package = importlib.metadata.distribution("mtf-engine")
    if package.version != mtf.__version__:
        sys.exit(f"mtf says it is {mtf.__version__}, its metadata {package.version}")
    if not (place / "py.typed").is_file():
        sys.exit(f"{place} has no py.typed: type checkers would ignore mtf's types")
    files = {path.name for path in package.files or []}
    if missing := [name for name in LICENCES if name not in files]:
        sys.exit(f"the installed package lacks {', '.join(missing)}")


def command(*arguments: str) -> str:
    """Run the installed command `mtf`; return what it printed, or exit with it if it fails."""
    path = Path(sysconfig.get_path("scripts")) / "mtf"
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        sys.exit(f"mtf {' '.join(arguments)} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def run_command(data: Path) -> str:
    """Run a market into *data*, verify and replay it, and return the digest on which all three agree."""
    ran: dict[str, Any] = json.loads(
        command("run", "synthetic", *SETTINGS, "--events", str(EVENTS), "--data", str(data), "--json")
    )
    command("verify", str(data))
    replayed: dict[str, Any] = json.loads(command("replay", str(data), "--json"))
    if ran["events"] != EVENTS or ran["digest"] != replayed["digest"]:
        sys.exit(f"a run of {ran['events']} events gave {ran['digest']}, its replay {replayed['digest']}")
    bars = command("bars", str(data), "--symbol", "EURUSD", "--timeframe", "1h", "--format", "csv").splitlines()
    if len(bars) < 2:
        sys.exit("the run stored no bars of 1h")
    return str(ran["digest"])


async def run_library() -> str:
    """Run the same market through the library, in memory; return its digest."""
    import mtf

    async with mtf.Pipeline(
        data=None, calendar="fx", indicators=["sma:20", "rsi:14", "macd"], timeframes=["1m", "1h", "1d"]
    ) as pipeline:
        summary = await pipeline.run(mtf.open_source(SOURCE))
    return summary.digest


def main() -> None:
    kind = sys.argv[1]
    check_installed(kind)
    command("--version")
    command("doctor")
    with tempfile.TemporaryDirectory() as directory:
        digest = run_command(Path(directory) / "run")
    if (other := asyncio.run(run_library())) != digest:
        sys.exit(f"the command gave {digest}, the library {other}")
    print(digest)


if __name__ == "__main__":
    main()
