"""Offline: a whole source through the kernel at once, synchronous, as notebooks need it.

`feed` reads what is given, `point_in_time` and `resample` make tables of it. Sits on the pipeline's reading and on the
tables of `mtf.data`, and runs no event loop.
"""

from __future__ import annotations

from mtf.offline.point_in_time import point_in_time
from mtf.offline.resample import resample

__all__ = ["point_in_time", "resample"]
