"""What a cell looks like: which digits are in it decides nothing, and cells that are written alike are alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.sources.cells import BLANK, NUMBER, TIME, WORDS, kind_of, shapes

CELLS = st.text(alphabet="0123456789.,-+/: eEkKTZap_nif$", max_size=20).map(str.strip)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        *((cell, NUMBER) for cell in ("1", "-1.5", "1e5", "1,234.5", "1 234", "nan", "12.5K", "$1.50", ".5")),
        *((cell, TIME) for cell in ("2024-03-06", "6-Mar-2024", "20240306 101500", "10:15", "3/6/2024, 1:30:00 PM")),
        *((cell, BLANK) for cell in ("", "-", "N/A", "null")),
        *((cell, WORDS) for cell in ("EURUSD", "1_000", "buy", "a:b")),
    ],
)
def test_kind_of_a_cell(cell: str, kind: int) -> None:
    assert kind_of(cell) == kind


@given(cell=CELLS, digits=st.text(alphabet="0123456789", min_size=20, max_size=20))
def test_other_digits_are_of_the_same_kind(cell: str, digits: str) -> None:
    """So a table looks once at cells that are written alike."""
    other = "".join(digits[i] if letter.isdigit() else letter for i, letter in enumerate(cell))
    assert kind_of(other) == kind_of(cell)
    assert shapes([other, "x"]) == shapes([cell, "x"])


@given(cells=st.lists(CELLS, max_size=5))
def test_there_is_a_shape_for_each_cell(cells: list[str]) -> None:
    assert [len(shape) for shape in shapes(cells)] == [len(cell) for cell in cells]
