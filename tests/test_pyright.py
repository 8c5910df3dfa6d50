"""The second type checker: what mtf's users write is accepted by pyright as it is by mypy, which `make types` runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYRIGHT = os.environ.get("MTF_PYRIGHT") or shutil.which("pyright")
WRONG = """
import mtf

async def main() -> None:
    async with mtf.Pipeline(timeframes=5) as p:
        seq: str = await p.push(mtf.Tick.trade("X", 1, 2.0))
        p.snapshot("X")["1m"].partial.high
"""


def reported(folder: Path) -> dict[str, Any]:
    """Return what pyright says of *folder*, in its strict mode, as JSON."""
    assert PYRIGHT is not None
    config = {"include": ["."], "extraPaths": [str(ROOT)], "pythonVersion": "3.11", "typeCheckingMode": "strict"}
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    command = [PYRIGHT, "--project", str(folder), "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(PYRIGHT is None, reason="needs pyright; MTF_PYRIGHT says where it is")
def test_pyright_accepts_the_examples_and_finds_what_is_wrong(tmp_path: Path) -> None:
    """In its strict mode: types of the public face are complete, and no call in an example is wrong."""
    examples = Path(shutil.copytree(ROOT / "examples", tmp_path / "examples"))
    found = reported(examples)
    assert found["summary"]["filesAnalyzed"] >= len(list((ROOT / "examples").glob("*.py")))
    assert [
        f"{each['file']}:{each['range']['start']['line'] + 1}: {each['message']}"
        for each in found["generalDiagnostics"]
    ] == []
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "wrong.py").write_text(WRONG)
    errors = {each["range"]["start"]["line"] + 1 for each in reported(tmp_path / "wrong")["generalDiagnostics"]}
    assert errors >= {5, 6, 7}
