"""Charts of bars as pictures, drawn by mtf itself: SVG and HTML, and PNG with the extra `chart`."""

from __future__ import annotations

from mtf.charts.picture import Picture

__all__ = ["Picture"]
