"""Storage: what a data directory holds, and how a state is written down and found again.

`datadir` is the directory as a whole, beside the log that `mtf.log` keeps in it; `checkpointer` says when a checkpoint
is taken, `checkpoint_store` how it is a file, `restore` what is started from; `history` has the completed bars in
SQLite, `aside` the malformed rows.
"""

from __future__ import annotations
