"""The history that a pipeline begins with: given before the start, and read before the first live event."""

from __future__ import annotations

from typing import Any

from mtf.errors import ConfigError
from mtf.pipeline.consuming import Consuming
from mtf.pipeline.importing import Import, has_live, import_history, read_history
from mtf.pipeline.reading import open_given
from mtf.pipeline.run import Run
from mtf.pipeline.threads import in_thread
from mtf.sources.merge import MergedSource
from mtf.storage.datadir import DataDir

__all__ = ["Warming"]


class Warming(Consuming):
    """The part of a pipeline's interface for warming up, and how its start does it."""

    _history: tuple[Any, dict[str, Any]] | None = None  # the source, and how it is opened

    def warm_up(self, source: Any, *, reorder_ns: int = 0, sort: bool = False, **options: Any) -> None:
        """Use the ticks or bars of *source* as history when the pipeline starts, so that indicators are warm.

        *source* and the other parameters are those of `run`, including a list of several sources. Call it once, before
        the start, which reads the source: consumers are not shown it, and every result is as if it had been run. With a
        data directory, all of it is imported there, as by `mtf import`, or the start fails and nothing has changed;
        once a run has logged events there, a start imports nothing any more, and a note says so. Each symbol's history
        ends with its newest row: live events stamped up to there are late, so nothing counts twice.
        """
        if self._alive is not None:
            raise ConfigError(
                "warm_up must be called before the start: p = Pipeline(...), p.warm_up(...), async with p"
            )
        if self._history is not None:
            raise ConfigError("warm_up can only be called once: give a list, of paths or of what open_source returns")
        if not isinstance(self._options.data, DataDir | None):
            raise ConfigError("warm_up needs a data directory, or no data at all: other storages are not supported")
        self._history = source, {**options, "reorder_ns": reorder_ns, "sort": sort}

    def _opened_history(self) -> MergedSource:
        assert self._history is not None, "it was given"
        source, options = self._history
        options = dict(options)
        reorder_ns, sort = options.pop("reorder_ns"), options.pop("sort")
        return open_given(source, options, reorder_ns=reorder_ns, sort=sort)

    async def _import_history(self) -> tuple[str, str]:
        """Import the source into the data directory; return a note's event and sentence about it."""
        data = self._options.data
        assert isinstance(data, DataDir), "checked by warm_up"
        if await in_thread(lambda: has_live(data.path)):
            sentence = f"{data.name}: warm_up imports nothing, because a run has logged events here"
            return "history_passed_over", sentence
        found = await import_history(data.path, self.config, self._opened_history(), self._options)
        return "history_imported", _sentence(found)

    async def _read_history(self, run: Run) -> tuple[str, str]:
        """Read the source into *run*, before its consumers are added; return a note as `_import_history` does."""
        return "history_imported", _sentence(await read_history(run, self._opened_history()))


def _sentence(found: Import) -> str:
    rows = found.rows
    replaced = sum(each.rows_before for each in found.changed)
    again = f", in place of {replaced:,} that were imported before" if replaced and not found.unchanged else ""
    others = [(rows.rejected, "rejected"), (rows.malformed, "malformed")]
    besides = "".join(f", {count:,} {what}" for count, what in others if count)
    return f"warm_up read {rows.accepted:,} rows of history of {', '.join(found.until_ns)}{again}{besides}"
