"""A partition on a broker as a storage, so that a pipeline, its recovery and its readers use it as any other.

Bars are not stored by it: those of a cluster's workers are in a stream of their own. Malformed rows are only counted.
"""

from __future__ import annotations

from typing import Final

from mtf.cluster.keys import Keys
from mtf.cluster.link import Caller
from mtf.cluster.stream_checkpoints import StreamCheckpoints
from mtf.cluster.stream_log import StreamLog, StreamReading, log_place
from mtf.cluster.streams import make_shared
from mtf.cluster.subjects import ClusterNames
from mtf.config import Config
from mtf.errors import DataDirError
from mtf.log import EventLog, ReadableLog
from mtf.notes import Notes
from mtf.storage.checkpoint_store import symbol_bytes_max
from mtf.storage.storage import BarSettings

__all__ = ["LEASE_S", "StreamStorage"]

LEASE_S: Final = 2.0  # of a writer: so long after a crash nobody else writes


class StreamStorage:
    """The *partition* of the cluster with these *names*, reached by *link* (`mtf.storage.storage.Storage`)."""

    def __init__(
        self,
        link: Caller,
        names: ClusterNames | None = None,
        partition: int = 0,
        *,
        replicas: int = 1,
        lease_s: float | None = LEASE_S,
        run_id: bytes | None = None,
    ) -> None:
        self._link: Final = link
        self._names: Final = names or ClusterNames()
        self._partition: Final = partition
        self._replicas: Final = replicas
        self._lease_s: Final = lease_s
        self._run_id: Final = run_id  # of the log, if it is new; None: a random one

    @property
    def name(self) -> str:
        return f"{self._link.urls}/{self._names.cluster}/partition {self._partition}"

    def open_log(self, config: bytes, notes: Notes) -> StreamLog:
        self._link.call(make_shared(self._link.broker, self._names, self._replicas))
        return StreamLog.open(
            self._link,
            self._names,
            self._partition,
            name=self.name,
            config=config,
            replicas=self._replicas,
            lease_s=self._lease_s,
            run_id=self._run_id,
        )

    def read_log(self) -> ReadableLog:
        state = self._link.call(self._link.broker.stream_state(self._names.bucket))
        if state is None:
            raise DataDirError(f"{self.name}: there is no log here")
        keys = Keys(self._link.broker, self._names)
        place = self._link.call(log_place(keys, self._names, self._partition, self.name))
        return StreamReading(self._link, place)

    def checkpoints(self, config: Config) -> StreamCheckpoints:
        return StreamCheckpoints(
            self._link, self._names, self._partition, name=self.name, symbol_bytes=symbol_bytes_max(config)
        )

    def keep_bars(self, config: Config, log: EventLog, notes: Notes, settings: BarSettings) -> None:
        return None

    def stored_bars(self, versions: dict[str, int]) -> None:
        return None

    def malformed_rows(self) -> None:
        return None
