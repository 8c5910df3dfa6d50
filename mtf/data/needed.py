"""Packages that only some queries need: imported on first use, and named if they are missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mtf.errors import MissingPackage

__all__ = ["needs"]


@contextmanager
def needs(package: str, install: str = "") -> Iterator[None]:
    """A context in which a failed import raises MissingPackage, which says to install *install*, or the *package*."""
    try:
        yield
    except ImportError as error:
        raise MissingPackage(f"this needs {package}: pip install {install or package} ({error})") from error
