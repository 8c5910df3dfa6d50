"""How Sphinx makes the documentation site of `docs/`: `make docs`.

The source is the repository's root, so that a link that works in the repository works on the site as well.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from mtf.build import VERSION

project = "mtf"
author = "The mtf authors"
release = version = VERSION
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "examples/**.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "THIRD_PARTY_NOTICES.md",
]
exclude_patterns = [".*", "build", "dist", "run*"]

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
nitpicky = True
linkcheck_ignore = [r"http://(localhost|127\.0\.0\.1)"]  # of whoever runs the command beside it

# Docstrings are written for `help`: a name stands in backticks or asterisks, and is not a reference.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # signatures stay as short as the text beneath them is precise
autodoc_default_options = {"members": True}

html_theme = "furo"
html_title = f"mtf {VERSION}"
html_static_path: list[str] = []
html_copy_source = False
html_show_sphinx = False


def setup(app: Any) -> None:
    """Have the site begin at its root, and not in `docs/`, and pages that docstrings name be links."""
    app.connect("build-finished", _add_start)
    app.connect("autodoc-process-docstring", _link_pages)


def _add_start(app: Any, error: Exception | None) -> None:
    if error is None and app.builder.name == "html":
        shutil.copy(Path(app.confdir) / "start.html", Path(app.outdir) / "index.html")


def _link_pages(app: Any, what: str, name: str, value: object, options: Any, lines: list[str]) -> None:
    lines[:] = [re.sub(r"`?docs/([a-z-]+)\.md`?", r":doc:`docs/\1.md </docs/\1>`", line) for line in lines]
