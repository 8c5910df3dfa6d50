"""Builds mtf and installs it, unless what is installed was built from the very same sources.

    install.py             into the environment that runs this: compiled, or pure if that cannot be done
    install.py --pure DIR  a pure build into DIR, to be put on PYTHONPATH

The source tree is only read: compiled modules exist in `build/` and in what is installed, never in `mtf/`, so that
running from the source tree is always the pure build. Environment: MTF_PURE, MTF_REQUIRE_COMPILED, as in setup.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
LOG = BUILD / "build.log"
SOURCES = ("pyproject.toml", "setup.py", "scripts/docstrings.py", "scripts/objects.py", "scripts/units.py")
FORMER_NAME = "mtf"
COMPILERS = ("cc", "gcc", "clang")
BUILD_WHEEL = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
FILE_BY_FILE = ("adding ", "copying ", "creating ", "reading ", "writing ")  # lines of setuptools that explain nothing


def fingerprint(pure: bool) -> str:
    """Return a hash of everything that the build is made from."""
    files = [ROOT / name for name in SOURCES]
    files += sorted(path for path in (ROOT / "mtf").rglob("*") if path.suffix == ".py" or path.name == "py.typed")
    # A compiler that appears later is a reason to build again.
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    digest = hashlib.sha256(repr((sys.version, pure, os.environ.get("CC"), compiler)).encode())
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def fail(output: str, what: str) -> NoReturn:
    """Show the lines of *output* that may explain the failure, and exit."""
    shown = [line for line in output.splitlines() if not line.strip().startswith(FILE_BY_FILE)]
    sys.exit("\n".join([*shown, f"mtf: {what} failed, see above"]))


def pip(*arguments: str) -> None:
    """Run pip; if it fails, show what it said and exit."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        fail(done.stdout, f"pip {arguments[0]}")


def build(pure: bool) -> tuple[Path, str]:
    """Build the wheel as pip would, and return it with what the build said, which is in LOG too."""
    for stale in (*BUILD.glob("lib*"), *BUILD.glob("bdist*"), *BUILD.glob("wheel")):
        shutil.rmtree(stale)  # setuptools would pack what is left of modules that are gone
    settings = {"MTF_PURE": "1", "MTF_REQUIRE_COMPILED": "0"} if pure else {}
    progress = os.dup(sys.stdout.fileno())
    with LOG.open("w+", encoding="utf-8") as log:
        done = subprocess.run(
            [sys.executable, "-P", "-c", BUILD_WHEEL, str(BUILD / "wheel")],
            cwd=ROOT,
            env={**os.environ, "MTF_PROGRESS": str(progress), **settings},
            pass_fds=[progress],
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
        log.seek(0)
        output = log.read()
    os.close(progress)
    if done.returncode:
        fail(output, "the build")
    (wheel,) = (BUILD / "wheel").glob("*.whl")
    return wheel, output


def remove_former_name() -> None:
    """Uninstall the distribution `mtf`: in an environment older than the name mtf-engine it owns the same files."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        importlib.metadata.distribution(FORMER_NAME)
        pip("uninstall", "--yes", FORMER_NAME)


def is_compiled(wheel: Path) -> bool:
    """True if *wheel* holds compiled modules."""
    with zipfile.ZipFile(wheel) as archive:
        return any(name.endswith((".so", ".pyd")) for name in archive.namelist())


def main() -> None:
    directory = Path(sys.argv[2]).resolve() if sys.argv[1:2] == ["--pure"] else None
    pure = directory is not None or os.environ.get("MTF_PURE", "0") not in ("", "0")
    required = not pure and os.environ.get("MTF_REQUIRE_COMPILED", "0") not in ("", "0")
    stamp = Path(directory or sys.prefix) / "mtf-build"
    want = fingerprint(pure)
    have, _, kind = stamp.read_text(encoding="utf-8").partition(" ") if stamp.exists() else ("", "", "")
    if have == want and not (required and kind != "compiled"):
        return
    print(f"mtf: building {'in pure Python' if pure else 'with mypyc'} ...", flush=True)
    stamp.unlink(missing_ok=True)
    BUILD.mkdir(exist_ok=True)
    wheel, log = build(pure)
    if directory is None:
        remove_former_name()
        pip("install", "--no-deps", "--force-reinstall", str(wheel))
    else:
        shutil.rmtree(directory, ignore_errors=True)
        pip("install", "--no-deps", "--target", str(directory), str(wheel))
    kind = "compiled" if is_compiled(wheel) else "pure"
    if kind == "pure" and not pure:
        reasons = [line.strip() for line in log.splitlines() if ": error: " in line or "mtf: pure" in line]
        print(*reasons, f"mtf: the whole log is {LOG}", sep="\n")
    stamp.write_text(f"{want} {kind}", encoding="utf-8")
    print(f"mtf: installed, {kind}")


if __name__ == "__main__":
    main()
