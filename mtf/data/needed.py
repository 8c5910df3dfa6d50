"""Packages that only some answers need: imported on first use, and named if they are missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mtf.errors import MissingPackage

__all__ = ["needs"]


@contextmanager
def needs(package: str, install: str = "") -> Iterator[None]:
    """Have an import that fails within raise MissingPackage, which says to install *install*, or the *package*."""
    try:
        yield
    except ImportError as error:
        raise MissingPackage(f"this needs {package}: pip install {install or package} ({error})") from error
