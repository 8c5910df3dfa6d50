"""Builds mtf and installs it, unless what is installed was built from the very same sources.

    install.py             into the environment that runs this: compiled, or pure where it cannot be
    install.py --pure DIR  a pure build into DIR, to be put on PYTHONPATH

The source tree is only read: compiled modules exist in `build/` and in what is installed, never in `mtf/`, so that
running from the source tree is always the pure build. Environment: MTF_PURE, MTF_REQUIRE_COMPILED, as in setup.py.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
SOURCES = ("pyproject.toml", "setup.py")
COMPILERS = ("cc", "gcc", "clang")
FILE_BY_FILE = ("adding ", "copying ", "creating ", "reading ", "writing ")  # lines of setuptools that tell no cause


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


def pip(*arguments: str, pure: bool) -> str:
    """Run pip and return what it said; where it fails, show that and exit."""
    wanted = {"MTF_PURE": "1", "MTF_REQUIRE_COMPILED": "0"} if pure else {}
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments],
        cwd=ROOT,
        env={**os.environ, **wanted},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        told = [line for line in done.stdout.splitlines() if not line.strip().startswith(FILE_BY_FILE)]
        sys.exit("\n".join([*told, f"mtf: pip {arguments[0]} failed, see above"]))
    return done.stdout


def build(pure: bool) -> tuple[Path, str]:
    """Build the wheel, and return it with what the build said."""
    for stale in (*BUILD.glob("lib*"), *BUILD.glob("bdist*"), *BUILD.glob("wheel")):
        shutil.rmtree(stale)  # setuptools would pack what is left of modules that are gone
    log = pip("wheel", "-v", ".", "--no-deps", "--no-build-isolation", "--wheel-dir", str(BUILD / "wheel"), pure=pure)
    (wheel,) = (BUILD / "wheel").glob("mtf-*.whl")
    return wheel, log


def is_compiled(wheel: Path) -> bool:
    """True where *wheel* holds compiled modules."""
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
        pip("install", "--no-deps", "--force-reinstall", str(wheel), pure=pure)
    else:
        shutil.rmtree(directory, ignore_errors=True)
        pip("install", "--no-deps", "--target", str(directory), str(wheel), pure=pure)
    kind = "compiled" if is_compiled(wheel) else "pure"
    if kind == "pure" and not pure:
        (BUILD / "build.log").write_text(log, encoding="utf-8")
        reasons = [line.strip() for line in log.splitlines() if ": error: " in line or "mtf: pure" in line]
        print(*reasons, f"mtf: the whole log is {BUILD / 'build.log'}", sep="\n")
    stamp.write_text(f"{want} {kind}", encoding="utf-8")
    print(f"mtf: installed, {kind}")


if __name__ == "__main__":
    main()
