"""What holds for every test: which build of mtf is under test, how hypothesis draws, where the vendors' data lies."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

import mtf.build

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("MTF_TEST_DATA") or ROOT.parent / "shared" / "data")  # the vendors', if it is there
BUILD = "compiled" if mtf.build.COMPILED else "pure"

# `ci` draws the same examples in every run, so that a red one can be run again; `dev` goes on looking for new ones.
settings.register_profile("dev", deadline=None)
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=100 if mtf.build.COMPILED else 30,  # pure Python takes several times as long, for the same laws
)
PROFILE = os.environ.get("MTF_HYPOTHESIS", "ci" if os.environ.get("CI") else "dev")
settings.load_profile(PROFILE)
if PROFILE == "ci":
    # Else it also draws constants out of the local modules that are imported by then, which the tests before decide.
    assert hasattr(providers, "is_local_module_file"), "hypothesis finds local modules in another way"
    providers.is_local_module_file = lambda _path: False


if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup the commands under test would inherit that, and obey it


def pytest_configure() -> None:
    """Refuse to test another build than the one that MTF_EXPECT names: a suite must not go pure silently."""
    expected = os.environ.get("MTF_EXPECT", BUILD)
    if expected != BUILD:
        raise pytest.UsageError(f"MTF_EXPECT is {expected!r}, but the mtf in {_location()} is {BUILD}")


def pytest_report_header() -> str:
    return f"mtf: {mtf.build.VERSION}, {BUILD} ({len(mtf.build.compiled_modules())} compiled modules), {_location()}"


@pytest.fixture(scope="session")
def vendor_data() -> Path:
    """The directory of the vendors' market data, with its PROVENANCE.md; tests that ask for it skip where it is not."""
    if not (DATA / "PROVENANCE.md").is_file():
        pytest.skip(f"no vendors' data in {DATA}: name its directory with MTF_TEST_DATA")
    return DATA


@pytest.fixture(autouse=True, scope="module")
def _no_reader_stays() -> Iterator[None]:
    """End the process that reads Parquet and Arrow files after each module: others count what they leave."""
    yield
    if arrow_files := sys.modules.get("mtf.sources.arrow_files"):
        arrow_files.stop_worker()


def _location() -> Path:
    return Path(mtf.build.__file__).parent
