"""Sweeps: a log replayed under many settings, each in a process of its own, and a table of the outcomes.

`plan` makes the jobs; `job_child` is the process that plays one; `job_processes` starts such processes, and starts one
that was killed again: on this machine (`on_processes`), or on the workers of a Dask cluster (`on_dask`). `finished`
keeps what is done, and `outcomes` is the table. Sits on the pipeline and on data; the command line alone knows it.
"""

from __future__ import annotations

from mtf.sweep.sweeper import SweepReport, sweep

__all__ = ["SweepReport", "sweep"]
