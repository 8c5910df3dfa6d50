"""A service beside an exchange that misbehaves, killed twice: `scripts/soak_feeds.py`, for some seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("websockets")
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "soak_feeds.py"


def soaked(folder: Path, *options: str) -> dict[str, Any]:
    """Run the script, and return what it found."""
    settings = ["--seconds", "6", "--kill-every", "2", "--rate", "600", "--folder", str(folder)]
    paths = [*filter(None, [os.environ.get("PYTHONPATH")]), str(SCRIPT.parent)]  # it imports its neighbours
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *settings, *options],
        capture_output=True,
        text=True,
        timeout=150,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    )
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["kills"] == 2
    assert found["exit_code"] == 0, (folder / "log").read_text()
    return found


def test_what_is_sent_again_on_request_is_all_there_after_kills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every message is logged once, the bars are those of all that was sent, and the comparison notices when not."""
    found = soaked(tmp_path / "soak", "--resend", "--seed", "2")
    assert found["errors"] == []
    assert found["missing"] == 0
    assert found["logged"] == found["messages"] > 500
    assert found["bars"] > 1000

    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import soak_judge

    report = json.loads((tmp_path / "soak" / "sent.json").read_text())
    report["acknowledged"].append(10**6)
    report["messages"][50]["ticks"][0][1] += 100
    errors = soak_judge.judged(tmp_path / "soak", report, resends=True)["errors"]
    assert any("1 messages were acknowledged and are not in the log" in each for each in errors)
    assert [each.partition(":")[0] for each in errors if "differ at" in each] == ["S050 1s", "S050 5s", "S050 1m"]


def test_what_is_not_sent_again_is_marked_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """The bars are those of all that was logged; each message that did not come is in an outage of the log."""
    found = soaked(tmp_path / "soak", "--seed", "3")
    assert found["errors"] == []
    assert found["missing"] > 0
    assert found["acknowledged"] > 500


@pytest.mark.parametrize(
    ("options", "verdicts"),
    [(("--delay", "60"), {"accepted"}), (("--delay", "0", "--allow-late"), {"accepted", "late"})],
    ids=["a delay longer than outages", "no delay"],
)
def test_where_the_wall_clock_closes_bars_a_delay_gives_the_feed_time_to_fill_holes(
    tmp_path: Path, options: tuple[str, ...], verdicts: set[str]
) -> None:
    """With one, bars are those of all that was sent; without, of all that was not late, and that is counted."""
    found = soaked(tmp_path / "soak", "--resend", "--seed", "4", *options)
    assert found["errors"] == []
    assert found["missing"] == 0
    assert set(found["verdicts"]) <= verdicts
