"""Offline: runs a whole source through the kernel at once, synchronously, as notebooks need it.

`feed` reads the source; `point_in_time` and `resample` make tables from it. Uses the pipeline's reading and the tables
of `mtf.data`, and no event loop.
"""

from __future__ import annotations

from mtf.offline.point_in_time import point_in_time
from mtf.offline.resample import resample

__all__ = ["point_in_time", "resample"]
