"""Compiles the modules that run per tick with mypyc; everything else about the build is in pyproject.toml.

If that cannot be done (no compiler, no mypy, a type error) the build goes on in pure Python, with a notice that says
why: same code, same results, slower. `MTF_PURE=1` asks for it; `MTF_REQUIRE_COMPILED=1` makes it an error. All modules
are compiled, or none is: they share one library. An editable install is pure, for compiled modules would have to
lie in the source tree.

`build/` keeps what was compiled, and a build compiles what has changed since, on all cores: scripts/docstrings.py adds
to the C what mypyc leaves out, scripts/units.py cuts it so that little changes, scripts/objects.py compiles and keeps
it.
"""

from __future__ import annotations

import gc
import os
import sys
import sysconfig
import textwrap
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).parent / "scripts"))

import docstrings
import objects
import units

# Inward first, as the layers are. A module is listed once it runs per tick or is imported by one that does.
COMPILED = [
    "mtf/units.py",
    "mtf/markup.py",
    "mtf/events/tick.py",
    "mtf/events/block.py",
    "mtf/events/bar_rows.py",
    "mtf/events/malformed.py",
    "mtf/events/waiting_rows.py",
    "mtf/events/row_copier.py",
    "mtf/events/block_builder.py",
    "mtf/calendars/day.py",
    "mtf/calendars/calendar.py",
    "mtf/calendars/weekly.py",
    "mtf/calendars/grid.py",
    "mtf/calendars/session_edges.py",
    "mtf/bars/bar.py",
    "mtf/bars/bar_codes.py",
    "mtf/bars/growth.py",
    "mtf/bars/history_table.py",
    "mtf/archive.py",
    "mtf/image.py",
    "mtf/bars/bar_history.py",
    "mtf/bars/bar_window.py",
    "mtf/bars/saved_bars.py",
    "mtf/bars/closings.py",
    "mtf/bars/recent.py",
    "mtf/bars/verdicts.py",
    "mtf/bars/read_ahead.py",
    "mtf/bars/intake.py",
    "mtf/bars/judged_block.py",
    "mtf/bars/gate_symbol.py",
    "mtf/bars/clocks.py",
    "mtf/bars/acceptance.py",
    "mtf/bars/bar_gate.py",
    "mtf/bars/gate.py",
    "mtf/bars/placement.py",
    "mtf/bars/blank.py",
    "mtf/bars/columns.py",
    "mtf/bars/forming.py",
    "mtf/bars/bar_builder.py",
    "mtf/bars/aggregate.py",
    "mtf/bars/activity.py",
    "mtf/bars/digest.py",
    "mtf/indicators/layout.py",
    "mtf/indicators/rolling.py",
    "mtf/indicators/smoothing.py",
    "mtf/indicators/formula.py",
    "mtf/indicators/indicator.py",
    "mtf/indicators/trend.py",
    "mtf/indicators/momentum.py",
    "mtf/indicators/oscillators.py",
    "mtf/indicators/volatility.py",
    "mtf/indicators/volume.py",
    "mtf/indicators/levels.py",
    "mtf/indicators/adaptive.py",
    "mtf/indicators/directional.py",
    "mtf/indicators/built_in.py",
    "mtf/indicators/composed.py",
    "mtf/indicators/held.py",
    "mtf/indicators/parts.py",
    "mtf/indicators/slabs.py",
    "mtf/indicators/symbol_indicators.py",
    "mtf/indicators/value_rows.py",
    "mtf/indicators/values.py",
    "mtf/indicators/calculator.py",
    "mtf/indicators/value_history.py",
    "mtf/indicators/transfer.py",
    "mtf/frames/undo.py",
    "mtf/frames/symbol_state.py",
    "mtf/frames/published.py",
    "mtf/frames/frame_closings.py",
    "mtf/frames/frame.py",
    "mtf/frames/timeframe_state.py",
    "mtf/frames/snapshot.py",
    "mtf/frames/joiner.py",
    "mtf/frames/passed.py",
    "mtf/frames/past.py",
    "mtf/frames/tally.py",
    "mtf/frames/walk.py",
    "mtf/frames/cursor.py",
    "mtf/frames/selection.py",
    "mtf/frames/still.py",
    "mtf/frames/view.py",
    "mtf/frames/state_rows.py",
    "mtf/engine.py",
    "mtf/log/spans.py",
    "mtf/log/block_frame.py",
    "mtf/log/appender.py",
    "mtf/log/durability.py",
    "mtf/bars/picking.py",
    "mtf/bars/coverage.py",
    "mtf/storage/history/gather.py",
    "mtf/sources/chunk.py",
    "mtf/sources/merger.py",
    "mtf/sources/reorder_window.py",
    "mtf/sources/time_order.py",
    "mtf/sources/decimals.py",
    "mtf/sources/naming.py",
    "mtf/sources/local_time.py",
    "mtf/sources/timewords.py",
    "mtf/sources/stamps.py",
    "mtf/sources/row_reader.py",
    "mtf/sources/ohlc.py",
    "mtf/sources/known_names.py",
    "mtf/sources/text_rows.py",
    "mtf/sources/text_table.py",
    "mtf/sources/quotes.py",
    "mtf/sources/json_lines.py",
    "mtf/sources/column_reader.py",
    "mtf/sources/records.py",
    "mtf/sources/trade_arrays.py",
    "mtf/sources/synthetic.py",
    "mtf/actors/mailbox.py",
    "mtf/actors/actor.py",
    "mtf/actors/cores.py",
    "mtf/actors/sequencer.py",
    "mtf/actors/policies.py",
    "mtf/actors/delivery.py",
    "mtf/actors/turns.py",
    "mtf/actors/showing.py",
    "mtf/actors/consumers.py",
    "mtf/actors/threaded.py",
    "mtf/actors/waiters.py",
    "mtf/pipeline/arrivals.py",
]

GROUP = "mtf"  # the shared library is GROUP__mypyc
BUILD = Path("build")

# GCC's -O3 is a tenth faster than -O2 on the hot path and takes as long to compile. A fused multiply-add would round
# differently from pure Python. Symbols that no other library can see are called directly and can be inlined, which
# makes up for the many files.
FLAGS = ("-ffp-contract=off", "-fvisibility=hidden", *units.FLAGS)

PURE = os.environ.get("MTF_PURE", "0") not in ("", "0")
REQUIRED = os.environ.get("MTF_REQUIRE_COMPILED", "0") not in ("", "0")

# Front ends ask for metadata in runs of their own, and those need no compiled modules.
COMMANDS_THAT_BUILD = {"bdist_wheel", "build", "build_ext", "install"}


def notice(reason: str) -> None:
    """Say that the build is pure, or end it if it must not be."""
    if REQUIRED:
        raise SystemExit(f"mtf: not compiled: {reason}; MTF_REQUIRE_COMPILED is set, so this is an error")
    print(f"mtf: pure Python build: {reason}", file=sys.stderr, flush=True)


def extensions() -> list[Any]:
    """Return what has to be compiled: the C of all modules of COMPILED, or nothing."""
    if PURE:
        notice("MTF_PURE is set")
        return []
    try:
        from mypyc.build import mypycify
    except ImportError:
        notice("mypy is not installed")
        return []
    try:
        built = mypycify(
            COMPILED, opt_level="3", debug_level="0", group_name=GROUP, multi_file=True, target_dir=str(BUILD / "c")
        )
    except (Exception, SystemExit) as error:  # noqa: BLE001 - mypyc exits on a type error, and raises where it has a bug
        notice(f"mypyc failed, see its output above ({type(error).__name__}: {error})")
        return []
    gc.freeze()  # mypy leaves a million objects behind, and to look for garbage among them at exit takes seconds
    for extension in built:
        arguments = [argument for argument in extension.extra_compile_args if argument != "-Werror"]
        extension.extra_compile_args = [*arguments, *FLAGS] if os.name == "posix" else arguments
    library = built[0]
    library.sources = units.write(list(map(str, library.sources)), GROUP, BUILD / "units", documented)
    return built


def documented(name: str, code: str) -> str:
    """Return the C *code* of the file *name* with what mypyc leaves out of it."""
    path = sources_by_unit().get(name)
    return code if path is None else docstrings.described(code, docstrings.read(path.read_text(encoding="utf-8")))


def sources_by_unit() -> dict[str, Path]:
    """Return the modules that are compiled, by the name of mypyc's file for each."""
    return {f"__native_{'___'.join(Path(path).with_suffix('').parts)}.c": Path(path) for path in COMPILED}


class BuildOrGoPure(build_ext):
    """Builds all extensions, or none: if one fails, takes away those that were built."""

    def run(self) -> None:
        for stale in Path(self.build_lib).rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"):
            stale.unlink()  # an earlier build's, perhaps of modules that are no longer compiled
        try:
            super().run()
        except Exception as error:  # noqa: BLE001 - whatever a compiler does, pure Python is still there
            for path in self.get_outputs():
                Path(path).unlink(missing_ok=True)
            notice(f"the C compiler failed: {textwrap.shorten(str(error), 100)}")

    def build_extensions(self) -> None:
        if os.name == "posix":  # elsewhere setuptools compiles in its own way: one file after another, all of them
            objects.reuse(self.compiler, self.extensions, BUILD / "objects")
            self.parallel = objects.cores()
        super().build_extensions()


class BuildWithSignatures(build_py):
    """Puts in what the C of compiled modules cannot hold."""

    def run(self) -> None:
        super().run()
        target = Path(self.build_lib) / "mtf" / "_signatures.py"
        target.unlink(missing_ok=True)
        if self.distribution.ext_modules and not self.editable_mode:
            texts = {".".join(Path(path).with_suffix("").parts): Path(path).read_text("utf-8") for path in COMPILED}
            target.write_text(docstrings.table(texts), encoding="utf-8")


setup(
    ext_modules=extensions() if COMMANDS_THAT_BUILD & set(sys.argv) else [],
    cmdclass={"build_ext": BuildOrGoPure, "build_py": BuildWithSignatures},
)
