"""After an upgrade of tzdata a start uses what still holds, and says what does not."""

from __future__ import annotations

import importlib.resources
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mtf.calendars import named
from mtf.config import Config
from mtf.pipeline import Pipeline
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.restore import restore, verify_replay
from tests.cli.builders import json_of
from tests.storage.builders import feed, history_rows, market

EVENTS = market(9, 160)  # in March 2024

Upgrade = Callable[[str, str], None]


@pytest.fixture
def upgrade(tmp_path: Path) -> Iterator[Upgrade]:
    """Return what installs a release of tzdata in which New York has the clock of another place."""

    def forget() -> None:
        zoneinfo.ZoneInfo.clear_cache()
        named._built_in.cache_clear()

    def install(release: str, place: str) -> None:
        folder = tmp_path / f"tzdata-{release}"
        (folder / "America").mkdir(parents=True)
        zones = importlib.resources.files("tzdata") / "zoneinfo"
        (folder / "UTC").write_bytes((zones / "UTC").read_bytes())
        (folder / "America" / "New_York").write_bytes(zones.joinpath(*place.split("/")).read_bytes())
        (folder / "+VERSION").write_text(f"{release}\n")
        zoneinfo.reset_tzpath([str(folder)])
        forget()

    yield install
    zoneinfo.reset_tzpath()
    forget()


def pipeline_on(data: Path) -> Pipeline:
    return Pipeline(data=data, config=Config.make(history=20), clock="ticks", checkpoint_seconds=None)


async def run(data: Path, upto: int) -> tuple[str, list[str]]:
    """Go on to the event *upto*, with a checkpoint at the end; return the digest and what the start had to say."""
    async with pipeline_on(data) as pipeline:
        await pipeline.drain()
        said = [*pipeline.notes, *(each.reason for each in pipeline.skipped_checkpoints)]
        await feed(pipeline, EVENTS[pipeline.seq : upto])
        await pipeline.checkpoint()
        return pipeline.digest, said


async def test_a_release_with_the_same_instants_in_the_span_passes_nothing_over(
    tmp_path: Path, upgrade: Upgrade
) -> None:
    """Detroit has the clock of New York since 1975: what it was before, no event asks for."""
    upgrade("2031a", "America/New_York")
    await run(tmp_path / "data", 120)
    upgrade("2031b", "America/Detroit")
    digest, said = await run(tmp_path / "data", 160)
    assert said == []
    assert (await run(tmp_path / "whole", 160))[0] == digest


async def test_a_release_with_other_instants_plays_the_log_instead_and_names_itself(
    tmp_path: Path, upgrade: Upgrade
) -> None:
    """Bars of the old hours are of no use; those of the new ones are made of the same events, stored ones too."""
    upgrade("2031a", "America/New_York")
    old, _ = await run(tmp_path / "data", 160)
    upgrade("2031b", "Asia/Tokyo")
    _, _, (skipped,) = restore(Config.make(history=20), FileCheckpointStore(tmp_path / "data" / "checkpoints"), 160)
    digest, said = await run(tmp_path / "data", 160)
    names = "tzdata 2031a, and tzdata 2031b, which is in use here, gives other times for America/New_York"
    assert names in skipped.reason
    assert f"the history was made with {names}: it is rebuilt from the log, and kept as history-before-1" in said[0]
    assert (await run(tmp_path / "whole", 160))[0] == digest != old
    assert history_rows(tmp_path / "data") == history_rows(tmp_path / "whole")
    assert verify_replay(tmp_path / "data").damage == []


def test_doctor_shows_the_tzdata_in_use(tmp_path: Path, upgrade: Upgrade) -> None:
    """That of the system has precedence over the package, whose version alone would mislead."""
    upgrade("2031c", "America/New_York")
    found = json_of("doctor", "--json")["time_zones"]
    assert found == {"tzdata": "2031c", "from": str(tmp_path / "tzdata-2031c")}
