"""Plug-ins: objects that other packages provide by entry point, found without import and imported when needed."""

from __future__ import annotations

from mtf.plugins.entry_points import GROUPS, Plugin, installed, load, load_all, problem_of

__all__ = ["GROUPS", "Plugin", "installed", "load", "load_all", "problem_of"]
