"""Units of time, and the range of instants: integer nanoseconds UTC that an i64 holds with room for arithmetic.

Instants lie in `TS_MIN_NS..TS_MAX_NS`; durations are below the distance of the two, so that sums and differences of an
instant and a duration never wrap. `NEVER_NS` is before every instant: what has not happened yet has that time.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

__all__ = [
    "DAY_NS",
    "EPOCH_ORDINAL",
    "HOUR_NS",
    "MINUTE_NS",
    "MS_NS",
    "NEVER_NS",
    "NO_END_NS",
    "SECOND_NS",
    "TS_MAX_NS",
    "TS_MIN_NS",
    "US_NS",
]

US_NS: Final = 1_000
MS_NS: Final = 1_000_000
SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60_000_000_000
HOUR_NS: Final = 3_600_000_000_000
DAY_NS: Final = 86_400_000_000_000

EPOCH_ORDINAL: Final = 719_163  # of 1970-01-01, proleptic

# mypyc makes an object of a literal this large, to be converted wherever it is read; of `i64(...)` it makes an i64.
TS_MIN_NS: Final = i64(-9_214_560_000_000_000_000)  # 1678-01-01, the first whole year of an i64 of nanoseconds
TS_MAX_NS: Final = i64(7_258_118_400_000_000_000)  # 2200-01-01, far from where i64 arithmetic could wrap
NEVER_NS: Final = i64(-9_223_372_036_854_775_807)
NO_END_NS: Final = i64(7_258_118_400_000_000_001)  # after every instant: the end of what time does not end
