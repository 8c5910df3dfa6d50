"""Plug-ins: what other packages bring by entry point, found without being imported, and imported when it is needed."""

from __future__ import annotations

from mtf.plugins.entry_points import GROUPS, Plugin, installed, load, load_all, problem_of

__all__ = ["GROUPS", "Plugin", "installed", "load", "load_all", "problem_of"]
