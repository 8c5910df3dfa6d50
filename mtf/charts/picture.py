"""A drawn chart: shown by notebooks, and saved as SVG, HTML or PNG. It does not know what it shows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import attrs

from mtf.data.needed import needs
from mtf.data.table_files import whole_file
from mtf.errors import ConfigError

__all__ = ["SUFFIXES", "Picture"]

SUFFIXES: Final = (".svg", ".html", ".png")
PNG_ZOOM: Final = 2.0  # 2400 x 1200 points
# On a system without fonts, resvg draws no text and says nothing.
FONT: Final = Path(__file__).parent / "DejaVuSans.ttf"
FAMILY: Final = "DejaVu Sans"

PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<style>body{margin:0;background:#fff}svg{display:block;width:100%;height:auto}</style>
"""


@attrs.frozen
class Picture:
    """A chart as the text of an SVG file, without scripts, fonts or links."""

    svg: str

    def _repr_svg_(self) -> str:
        """Return the SVG, for notebooks."""
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to *path*, whose name ends in .svg, .html or .png; it appears there when it is whole.

        HTML is a page of its own, as wide as its window. MissingPackage for PNG without the extra `chart`.
        """
        suffix = Path(path).suffix.lower()
        if suffix not in SUFFIXES:
            raise ConfigError(f"{os.fspath(path)}: the name must end in one of {', '.join(SUFFIXES)}")
        data = self._png() if suffix == ".png" else self._text(suffix).encode()
        with whole_file(path) as stream:
            stream.write(data)

    def _text(self, suffix: str) -> str:
        return self.svg if suffix == ".svg" else f"{PAGE}{self.svg}</html>\n"

    def _png(self) -> bytes:
        with needs("resvg-py", "'mtf-engine[chart]'"):
            import resvg_py
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=self.svg,
                zoom=PNG_ZOOM,
                font_files=[os.fspath(FONT)],
                font_family=FAMILY,
                sans_serif_family=FAMILY,
            )
        )
