"""Storage: what a data directory holds, and how state is saved and restored.

`datadir` is the directory as a whole, beside the log that `mtf.log` keeps in it; `checkpointer` decides when a
checkpoint is taken, `checkpoint_store` has its format, `restore` chooses the one to start from; `history` has the
completed bars in SQLite, `malformed_rows` the malformed rows.
"""

from __future__ import annotations
