"""What is imported is history: there as a whole or not at all, counted once, and as if it had been run."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.clock import WallClock
from mtf.config import Config
from mtf.errors import ConfigError, ConfigMismatch, DataDirError, LogLocked, SourceError
from mtf.log.filesystem import OsFileSystem
from mtf.pipeline import importing
from mtf.pipeline.importing import Import, delete_imported, import_history
from mtf.pipeline.options import Options
from mtf.pipeline.reading import open_given
from mtf.storage.datadir import DataDir
from mtf.storage.generation import Generation
from mtf.storage.imported import imported_of
from mtf.storage.restore import verify_replay
from mtf.testing import FakeClock
from tests.builders import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, at, ticks

CONFIG = Config.make(timeframes="1m,5m,1h,1d", indicators="sma:3,rsi:3", calendar="crypto", price="last")


def minute(start_ns: int, close: float, symbol: str = "X", length: str = "1m") -> mtf.Bar:
    """Return a bar of trades around *close*, with a volume of 1."""
    timeframe = mtf.Timeframe(length)
    return mtf.Bar(
        symbol=symbol,
        timeframe=timeframe,
        start_ns=start_ns,
        end_ns=start_ns + timeframe.length_ns,
        open=close - 0.25,
        high=close + 1.0,
        low=close - 1.0,
        close=close,
        volume=1.0,
        ticks=1,
    )


def minutes(first: str, count: int, *, base: float = 100.0, symbol: str = "X") -> list[mtf.Bar]:
    """Return *count* minutes from the time *first* on, each of another price."""
    return [minute(at(first) + k * MINUTE_NS, base + k * 7 % 11, symbol) for k in range(count)]


def trades(first_ns: int, count: int, step_ns: int = SECOND_NS, *, symbol: str = "X") -> list[mtf.Tick]:
    return [mtf.Tick(symbol, first_ns + k * step_ns, price=90.0 + k * 5 % 13, size=1.0) for k in range(count)]


async def imported(path: Path, events: Sequence[Any], config: Config = CONFIG, wall: WallClock | None = None) -> Import:
    options = Options() if wall is None else Options(wall=wall)
    return await import_history(path, config, open_given(events, {}), options)


def closed(path: Path, timeframe: str = "1m", symbol: str = "X") -> list[tuple[int, float, float]]:
    """Return start, close and volume of the completed bars in *path*."""
    with mtf.open(path) as data:
        return [(bar.start_ns, bar.close, bar.volume) for bar in data.bars(symbol, timeframe)]


def in_time(bars: list[mtf.Bar]) -> list[mtf.Bar]:
    return sorted(bars, key=lambda bar: bar.start_ns)


def run_id(path: Path) -> bytes:
    return DataDir(path).read_log().run_id


class Shown(mtf.Consumer):
    """Keeps what it is shown."""

    def __init__(self, committed: int | None = None) -> None:
        self.ends: list[tuple[int, bool]] = []
        self._committed = committed

    def committed_seq(self) -> int | None:
        return self._committed

    def on_bar(self, bar: mtf.Bar, view: Any) -> None:
        if bar.timeframe == "1m":
            self.ends.append((bar.end_ns, view.recovering))


class TestResults:
    @pytest.mark.parametrize("kept", [True, False], ids=["directory", "memory"])
    async def test_bars_and_values_are_those_of_a_run(self, kept: bool, tmp_path: Path) -> None:
        """Warm means: as if what was imported had been run, to the bit."""
        history, live = minutes("10:00", 47), trades(at("10:47"), 400)
        async with mtf.Pipeline(config=CONFIG) as plain:
            await plain.run([*history, *live])
            expected = plain.snapshot("X").to_dict()
        warm = mtf.Pipeline(config=CONFIG, data=tmp_path / "d" if kept else None, clock="ticks")
        warm.warm_up(history)
        async with warm:
            assert warm.snapshot("X")["1m"].completed["sma_3"] == (100.0 + 107.0 + 103.0) / 3
            await warm.run(live)
            found = warm.snapshot("X").to_dict()
        assert repr(found | {"seq": 0}) == repr(expected | {"seq": 0})  # NaN is NaN

    async def test_replay_reaches_the_same_digest(self, tmp_path: Path) -> None:
        await imported(tmp_path / "d", [*minutes("10:00", 10), *trades(at("10:10"), 50)])
        await imported(tmp_path / "d", minutes("10:03", 2, base=200.0))
        async with mtf.Pipeline(config=CONFIG, data=tmp_path / "d", clock="ticks") as p:
            await p.run(trades(at("10:11"), 50))
            digest = p.digest
        found = verify_replay(tmp_path / "d")
        assert (found.digest, found.damage) == (digest, [])

    async def test_last_bar_is_closed_before_the_first_live_tick(self, tmp_path: Path) -> None:
        await imported(tmp_path / "d", minutes("10:00", 5))
        assert [start for start, _, _ in closed(tmp_path / "d")] == [at("10:00") + k * MINUTE_NS for k in range(5)]
        assert [start for start, _, _ in closed(tmp_path / "d", "5m")] == [at("10:00")]

    async def test_forming_bar_goes_on_where_history_ends(self, tmp_path: Path) -> None:
        await imported(tmp_path / "d", minutes("10:00", 7))
        async with mtf.Pipeline(config=CONFIG, data=tmp_path / "d", clock="ticks") as p:
            await p.run(trades(at("10:07"), 2 * 60))
            five = p.snapshot("X")["5m"].partial
        assert five is not None
        assert five.volume == 2 + 120  # two minutes of history, two of live trades

    async def test_consumers_are_shown_what_comes_after_it(self, tmp_path: Path) -> None:
        shown, all_of_it = Shown(), Shown(committed=0)
        warm = mtf.Pipeline(config=CONFIG, data=tmp_path / "d", clock="ticks")
        warm.warm_up(minutes("10:00", 5))
        warm.add(shown)
        async with warm:
            await warm.run(trades(at("10:05"), 61))
        async with mtf.Pipeline(config=CONFIG, data=tmp_path / "d", clock="ticks") as p:
            p.add(all_of_it, name="all")
        assert shown.ends == [(at("10:06"), False)]
        assert all_of_it.ends == [(at("10:00") + k * MINUTE_NS, True) for k in range(1, 7)]

    async def test_bars_say_that_they_were_imported(self, tmp_path: Path) -> None:
        await imported(tmp_path / "d", minutes("10:00", 7))
        async with mtf.Pipeline(config=CONFIG, data=tmp_path / "d", clock="ticks") as p:
            await p.run(trades(at("10:07"), 60 * 4))
        with mtf.open(tmp_path / "d") as data:
            assert data.imported.until_ns == {"X": at("10:07")}
            flags = {
                timeframe: [row["flags"] for row in data.bars("X", timeframe).to_dicts()] for timeframe in ("1m", "5m")
            }
        assert (
            flags["1m"]
            == ["first day_incomplete from_bars imported", *["day_incomplete from_bars imported"] * 6]
            + ["day_incomplete"] * 3
        )
        assert flags["5m"] == [
            "first day_incomplete from_bars imported",
            "day_incomplete from_bars imported",
        ]


class TestJoin:
    @pytest.mark.parametrize("late", ["reject", "accept"])
    async def test_what_is_stamped_up_to_the_end_is_late(self, late: str, tmp_path: Path) -> None:
        """A feed that begins with what was imported counts nothing twice, not even the stamp at which both meet."""
        config = CONFIG.changed(late=late)
        history = trades(at("10:00"), 31)  # the last one at 10:00:30
        async with mtf.Pipeline(config=config, data=tmp_path / "plain", clock="ticks") as plain:
            await plain.run(trades(at("10:00"), 61))
        await imported(tmp_path / "d", history, config)
        async with mtf.Pipeline(config=config, data=tmp_path / "d", clock="ticks") as p:
            for tick in trades(at("10:00"), 61):
                await p.push(tick)
            for tick in trades(at("10:00:20"), 5):  # and even after a live one
                await p.push(tick)
            assert p.summary().rejected == {"late": 31 + 5}
        assert closed(tmp_path / "d") == closed(tmp_path / "plain")

    async def test_late_is_accepted_behind_the_end(self, tmp_path: Path) -> None:
        config = CONFIG.changed(late="accept")
        await imported(tmp_path / "d", trades(at("10:00"), 31), config)
        async with mtf.Pipeline(config=config, data=tmp_path / "d", clock="ticks") as p:
            await p.push(mtf.Tick("X", at("10:00:40"), price=91.0))
            await p.push(mtf.Tick("X", at("10:00:35"), price=200.0))
            assert p.summary().rejected == {}
            bar = p.snapshot("X")["1m"].partial
        assert bar is not None
        assert bar.high == 200.0

    async def test_end_is_that_of_each_symbol(self, tmp_path: Path) -> None:
        """What ends later for another symbol makes nothing late but for bars that were over before it."""
        await imported(tmp_path / "d", in_time([*minutes("10:00", 2), *minutes("10:02", 8, symbol="Y")]))
        async with mtf.Pipeline(config=CONFIG, data=tmp_path / "d", clock="ticks") as p:
            for symbol, time in (("X", "10:05"), ("Y", "10:09:59"), ("Y", "10:10"), ("Z", "09:00")):
                await p.push(mtf.Tick(symbol, at(time), price=1.0))
            found = {name: each["rejected"] for name, each in p.summary().symbols.items()}
        assert found == {"X": {}, "Y": {"late": 1}, "Z": {}}

    async def test_state_at_a_time_before_the_end_is_what_was_known_then(self, tmp_path: Path) -> None:
        await imported(tmp_path / "d", minutes("10:00", 6))
        with mtf.open(tmp_path / "d") as data:
            state = data.state("X", at=at("10:03:30"))
            assert state["1m"].bars[-1].start_ns == at("10:01")  # that of 10:02 is closed by what comes later
            assert data.state("X")["1m"].bars[-1].start_ns == at("10:05")

    async def test_finer_rows_count_and_longer_bars_beside_them_are_late(self, tmp_path: Path) -> None:
        """Days of years and minutes of the last days are one history: of each day, what is finest makes its bars."""
        days = [minute(at("00:00") + k * DAY_NS, 50.0 + k, length="1d") for k in (-3, -2, -1, 0)]
        await imported(tmp_path / "d", days)
        found = await imported(tmp_path / "d", [minute(at("00:00") + k * MINUTE_NS, 70.0) for k in range(24 * 60)])
        assert found.changed == []
        assert found.summary.rejected == {"late": 1}
        assert closed(tmp_path / "d", "1d") == [
            *((at("00:00") + k * DAY_NS, 50.0 + k, 1.0) for k in (-3, -2, -1)),
            (at("00:00"), 70.0, 24 * 60.0),
        ]


class TestAgain:
    async def test_same_rows_change_nothing(self, tmp_path: Path) -> None:
        first = await imported(tmp_path / "d", minutes("10:00", 30))
        before = run_id(tmp_path / "d")
        again = await imported(tmp_path / "d", minutes("10:00", 30))
        assert (first.unchanged, again.unchanged) == (False, True)
        assert again.summary.digest == first.summary.digest
        assert run_id(tmp_path / "d") == before

    async def test_day_is_replaced_from_first_to_last_row(self, tmp_path: Path) -> None:
        await imported(tmp_path / "d", minutes("10:00", 10))
        found = await imported(tmp_path / "d", [*minutes("10:03", 1, base=200.0), *minutes("10:06", 1, base=300.0)])
        (change,) = found.changed
        assert (change.symbol, change.day, change.kind) == ("X", datetime.date(2024, 3, 6), "bars of 1m")
        assert (change.rows_before, change.rows) == (4, 2)
        prices = [100.0 + k * 7 % 11 for k in range(10)]
        expected = dict(enumerate(prices)) | {3: 200.0, 6: 300.0}
        del expected[4], expected[5]
        assert [(start, close) for start, close, _ in closed(tmp_path / "d")] == [
            (at("10:00") + k * MINUTE_NS, expected[k]) for k in sorted(expected)
        ]

    async def test_days_between_stay(self, tmp_path: Path) -> None:
        days = [at("10:00") + k * DAY_NS for k in range(3)]
        await imported(tmp_path / "d", [minute(day, 100.0) for day in days])
        await imported(tmp_path / "d", [minute(days[0], 200.0), minute(days[2], 300.0)])
        assert [close for _, close, _ in closed(tmp_path / "d")] == [200.0, 100.0, 300.0]

    async def test_other_symbols_and_kinds_stay(self, tmp_path: Path) -> None:
        await imported(tmp_path / "d", [*minutes("10:00", 3), *trades(at("10:03"), 60)])
        found = await imported(tmp_path / "d", minutes("10:01", 4, symbol="Y"))
        assert found.changed == []
        assert [volume for _, _, volume in closed(tmp_path / "d")] == [1.0, 1.0, 1.0, 60.0]
        assert len(closed(tmp_path / "d", symbol="Y")) == 4

    async def test_what_comes_before_is_merged_by_time(self, tmp_path: Path) -> None:
        """So the order in which files are imported does not matter."""
        early, late = minutes("10:00", 20), minutes("10:20", 20, base=150.0)
        forth = await imported(tmp_path / "forth", early)
        forth = await imported(tmp_path / "forth", late)
        back = await imported(tmp_path / "back", late)
        back = await imported(tmp_path / "back", early)
        assert forth.summary.digest == back.summary.digest

    async def test_start_that_warms_up_again_goes_on(self, tmp_path: Path) -> None:
        for number in range(3):
            warm = mtf.Pipeline(config=CONFIG, data=tmp_path / "d", clock="ticks")
            warm.warm_up(minutes("10:00", 5))
            async with warm:
                await warm.run(trades(at("10:05") + number * 10 * SECOND_NS, 10))
                notes = warm.notes
                assert warm.summary().ticks == 20 + 10 * (number + 1)
            expected = (
                "warm_up read 5 rows of history of X"
                if number == 0
                else "imports nothing, because a run has logged events"
            )
            assert any(expected in note for note in notes)


class TestRefused:
    async def test_after_a_run_nothing_is_imported(self, tmp_path: Path) -> None:
        await imported(tmp_path / "d", minutes("10:00", 5))
        async with mtf.Pipeline(config=CONFIG, data=tmp_path / "d", clock="ticks") as p:
            await p.run(trades(at("10:05"), 1))
        before = closed(tmp_path / "d")
        with pytest.raises(ConfigError, match="events that were not imported"):
            await imported(tmp_path / "d", minutes("09:00", 5))
        with pytest.raises(ConfigError, match="events that were not imported"):
            await delete_imported(tmp_path / "d", ["X"], None, Options())
        assert closed(tmp_path / "d") == before
        assert not (tmp_path / "d" / "importing").exists()

    async def test_another_configuration(self, tmp_path: Path) -> None:
        await imported(tmp_path / "d", minutes("10:00", 5))
        with pytest.raises(ConfigMismatch, match="indicators"):
            await imported(tmp_path / "d", minutes("10:05", 5), CONFIG.changed(indicators="sma:5"))

    async def test_while_a_run_goes_on(self, tmp_path: Path) -> None:
        await imported(tmp_path / "d", minutes("10:00", 5))
        async with mtf.Pipeline(config=CONFIG, data=tmp_path / "d", clock="ticks"):
            with pytest.raises(LogLocked):
                await imported(tmp_path / "d", minutes("10:05", 5))

    async def test_source_of_which_no_row_can_be_used(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="none of its rows can be used"):
            await imported(tmp_path / "d", [mtf.Tick("X", at("10:00"), price=-1.0)])
        assert not (tmp_path / "d").exists()

    async def test_source_that_fails_leaves_what_was_there(self, tmp_path: Path) -> None:
        def failing() -> Any:
            yield from minutes("10:00", 3)
            raise OSError("the disk is gone")

        await imported(tmp_path / "d", minutes("09:00", 3))
        before = run_id(tmp_path / "d")
        with pytest.raises(Exception, match="the disk is gone"):
            await imported(tmp_path / "d", failing())
        assert run_id(tmp_path / "d") == before
        assert len(closed(tmp_path / "d")) == 3

    async def test_what_is_yet_to_come_is_not_taken(self, tmp_path: Path) -> None:
        """A bar that still forms, and a stamp in the future, would make all that comes live late."""
        wall = FakeClock(at("10:03:30"))
        found = await imported(tmp_path / "d", [*minutes("10:00", 4), *ticks("10:05@=1", symbol="X")], wall=wall)
        assert found.until_ns == {"X": at("10:03")}
        assert (found.rows.accepted, found.rows.rejected, found.rows.malformed) == (3, 1, 1)

    async def test_warm_up_is_called_once_and_before_the_start(self) -> None:
        p = mtf.Pipeline(config=CONFIG)
        p.warm_up(minutes("10:00", 1))
        with pytest.raises(ConfigError, match="called once"):
            p.warm_up(minutes("10:00", 1))
        async with mtf.Pipeline(config=CONFIG) as running:
            with pytest.raises(ConfigError, match="before the start"):
                running.warm_up(minutes("10:00", 1))


class TestDelete:
    async def test_days_of_a_symbol_were_never_there(self, tmp_path: Path) -> None:
        days = [at("10:00") + k * DAY_NS for k in range(3)]
        rows = [minute(day + k * MINUTE_NS, 100.0 + k, symbol) for day in days for k in range(3) for symbol in "XY"]
        second = datetime.date(2024, 3, 7)
        without = [row for row in rows if row.symbol == "Y" or not days[1] <= row.start_ns < days[1] + HOUR_NS]
        await imported(tmp_path / "d", rows)
        found = await delete_imported(tmp_path / "d", ["X"], (second, second), Options())
        expected = await imported(tmp_path / "without", without)
        assert [(each.symbol, each.day, each.rows_before, each.rows) for each in found.changed] == [("X", second, 3, 0)]
        assert found.summary.digest == expected.summary.digest
        assert closed(tmp_path / "d") == closed(tmp_path / "without")

    async def test_symbol_is_deleted_and_nothing_of_others(self, tmp_path: Path) -> None:
        await imported(tmp_path / "d", in_time([*minutes("10:00", 3), *minutes("10:00", 3, symbol="Y")]))
        await delete_imported(tmp_path / "d", ["X"], None, Options())
        with mtf.open(tmp_path / "d") as data:
            assert data.symbols == ["Y"]
        with pytest.raises(ConfigError, match="nothing would be left"):
            await delete_imported(tmp_path / "d", ["Y"], None, Options())


class Dead(BaseException):
    """The process is gone."""


class Dying(OsFileSystem):
    """Dies at the k-th operation that moves something, and does nothing from then on."""

    def __init__(self, at: int) -> None:
        self.left = at

    def rename(self, old: str, new: str) -> None:
        self._step()
        super().rename(old, new)

    def kind(self, path: str) -> Any:
        if self.left <= 0:
            raise Dead
        return super().kind(path)

    def _step(self) -> None:
        self.left -= 1
        if self.left <= 0:
            raise Dead


@pytest.mark.parametrize("step", range(1, 12))
async def test_whenever_it_is_killed_there_is_the_old_history_or_the_new(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is half imported, and the next import finds its way."""
    path = tmp_path / "d"
    old = await imported(path, minutes("10:00", 20))
    with monkeypatch.context() as patch:
        patch.setattr(importing, "Generation", partial(Generation, fs=Dying(step)))
        try:
            await imported(path, minutes("10:05", 20, base=300.0))
            finished = True
        except Dead:
            finished = False
    new = await imported(tmp_path / "whole", minutes("10:00", 20))
    new = await imported(tmp_path / "whole", minutes("10:05", 20, base=300.0))
    assert finished == (step > 6)  # history and checkpoints away, the logs, the new ones in: six renames
    async with mtf.Pipeline(config=CONFIG, data=path, clock="ticks") as p:
        await p.drain()
        assert p.digest in (old.summary.digest, new.summary.digest)
        assert p.digest == (new.summary.digest if step > 4 else old.summary.digest)
    assert verify_replay(path).damage == []
    again = await imported(path, minutes("10:05", 20, base=300.0))
    assert again.summary.digest == new.summary.digest
    assert imported_of(DataDir(path).read_log()).until_ns == {"X": at("10:25")}
    assert closed(path) == closed(tmp_path / "whole")
    assert not (path / "importing").exists()


async def test_reader_that_was_opened_before_says_that_the_log_was_replaced(tmp_path: Path) -> None:
    """It would mix what it knows with what is there now."""
    await imported(tmp_path / "d", minutes("10:00", 20))
    with mtf.open(tmp_path / "d") as data:
        assert len(list(data.bars("X", "1m"))) == 20
        await imported(tmp_path / "d", minutes("10:20", 20))
        for ask in (lambda: data.bars("X", "1m"), lambda: data.ticks("X"), lambda: data.state("X"), lambda: data.seq):
            with pytest.raises(DataDirError, match="an import has replaced the log"):
                ask()
