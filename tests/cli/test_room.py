"""`--make-room`: which directory a source is kept in, and why not in the one that was named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtf.cli.room import room_for
from mtf.config import Config
from mtf.errors import ConfigError
from mtf.sources import SyntheticMarket, open_source
from mtf.sources.log import LogSource
from tests.cli.builders import SETTINGS, mtf, write_market

CONFIG = Config.make(timeframes="1m,5m", indicators="sma:2")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A directory that a run of `market.csv` beside it made."""
    done = mtf("run", write_market(tmp_path / "market.csv"), "--data", tmp_path / "run", *SETTINGS)
    assert done.exit_code == 0, done.output
    return tmp_path / "run"


def test_a_new_name_and_an_empty_directory_are_free(tmp_path: Path) -> None:
    """There is nothing that could be mixed up."""
    source = SyntheticMarket(events=10)
    assert room_for(tmp_path / "run", CONFIG, source) == (tmp_path / "run", "")
    (tmp_path / "run").mkdir()
    assert room_for(tmp_path / "run", CONFIG, source) == (tmp_path / "run", "")


def test_the_same_source_goes_on_where_it_was(kept: Path) -> None:
    """Also when it has grown."""
    path = kept.parent / "market.csv"
    assert room_for(kept, CONFIG, open_source(path)) == (kept, "")
    with path.open("a") as file:
        file.write("2024-03-06T10:04:00Z,EURUSD,1.0,1.25,4,4\n")
    assert room_for(kept, CONFIG, open_source(path)) == (kept, "")


def test_another_source_gets_a_directory_of_its_own(kept: Path) -> None:
    """And goes on there the next time."""
    other = SyntheticMarket(events=10)
    assert room_for(kept, CONFIG, other) == (kept.with_name("run-2"), "has another source (market.csv)")


def test_another_file_of_the_same_name_is_another_source(kept: Path) -> None:
    """What it begins with is looked at, not only what it is called."""
    path = kept.parent / "market.csv"
    path.write_text(path.read_text().replace("1.25,1.75", "1.24,1.75") + "\n" * 9)
    assert room_for(kept, CONFIG, open_source(path)) == (kept.with_name("run-2"), "has another market.csv")


def test_a_file_that_is_read_in_another_way_is_another_source(kept: Path) -> None:
    """The same rows would be other ticks."""
    source = open_source(kept.parent / "market.csv", columns="time,symbol,bid,ask")
    assert room_for(kept, CONFIG, source) == (kept.with_name("run-2"), "has market.csv, read differently")


def test_other_settings_get_a_directory_of_their_own(kept: Path) -> None:
    """With what differs."""
    other = Config.make(timeframes="1m,5m", indicators="sma:2", price="bid")
    found, why = room_for(kept, other, open_source(kept.parent / "market.csv"))
    assert found == kept.with_name("run-2")
    assert why.startswith("was made with other settings (price: ")


def test_what_is_no_data_directory_is_left_alone(tmp_path: Path) -> None:
    """A file, a folder of something else, a link to nothing, a damaged log: the next name is taken, with a note."""
    source = SyntheticMarket(events=10)
    (tmp_path / "run").write_text("mine")
    assert room_for(tmp_path / "run", CONFIG, source) == (tmp_path / "run-2", "is not a directory")
    (tmp_path / "run-2").mkdir()
    (tmp_path / "run-2" / "notes.txt").write_text("mine")
    assert room_for(tmp_path / "run", CONFIG, source)[0] == tmp_path / "run-3"
    assert room_for(tmp_path / "run-2", CONFIG, source)[1] == "has other files"
    (tmp_path / "run-3" / "log").mkdir(parents=True)
    (tmp_path / "run-3" / "log" / "0000000000000000001.log").write_bytes(b"garbage" * 100)
    found, why = room_for(tmp_path / "run-3", CONFIG, source)
    assert found == tmp_path / "run-3-2"
    assert why.startswith("cannot be resumed (")
    assert (tmp_path / "run-3" / "log" / "0000000000000000001.log").read_bytes() == b"garbage" * 100


def test_a_source_is_at_its_beginning_again_afterwards(kept: Path) -> None:
    """Looking for room reads nothing away: a run into a new directory begins with the first event."""
    path = kept.parent / "market.csv"
    for args in (
        ("run", path, "--data", kept.with_name("copy"), "--make-room"),
        ("run", kept, "--data", kept.with_name("log"), "--make-room"),
    ):
        first = mtf(*args, *SETTINGS, "--json")
        again = mtf(*args, *SETTINGS, "--json")
        assert (first.exit_code, again.exit_code) == (0, 0)
        assert '"new_events":8' in first.stdout
        assert '"new_events":0' in again.stdout
    source = LogSource(kept)
    source.seek({"next_seq": 5})
    source.seek({})
    assert source.position() == {"next_seq": 1}


def test_a_hundred_directories_are_enough(tmp_path: Path) -> None:
    """An endless search would hide that something is wrong."""
    for number in range(1, 101):
        (tmp_path / ("run" if number == 1 else f"run-{number}")).write_text("mine")
    with pytest.raises(ConfigError, match=r"run is not a directory, and the names up to .*run-100 are in use too"):
        room_for(tmp_path / "run", CONFIG, SyntheticMarket(events=10))


def test_make_room_needs_a_directory() -> None:
    """An option that does nothing is an error."""
    done = mtf("run", "synthetic", "--make-room")
    assert done.exit_code == 2
    assert "--make-room needs --data" in done.stderr
