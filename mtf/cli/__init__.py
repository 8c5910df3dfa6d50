"""The command line: `mtf run`, `mtf bars`, `mtf state` and the others, one module each.

On top of everything else and imported by nobody: it opens what the user names, asks the library, and prints. Every
command is described in docs/cli.md.
"""

from __future__ import annotations

from typing import Final

from mtf.cli.bars import bars
from mtf.cli.contents import inspect
from mtf.cli.doctor import doctor
from mtf.cli.indicators import indicators
from mtf.cli.replay import replay
from mtf.cli.root import Root, root
from mtf.cli.run import run
from mtf.cli.salvage import salvage
from mtf.cli.state import state
from mtf.cli.tail import tail
from mtf.cli.ticks import ticks
from mtf.cli.verify import verify

__all__ = ["main"]

main: Final[Root] = root
for _command in (run, bars, ticks, state, replay, tail, inspect, verify, salvage, indicators, doctor):
    main.add_command(_command)
