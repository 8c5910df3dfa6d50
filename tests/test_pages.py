"""The pages of docs/: their links lead somewhere, their programs and commands exist, what they show happens."""

from __future__ import annotations

import ast
import doctest
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import click
import pytest

from mtf.cli import main

ROOT: Final = Path(__file__).resolve().parents[1]
DOCS: Final = ROOT / "docs"
# As GitHub shows them: a link is relative to its page.
LINKED: Final = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("examples/**/*.md")])
PAGES: Final = sorted(DOCS.rglob("*.md"))
# Whose examples need nothing before them. The others are run beside the tests of what they describe.
COMPLETE: Final = ("determinism.md", "faq.md", "limits.md", "look-ahead.md", "time-closes-bars.md")
RUN_ELSEWHERE: Final = {
    "exporting.md": "tests/test_pages.py",
    "migrate.md": "tests/test_migrate.py",
    "notebooks.md": "tests/test_notebooks.py",
    "python.md": "tests/data/test_documentation.py",
    "tutorial.md": "tests/test_tutorial.py",
}
START_NS: Final = 1_709_719_200_000_000_000  # 2024-03-06T10:00Z


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(page: Path, kind: str) -> list[str]:
    """Return the blocks of code of one kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return what the headings of a page are called in links."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def shown(page: Path) -> None:
    """Type the examples of *page* one after the other; each must show what stands there."""
    test = doctest.DocTestParser().get_doctest("\n".join(blocks(page, "pycon")), {}, page.name, str(page), 0)
    report: list[str] = []
    failed, tried = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append)
    assert tried
    assert not failed, "".join(report)


@pytest.mark.parametrize("page", LINKED, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    """To a file of the repository, and in it to a heading; from every page, and also on plain GitHub."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^) ]+)\)", text):
        if re.match(r"https?://", target):
            continue
        name, _, heading = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), target
        assert not heading or heading in anchors(path), target


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_programs_can_be_read(page: Path) -> None:
    for block in blocks(page, "python"):
        compile(block, str(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_and_their_options_exist(page: Path) -> None:
    """Whoever copies `mtf run --keep-log 30d` from there does not get `No such option`."""
    text = page.read_text("utf-8")
    for command in re.findall(r"(?:^\$ |`)mtf ([a-z]+[^`\n]*)", text, re.MULTILINE):
        name, *words = command.split()
        called: click.Command = main.commands[name]
        if isinstance(called, click.Group) and words and words[0] in called.commands:
            called = called.commands[words[0]]
        params = [*main.params, *called.params]  # those of the log may follow the command
        known = {each for param in params for each in (*param.opts, *param.secondary_opts)}
        assert {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"} <= known, command


def test_every_page_with_examples_has_them_run() -> None:
    """An example that nobody runs is wrong before long."""
    with_examples = {page.relative_to(DOCS).as_posix() for page in PAGES if blocks(page, "pycon")}
    assert with_examples == {*COMPLETE, *RUN_ELSEWHERE}
    for page, test in RUN_ELSEWHERE.items():
        assert page in (ROOT / test).read_text("utf-8")


@pytest.mark.parametrize("page", COMPLETE)
def test_examples_are_true(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("polars")
    monkeypatch.chdir(tmp_path)
    shown(DOCS / page)


def test_exporter_of_the_page_writes_each_bar_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program of docs/exporting.md, run as often as the page runs it."""
    monkeypatch.chdir(tmp_path)
    page = DOCS / "exporting.md"
    (program,) = blocks(page, "python")
    (tmp_path / "export.py").write_text(program)
    (commands,) = blocks(page, "console")
    for line in commands.splitlines():
        dollar, python, *words = line.split()
        assert (dollar, python) == ("$", "python")
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    shown(page)


def test_program_of_the_readme_runs(tmp_path: Path) -> None:
    """It is what most people see first; it prints each bar, and then the forming one beside the newest."""
    (program,) = blocks(ROOT / "README.md", "python")
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    *bars, last = done.stdout.splitlines()
    assert {line.split()[0] for line in bars} == {"1m", "5m", "15m", "1h"}
    assert last == "1.1010010000000001 1.100967 53.72930823062825"


async def test_web_app_of_the_page_takes_ticks_and_answers_snapshots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program of docs/embed.md, called as a server calls it."""
    pytest.importorskip("fastapi")
    monkeypatch.chdir(tmp_path)
    (program,) = blocks(DOCS / "embed.md", "python")
    (tmp_path / "app.py").write_text(program)
    app = runpy.run_path(str(tmp_path / "app.py"))["app"]

    async def ask(method: str, path: str, body: object = None) -> tuple[int, Any]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b""}
        await app(
            {**scope, "http_version": "1.1", "scheme": "http", "server": ("x", 80), "client": None}, receive, send
        )
        return sent[0]["status"], json.loads(b"".join(each.get("body", b"") for each in sent))

    ticks = [{"symbol": "X", "ts_ns": START_NS + k * 1_000_000_000, "price": 100.0 + k, "size": 1} for k in range(61)]
    async with app.router.lifespan_context(app):
        assert (await ask("GET", "/snapshot/X"))[0] == 404
        assert await ask("POST", "/ticks", ticks) == (200, {"seq": 61})
        status, state = await ask("GET", "/snapshot/X")
        assert (status, state["timeframes"]["1m"]["bars"][-1]["close"]) == (200, 159.0)
        assert state["timeframes"]["1m"]["live"] == {"rsi_14": None}
        assert (await ask("POST", "/ticks", [{"symbl": "X"}]))[0] == 422
    assert os.listdir(tmp_path / "market")
