"""`python -m mtf` is the command `mtf`."""

from __future__ import annotations

from mtf.cli import main

if __name__ == "__main__":
    main()
