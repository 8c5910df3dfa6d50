"""The command line: `mtf run`, `mtf bars`, `mtf state` and the others, one module each.

The top layer, imported by nothing else: it opens what the user names, calls the library, and prints. Every command is
described in docs/cli.md.
"""

from __future__ import annotations

from typing import Final

from mtf.cli.audit_command import audit_command
from mtf.cli.bars_command import bars
from mtf.cli.chart_command import chart
from mtf.cli.cluster_command import cluster
from mtf.cli.compact_command import compact
from mtf.cli.config_command import config
from mtf.cli.delete_command import delete
from mtf.cli.demo_command import demo
from mtf.cli.doctor_command import doctor
from mtf.cli.export_command import export_command
from mtf.cli.import_command import import_command
from mtf.cli.indicators_command import indicators
from mtf.cli.inspect_command import inspect
from mtf.cli.outages_command import outages
from mtf.cli.plugins_command import plugins
from mtf.cli.prune_command import prune
from mtf.cli.replay_command import replay
from mtf.cli.root import Root, root
from mtf.cli.run_command import run
from mtf.cli.salvage_command import salvage
from mtf.cli.serve_command import serve
from mtf.cli.state_command import state
from mtf.cli.sweep_command import sweep
from mtf.cli.tail_command import tail
from mtf.cli.ticks_command import ticks
from mtf.cli.verify_command import verify
from mtf.cli.watch_command import watch

__all__ = ["main"]

main: Final[Root] = root
_ON_DATA: Final = (
    run,
    import_command,
    serve,
    watch,
    chart,
    bars,
    ticks,
    outages,
    export_command,
    state,
    replay,
    sweep,
    tail,
    inspect,
    verify,
    salvage,
    compact,
    prune,
    delete,
    audit_command,
)
for _command in (demo, *_ON_DATA, cluster, config, indicators, plugins, doctor):
    main.add_command(_command)
