"""Makes what is released, in dist/, and tries each of it: the sdist, and from the sdist a compiled and a pure wheel.

The wheels are built from the sdist, by pip and in isolation, so that a file missing from the sdist or a requirement
missing from pyproject.toml shows here and not at the first user. Then each of the three is installed into a fresh
environment, with nothing else in it, and scripts/trial.py runs there. The three digests must be equal.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
ENVIRONMENTS = ROOT / "build" / "dist"
COMPILED = {"MTF_PURE": "0", "MTF_REQUIRE_COMPILED": "1"}
PURE = {"MTF_PURE": "1", "MTF_REQUIRE_COMPILED": "0"}


def run(python: str | Path, *arguments: str, **settings: str) -> str:
    """Run *python* outside the source tree and return its output; exit with all of it if it fails."""
    done = subprocess.run(
        [python, *arguments],
        cwd=DIST,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\nmtf: {python} {' '.join(arguments)} failed with {done.returncode}, see above")
    return done.stdout


def pip(python: str | Path, *arguments: str, **settings: str) -> None:
    run(python, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments, **settings)


def made(pattern: str) -> Path:
    """Return the only file in dist/ that matches *pattern*."""
    (path,) = DIST.glob(pattern)
    return path


def try_out(name: str, artifact: Path, kind: str, **settings: str) -> str:
    """Install *artifact* into a fresh environment called *name*, try it there, and return the digest of its run."""
    print(f"mtf: trying {artifact.name} ...", flush=True)
    directory = ENVIRONMENTS / name
    venv.create(directory, clear=True, with_pip=True)
    python = directory / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip(python, "install", str(artifact), **settings)
    return run(python, "-P", str(ROOT / "scripts" / "trial.py"), kind).split()[-1]


def main() -> None:
    for stale in (DIST, ENVIRONMENTS, *ROOT.glob("*.egg-info")):  # setuptools would pack files that an egg-info lists
        shutil.rmtree(stale, ignore_errors=True)
    DIST.mkdir()
    print("mtf: building the sdist, and from it two wheels ...", flush=True)
    run(sys.executable, "-P", "-m", "build", "--sdist", "--outdir", str(DIST), str(ROOT))
    sdist = made("*.tar.gz")
    wheel = ("wheel", "--no-deps", "--no-cache-dir", "--wheel-dir", str(DIST), str(sdist))
    pip(sys.executable, *wheel, **COMPILED)
    compiled = made("*.whl")
    pip(sys.executable, *wheel, **PURE)
    pure = made("*-none-any.whl")
    digests = {
        # The compiled wheel is made as `pip install` makes it from the sdist; this tries the way without a compiler.
        try_out("sdist", sdist, "pure", **PURE),
        try_out("compiled", compiled, "compiled"),
        try_out("pure", pure, "pure"),
    }
    if len(digests) > 1:
        sys.exit(f"mtf: the same run has different digests: {', '.join(sorted(digests))}")
    print(f"mtf: {', '.join(path.name for path in (sdist, compiled, pure))} in dist/, all with digest {digests.pop()}")


if __name__ == "__main__":
    main()
