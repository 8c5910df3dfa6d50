"""docs/reference/ has every public name, error and setting, as the code has them."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Final

import pytest

import mtf
from mtf.cli import main
from mtf.metrics import METRICS
from mtf.service.settings_schema import schema_text

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
TEXT: Final = "\n".join(path.read_text("utf-8") for path in sorted((DOCS / "reference").glob("*.md")))
MODULES: Final = (
    "calendars",
    "charts",
    "feeds",
    "indicators",
    "sources",
    "audit",
    "log_lines",
    "metrics",
    "sweep",
    "testing",
)
# What only a cluster needs, and what imports the client of its broker.
OF_CLUSTER: Final = {"cluster.bar_messages.ClusterBar", "cluster.cluster_client.Cluster"}


def described() -> list[str]:
    """Return what the site describes from docstrings."""
    return re.findall(r"^\.\. auto(?:class|function):: mtf\.([\w.]+)$", TEXT, re.MULTILINE)


def public() -> dict[str, object]:
    """Return every public name with what it names, but for modules and errors."""
    found: dict[str, object] = {name: getattr(mtf, name) for name in (*mtf.__all__, "open")}
    for module in MODULES:
        value = importlib.import_module(f"mtf.{module}")
        found |= {f"{module}.{name}": getattr(value, name) for name in value.__all__}
    return {name: each for name, each in found.items() if not inspect.ismodule(each) and name != "MtfError"}


def test_every_public_class_and_function_is_described_once() -> None:
    """A name that is public in two places is described where it is shorter to import."""
    names = set(described())
    assert len(names) == len(described())
    assert names >= OF_CLUSTER
    names -= OF_CLUSTER
    values = public()
    assert names <= set(values), "described, but not public"
    top = {id(each) for name, each in values.items() if "." not in name}
    wanted = {
        name
        for name, each in values.items()
        if (inspect.isclass(each) or inspect.isroutine(each)) and ("." not in name or id(each) not in top)
    }
    assert names == wanted


@pytest.mark.parametrize("name", sorted(OF_CLUSTER))
def test_what_a_cluster_needs_is_where_the_reference_says(name: str) -> None:
    module, _, value = name.rpartition(".")
    source = (DOCS.parent / "mtf" / Path(*module.split("."))).with_suffix(".py").read_text("utf-8")
    assert f"\nclass {value}" in source


def test_every_public_constant_is_named() -> None:
    constants = [
        name.rpartition(".")[2]
        for name, each in public().items()
        if not inspect.isclass(each) and not inspect.isroutine(each)
    ]
    assert "CORE" in constants
    assert [name for name in constants if f"{name}`" not in TEXT] == []


@pytest.mark.parametrize("name", [name for name in dir(mtf.Consumer) if name.startswith("on_")])
def test_every_callback_is_described(name: str) -> None:
    """They are taken from the class's methods; one without a docstring would be left out."""
    assert inspect.getdoc(getattr(mtf.Consumer, name))


def test_every_error_is_described() -> None:
    """All come from the module; each has a docstring of its own."""
    assert ".. automodule:: mtf.errors\n" in TEXT
    assert [name for name in mtf.errors.__all__ if not vars(getattr(mtf.errors, name)).get("__doc__")] == []


def test_settings_are_those_of_the_code() -> None:
    """Write what `mtf config schema` prints into docs/reference/settings.md if this fails."""
    assert f"```toml\n{schema_text()}```\n" in (DOCS / "reference" / "settings.md").read_text("utf-8")


def test_every_setting_of_a_pipeline_is_there() -> None:
    """Two are objects, and have no place in a file: the description of the class has them."""
    settings = set(inspect.signature(mtf.Pipeline.__init__).parameters) - {"self", "config"}
    in_file = set(re.findall(r"^(?:# )?(\w+)(?: = .*)?  # ", schema_text(), re.MULTILINE))
    assert settings - in_file == {"wall", "random"}
    assert all(f"*{name}*" in (inspect.getdoc(mtf.Pipeline) or "") for name in ("wall", "random"))


def test_every_command_and_metric_has_its_page() -> None:
    commands, metrics = (DOCS / "cli.md").read_text("utf-8"), (DOCS / "metrics.md").read_text("utf-8")
    assert [name for name in main.commands if f"\n## mtf {name}\n" not in commands] == []
    assert [name for name in METRICS if not re.search(rf"`{name}(_total)?[`{{]", metrics)] == []
