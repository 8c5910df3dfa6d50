"""Plug-ins of other packages: found by entry point, imported when they are needed, and never in the way if broken."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

import mtf
from mtf.plugins import GROUPS
from tests.builders import at

ROOT = Path(__file__).resolve().parents[2]
PIPES = "pipes|what|b|a\n2024-03-06T10:00:00Z|EURUSD|1.0|1.5\n2024-03-06T10:01:00Z|EURUSD|1.25|1.5\n"

Run = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which the example is installed, as pip does it, without a network."""
    folder = tmp_path_factory.mktemp("site")
    copy = tmp_path_factory.mktemp("build") / "plugin"
    shutil.copytree(ROOT / "examples" / "plugin", copy, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--no-index", "--quiet"]
    done = subprocess.run([*pip, "--target", str(folder), str(copy)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def python(*args: str, paths: tuple[Path, ...], cwd: Path) -> Run:
    """Run Python with *paths* in front of what is installed."""
    before = os.environ.get("PYTHONPATH", "")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, paths), *filter(None, [before])])}
    return subprocess.run(
        [sys.executable, *args], capture_output=True, text=True, check=False, cwd=cwd, env=environment
    )


def command(*args: str, paths: tuple[Path, ...], cwd: Path) -> Run:
    return python("-m", "mtf", *args, paths=paths, cwd=cwd)


def json_of(*args: str, paths: tuple[Path, ...], cwd: Path) -> Any:
    done = command(*args, "--json", paths=paths, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return orjson.loads(done.stdout.splitlines()[-1])


def broken(folder: Path, module: str, *groups: str) -> Path:
    """Make a package in *folder* whose entry points `faulty`, one in each group, lead to *module*."""
    info = folder / "faulty_plugins-0.3.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty-plugins\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("".join(f"[{group}]\nfaulty = faulty:FAULTY\n" for group in groups))
    (folder / "faulty.py").write_text(module)
    return folder


def test_example_is_listed_with_its_package(site: Path, tmp_path: Path) -> None:
    """One of each kind, and all of them can be used."""
    found = json_of("plugins", paths=(site,), cwd=tmp_path)
    assert {each["group"]: each["name"] for each in found} == {
        "mtf.formats": "pipes",
        "mtf.sources": "walk",
        "mtf.calendars": "weekdays",
        "mtf.indicators": "meanrange",
        "mtf.consumers": "barcount",
        "mtf.exporters": "jsonlines",
    }
    assert {each["group"] for each in found} == set(GROUPS.values())
    for each in found:
        assert (each["package"], each["version"]) == ("mtf-example-plugin", "1.0")
        assert (each["loaded"], each["problem"]) == (True, None)
    table = command("plugins", paths=(site,), cwd=tmp_path).stdout
    assert re.search(r"mtf\.sources +walk +mtf-example-plugin +1\.0 +loaded", table)


def test_example_is_used_by_name_in_every_place(site: Path, tmp_path: Path) -> None:
    """A source, a calendar and an indicator in a run; a consumer in a replay; an exporter of its bars."""
    source = ("run", "walk:ticks=200,seed=3", "--calendar", "weekdays", "--indicators", "MeanRange:2", "--data", "run")
    summary = json_of(*source, paths=(site,), cwd=tmp_path)
    assert (summary["ticks"], summary["bars"]["1m"], summary["source"]) == (200, 3, "walk")
    again = json_of(*source, paths=(site,), cwd=tmp_path)
    assert (again["new_events"], again["digest"]) == (0, summary["digest"])
    replayed = command("replay", "run", "--consumer", "barcount", paths=(site,), cwd=tmp_path)
    assert "'1m': 3" in replayed.stdout
    exported = command(
        "bars", "run", "--symbol", "WALK", "-t", "1m", "--format", "jsonlines", paths=(site,), cwd=tmp_path
    )
    lines = [orjson.loads(line) for line in exported.stdout.splitlines()]
    assert [line["start_ns"] for line in lines] == [at("10:00"), at("10:01"), at("10:02")]
    assert [line["ticks"] for line in lines] == [59, 60, 60]


def test_a_source_of_a_plugin_resumes_where_it_was(site: Path, tmp_path: Path) -> None:
    """Its position is in the log like that of a file: more of the same walk continues it."""
    options = ("--calendar", "weekdays", "--data", "run")
    json_of("run", "walk:ticks=100,seed=5", *options, paths=(site,), cwd=tmp_path)
    refused = command("run", "walk:ticks=300,seed=5", *options, paths=(site,), cwd=tmp_path)
    assert refused.returncode == 1
    assert "is now a different file" in refused.stderr


def test_example_format_is_detected_and_can_be_named(site: Path, tmp_path: Path) -> None:
    """Like a built-in one."""
    (tmp_path / "m.txt").write_text(PIPES)
    for options in ((), ("--format", "pipes")):
        summary = json_of("run", "m.txt", *options, paths=(site,), cwd=tmp_path)
        assert (summary["ticks"], summary["read_as"][0]["format"]) == (2, "pipes")
    unknown = command("run", "m.txt", "--format", "pipes", paths=(), cwd=tmp_path)
    assert unknown.returncode == 2


def test_import_of_mtf_loads_no_plugin(site: Path, tmp_path: Path) -> None:
    """Nor does a run that names none of them load any but formats, which have to look at the file."""
    code = "import sys, mtf; mtf.indicators.create('sma:3'); print([name for name in sys.modules if 'example' in name])"
    assert python("-c", code, paths=(site,), cwd=tmp_path).stdout == "[]\n"
    code = (
        "import sys, asyncio, mtf\n"
        "async def run():\n"
        "    async with mtf.Pipeline() as p:\n"
        "        await p.run('synthetic:events=10')\n"
        "asyncio.run(run()); print([name for name in sys.modules if 'example' in name])"
    )
    assert python("-c", code, paths=(site,), cwd=tmp_path).stdout == "[]\n"


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("raise SystemError('no licence')", "fails with SystemError: no licence"),
        ("import no_such_thing", "fails with ModuleNotFoundError"),
        ("OTHER = 1", "fails with AttributeError"),
        ("FAULTY = 5", "5 is not a"),
    ],
)
def test_broken_plugins_are_listed_with_the_reason_and_break_nothing(module: str, why: str, tmp_path: Path) -> None:
    """Whatever their module does, a run of a file goes on as if they were not installed."""
    path = broken(tmp_path / "faulty", module, *GROUPS.values())
    (tmp_path / "m.csv").write_text("time,symbol,bid,ask\n2024-03-06T10:00:00Z,EURUSD,1.0,1.5\n")
    found = json_of("plugins", paths=(path,), cwd=tmp_path)
    assert [(each["name"], each["package"], each["loaded"]) for each in found] == [
        ("faulty", "faulty-plugins", False)
    ] * 6
    for each in found:
        assert why in each["problem"], each
    done = command("run", "m.csv", "--json", paths=(path,), cwd=tmp_path)
    assert orjson.loads(done.stdout)["ticks"] == 1
    assert done.stderr.count("faulty-plugins 0.3 cannot be used") == 1
    assert "rsi" in command("indicators", paths=(path,), cwd=tmp_path).stdout
    for asked in (
        ("run", "faulty:x"),
        ("run", "m.csv", "--calendar", "faulty"),
        ("run", "m.csv", "--indicators", "faulty"),
        ("run", "m.csv", "--format", "faulty"),
    ):
        refused = command(*asked, paths=(path,), cwd=tmp_path)
        assert refused.returncode == 2, (asked, refused.stderr)
        assert "of the package faulty-plugins 0.3 cannot be used" in refused.stderr


def test_a_format_that_fails_on_a_file_leaves_it_to_others(tmp_path: Path) -> None:
    """It is reported once, and not for each of a thousand files."""
    module = (
        "from mtf.sources import Format\n"
        "def sniff(part): raise ZeroDivisionError('bad table')\n"
        "FAULTY = Format(name='faulty', description='x', sniff=sniff, plan=None)\n"
    )
    path = broken(tmp_path / "faulty", module, "mtf.formats")
    (tmp_path / "m").mkdir()
    for day in (6, 7, 8):
        row = f"2024-03-0{day}T10:00:00Z,EURUSD,1.0,1.5"
        (tmp_path / "m" / f"{day}.csv").write_text(f"time,symbol,bid,ask\n{row}\n")
    done = command("run", "m", "--json", paths=(path,), cwd=tmp_path)
    assert orjson.loads(done.stdout)["ticks"] == 3
    assert done.stderr.count("fails on") == 1
    assert "ZeroDivisionError('bad table')" in done.stderr


def test_a_builtin_name_cannot_be_taken(tmp_path: Path) -> None:
    """Else a package that is installed for something else would change results."""
    info = tmp_path / "site" / "taker-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: taker\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mtf.calendars]\nfx = os:sep\n[mtf.indicators]\nsma = os:sep\n")
    found = json_of("plugins", paths=(tmp_path / "site",), cwd=tmp_path)
    assert [each["problem"] for each in found] == [
        "not used: fx is the name of a built-in one",
        "not used: sma is the name of a built-in one",
    ]
    code = "import mtf; print(mtf.calendars.get('fx').name, mtf.indicators.create('sma:3').spec)"
    assert python("-c", code, paths=(tmp_path / "site",), cwd=tmp_path).stdout == "fx sma:3\n"


def test_examples_own_tests_pass(site: Path, tmp_path: Path) -> None:
    """They are the contract suites of `mtf.testing`, as the page shows them."""
    tests = shutil.copytree(ROOT / "examples" / "plugin" / "tests", tmp_path / "tests")
    arguments = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", str(tests))
    done = python(*arguments, paths=(site,), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "19 passed" in done.stdout


def test_groups_and_public_names_are_documented() -> None:
    """Whoever writes a plug-in has only that page."""
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(mtf\.\w+)` \|", page, re.MULTILINE)) == set(GROUPS.values())
    for name in ("BlockBuilder", "Format", "hand_in", "guessed_plan", "look", "with_columns", "InputFile"):
        assert name in page
        assert name in mtf.sources.__all__
