"""A look at the start of a table: its delimiter, its header, and its typical rows.

A file may begin with titles, comments, `sep=;`, or several rows of headings. One broken row among the first few
does not change how the others are read: the majority decides.
"""

from __future__ import annotations

import csv
import functools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from mtf.sources.cells import BLANK, NUMBER, TIME, WORDS, kind_of, plain, shapes, shapes_of
from mtf.sources.headings import MEANINGS, is_time_name
from mtf.sources.input_files import InputFile
from mtf.sources.json_lines import cell_text, object_of

__all__ = ["SAMPLE_ROWS", "SniffedTable", "is_json", "look", "typical_rows"]

SAMPLE_ROWS: Final = 2_000
HEADER_LINES: Final = 40  # how far down a header is searched for
DELIMITER_LINES: Final = 60
TYPICAL: Final = 0.75  # with at least this share of a column's cells alike, the others are broken
DELIMITERS: Final = ",;\t|"
ALIKE_MAX: Final = 64  # the last results are kept for lines that are written alike, usually the next file's
FIELD_MAX: Final = 65_536  # characters in a line to be split; the csv module refuses fields of twice as many

_SEPARATOR: Final = re.compile(r'"?sep=(.)"?[,;\s]*', re.IGNORECASE)  # names the delimiter for a spreadsheet
_SPACES: Final = " \t\x0b\x0c\x1c\x1d\x1e\x1f"  # ASCII characters that `strip` removes, without line breaks
_SYMBOLS: Final = frozenset(("ticker", "tickers", "symbol", "symbols"))


@attrs.frozen(kw_only=True)
class SniffedTable:
    """The start of a table as text: *header* names of columns or None, and *rows*, the typical ones.

    *skip* lines come before the first row, including the header, line *header_line*, from 1 on, or 0; *passed* are the
    other non-empty ones. A row has *fields* cells, without the space around them; *fitted* are all rows with that many,
    including broken ones, and *misfits* counts the others. *symbols* are given by a row of headings.
    """

    delimiter: str
    skip: int
    header: list[str] | None
    rows: list[list[str]]
    fitted: list[list[str]]
    fields: int
    header_line: int = 0
    passed: tuple[int, ...] = ()
    symbols: tuple[str, ...] = ()
    misfits: int = 0
    what: str = "file"  # its name in messages
    keys: tuple[str, ...] = ()  # its rows are JSON objects, with these fields
    _columns: dict[int, tuple[list[str], list[str]]] = attrs.field(factory=dict, init=False, eq=False, repr=False)
    _named: dict[str, int] = attrs.field(init=False, eq=False, repr=False)

    @_named.default
    def _by_name(self) -> dict[str, int]:
        return {plain(name): index for index, name in reversed(list(enumerate(self.header or [])))}

    def column(self, index: int) -> list[str]:
        """The non-empty cells of one column."""
        return self._column(index)[0]

    def written(self, index: int) -> list[str]:
        """The `shapes` of the cells of `column`."""
        return self._column(index)[1]

    def _column(self, index: int) -> tuple[list[str], list[str]]:
        found = self._columns.get(index)
        if found is None:
            cells = [cell for row in self.rows if (cell := row[index])]
            found = self._columns[index] = (cells, shapes(cells))
        return found

    def named(self) -> dict[str, int]:
        """Return the columns by the names in the header, in lower case, without anything but letters and digits."""
        return self._named

    def capitals(self) -> dict[str, int]:
        """Return the columns by the names in the header, in capitals and with their brackets: `<OPEN>`."""
        return {name.upper(): index for index, name in enumerate(self.header or ())}

    def find(self, names: Mapping[str, Sequence[str]]) -> dict[str, int]:
        """Return the columns by role: *names* are the possible headings of each, as in `named`, best first."""
        named = self.named()
        found: dict[str, int] = {}
        for role, headings in names.items():
            index = next((named[heading] for heading in headings if heading in named), None)
            if index is not None:
                found[role] = index
        return found


@attrs.frozen
class _Line:
    """A non-empty line: its place, from 0 on, and its cells."""

    index: int
    cells: list[str]
    comment: bool

    @property
    def figures(self) -> int:
        return sum(1 for cell in self.cells if kind_of(cell) in (NUMBER, TIME))

    @property
    def names(self) -> int:
        """The number of cells that name a column; 0 if a name occurs twice."""
        return len({MEANINGS[name] for cell in self.cells if (name := plain(cell)) in MEANINGS})

    @property
    def full(self) -> list[str]:
        """The cells without empty ones at the end."""
        cells = self.cells
        while cells and not cells[-1]:
            cells = cells[:-1]
        return cells


class _Lines:
    """The non-empty lines, in columns: their *places* in the text, from 0 on, and their cells.

    Of thousands, only few are looked at individually. *commented* lines begin with a `#`, which is not in their cells.
    """

    def __init__(self, places: Sequence[int], rows: list[list[str]], commented: Sequence[bool]) -> None:
        self._places: Final = places
        self._rows: Final = rows
        self._commented: Final = commented  # empty if none is

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, at: int) -> _Line:
        return _Line(self._places[at], self._rows[at], bool(self._commented) and self._commented[at])

    def body(self, begin: int = 0) -> list[list[str]]:
        """Return the cells of the lines from *begin* on, without the commented ones."""
        rows = self._rows[begin:] if begin else self._rows
        if not self._commented:
            return rows
        return [row for row, commented in zip(rows, self._commented[begin:], strict=True) if not commented]


@functools.lru_cache(maxsize=4)  # all formats examine the same start of a file
def look(part: InputFile, *, delimiter: str | None = None, header: bool | None = None) -> SniffedTable | None:
    """Return the table that *part* starts with; None if it has no rows, or is not a table."""
    in_columns = part.table()
    if in_columns is not None:
        return in_columns
    if is_json(part):
        return _objects(part)
    text = part.lines[: SAMPLE_ROWS + HEADER_LINES]
    places: Sequence[int] = range(len(text))
    if not all(map(str.strip, text)):
        places = [i for i in places if text[i].strip()]
        text = [text[i] for i in places]
    whole = "\n".join(text)
    if not text or ("\x00" in whole and sum(1 for line in text if "\x00" in line) * 2 > len(text)):
        return None
    start = 0
    separator = _SEPARATOR.fullmatch(text[0])
    if separator is not None:
        delimiter = delimiter or separator[1]
        start = 1
    commented = [line.startswith("#") for line in text] if "#" in whole else []
    if delimiter is None:
        typical = [line for line in text if not line.startswith("#")] if commented else text
        delimiter = _delimiter(typical[:DELIMITER_LINES])
        if delimiter is None:
            return None
    if start or True in commented:
        whole = "\n".join([line.lstrip("#") for line in text[start:]])
    else:
        commented = []
    rows, as_they_stand = _rows(whole, delimiter)
    lines = _Lines(places[start:], rows, commented[start:])
    width = _width(lines.body())
    if not width:
        return None
    at = None if header is False else _header(lines, width, wanted=bool(header))
    head = _head(lines, at)
    body = lines.body(len(head))
    if at is None:
        names = None
        fields = _filled_width(body, width)
    else:
        names = _names(lines, head, at)
        fields = _named_width(names, body)
        names = names[:fields]
    sample = body[:SAMPLE_ROWS]
    all_fit = set(map(len, sample)) <= {fields}
    fitted = sample if all_fit else [row for cells in sample if (row := _fitted(cells, fields)) is not None]
    if names is None and not fitted:
        return None
    # The shape of a line gives the shapes of its cells.
    written = (
        shapes_of(whole)[len(head) : len(head) + len(fitted)] if all_fit and as_they_stand and not commented else None
    )
    header_line = 0 if at is None else lines[at].index + 1
    return SniffedTable(
        delimiter=delimiter,
        skip=head[-1].index + 1 if head else places[start - 1] + 1 if start else 0,
        header=names,
        rows=typical_rows(fitted, fields, written) or fitted,
        fitted=fitted,
        fields=fields,
        header_line=header_line,
        passed=tuple(place + 1 for place in places[: start + len(head)] if place + 1 != header_line),
        symbols=_symbols(head, width),
        misfits=len(sample) - len(fitted),
    )


def is_json(part: InputFile) -> bool:
    """Whether *part* is JSON, one object per line: at least half of the first lines are."""
    if b"{" not in part.head:
        return False
    lines = [line.strip().encode() for line in part.lines[:HEADER_LINES] if line.strip()]
    objects = sum(1 for line in lines if object_of(line))  # an empty one names no field
    return objects > 0 and len(lines) <= 2 * objects


def _objects(part: InputFile) -> SniffedTable:
    """Return the first JSON objects of *part* as a table, with a column for each field of any of them."""
    lines = [line.strip() for line in part.lines[:SAMPLE_ROWS]]
    read = [object_of(line.encode()) for line in lines if line]
    found = [each for each in read if each is not None]
    keys = tuple(dict.fromkeys(key for each in found for key in each))
    rows = [[cell_text(each.get(key)) or "" for key in keys] for each in found]
    return SniffedTable(
        delimiter=",",
        skip=0,
        header=list(keys),
        rows=typical_rows(rows, len(keys)) or rows,
        fitted=rows,
        fields=len(keys),
        misfits=len(read) - len(found),
        keys=keys,
    )


def _rows(text: str, delimiter: str) -> tuple[list[list[str]], bool]:
    """Return the fields of each line of *text*, and whether joining them gives the text."""
    lines = text.split("\n")
    if '"' in text or "\r" in text or delimiter == " " or max(map(len, lines), default=0) > FIELD_MAX:
        return [_cells(line, delimiter) for line in lines], False
    rows = [line.split(delimiter) for line in lines]  # like the csv module, but faster
    if "" in lines:
        rows = [row if line else [] for row, line in zip(rows, lines, strict=True)]
    if text.isascii() and not any(_is_outside(space, text, delimiter) for space in _SPACES if space in text):
        return rows, True
    return [[cell.strip() for cell in row] for row in rows], False


def _is_outside(space: str, text: str, delimiter: str) -> bool:
    """Whether a cell of *text* begins or ends with *space*."""
    if space == delimiter:
        return False
    return (
        text[0] == space
        or text[-1] == space
        or any(pair in text for edge in (delimiter, "\n") for pair in (space + edge, edge + space))
    )


def _cells(line: str, delimiter: str) -> list[str]:
    """Return the fields of one line; a row is always a line here, whatever its quotes."""
    try:
        found = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return []
    return [cell.strip() for cell in found]


def _delimiter(lines: Sequence[str]) -> str | None:
    """Return the delimiter: it cuts most lines into the same number of pieces, and the pieces are clean."""
    return _delimiter_of(tuple(Counter(shapes(lines)).items()))


@functools.lru_cache(maxsize=ALIKE_MAX)
def _delimiter_of(ways: Sequence[tuple[str, int]]) -> str | None:
    """Return the delimiter of lines written in these *ways*, each with its number of lines."""
    best, best_score = None, 0.0
    for delimiter in DELIMITERS:
        rows = [(row, count) for way, count in ways if len(row := _cells(way, delimiter)) > 1]
        if not rows:
            continue
        widths = Counter[int]()
        for row, count in rows:
            widths[len(row)] += count
        width = widths.most_common(1)[0][0]
        clean = sum(count * sum(map(_is_clean, row)) for row, count in rows if len(row) == width)
        score = clean / width  # the number of lines, less the pieces that are not clean
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _is_clean(cell: str) -> bool:
    return kind_of(cell) != WORDS or not any(delimiter in cell for delimiter in DELIMITERS)


def _width(rows: Sequence[Sequence[str]]) -> int:
    """Return the most frequent number of cells among lines with several; 0 if there are none."""
    widths = Counter(map(len, rows))
    return max((width for width in widths if width > 1), key=lambda width: (widths[width], width), default=0)


def _header(lines: _Lines, width: int, *, wanted: bool) -> int | None:
    """Return which of *lines* is the header: among those above the first row, the one with the most known names.

    Without known names, it is the line right above the first row, if it has a word for each column. If *wanted*, there
    is one.
    """
    best, best_names = None, 0
    above: int | None = None
    for at in range(min(HEADER_LINES, len(lines))):
        line = lines[at]
        figures = line.figures
        if figures >= min(2, width - 1) and width in (len(line.cells), len(line.full)) and not line.comment:
            break
        if figures:
            above = None
            continue
        if line.names > best_names and (not line.comment or len(line.cells) > 1):
            best, best_names = at, line.names
        above = at if not line.comment and len(line.cells) == width else None
    else:
        above = None
    if best is None and above is not None and all(lines[above].cells):
        best = above
    if best is None and wanted:
        best = next((at for at in range(len(lines)) if not lines[at].comment), None)
    return best


def _head(lines: _Lines, at: int | None) -> list[_Line]:
    """Return the lines before the first row: titles, comments, the header *at*, and more rows of headings after it."""
    if at is None:
        stop = 0
        while stop < len(lines) and lines[stop].comment:
            stop += 1
    else:
        stop = at + 1
        while stop < len(lines) and (lines[stop].comment or _heads_too(lines[stop], lines[at])):
            stop += 1
    return [lines[i] for i in range(stop)]


def _heads_too(line: _Line, header: _Line) -> bool:
    """Whether *line*, after the *header*, is another row of headings, which describe its cells."""
    if line.figures or len(line.cells) != len(header.cells) or line.cells == header.cells:
        return False
    first = plain(line.cells[0])
    return first in _SYMBOLS or (is_time_name(first) and not any(line.cells[1:])) or line.names > 1


def _names(lines: _Lines, head: Sequence[_Line], at: int) -> list[str]:
    """Return the names of the columns: a row with a single name names the first; two rows may be combined."""
    names = list(lines[at].cells)
    for line in head:
        if line.comment or len(line.cells) != len(names) or line.index == lines[at].index:
            continue
        if is_time_name(plain(line.cells[0])) and not any(line.cells[1:]):
            names[0] = line.cells[0]
        elif len(set(names)) < len(names) and plain(line.cells[0]) not in _SYMBOLS:
            joined = [f"{a} {b}".strip() for a, b in zip(line.cells, names, strict=True)]
            turned = [f"{a} {b}".strip() for a, b in zip(names, line.cells, strict=True)]
            names = max(
                names, joined, turned, key=lambda each: len({MEANINGS[p] for n in each if (p := plain(n)) in MEANINGS})
            )
    return names


def _symbols(head: Sequence[_Line], width: int) -> tuple[str, ...]:
    """Return the symbols of the columns from a row of headings such as `Ticker,AAPL,AAPL`."""
    for line in head:
        first, rest = plain(line.cells[0]) if line.cells else "", [cell for cell in line.cells[1:] if cell]
        if first in _SYMBOLS and len(line.cells) >= width - 1 and len(rest) > 1 and line.names <= 1:
            return tuple(dict.fromkeys(rest))
    return ()


def _named_width(names: Sequence[str], body: Sequence[Sequence[str]]) -> int:
    """Return the number of columns: those with a name, and unnamed ones that are not empty."""
    fields = len(names)
    while fields > 1 and not names[fields - 1]:
        if any(len(cells) >= fields and cells[fields - 1] for cells in body):
            break
        fields -= 1
    return fields


def _filled_width(body: Sequence[Sequence[str]], width: int) -> int:
    """Return *width* without the last columns that are empty in all rows."""
    rows = [cells for cells in body if len(cells) == width]
    while width > 1 and rows and not any(row[width - 1] for row in rows):
        width -= 1
    return width


def _fitted(cells: list[str], fields: int) -> list[str] | None:
    """Return *cells* as that many fields, without empty ones at the end; None if there are more or fewer."""
    if len(cells) == fields:
        return cells
    if len(cells) < fields or any(cells[fields:]):
        return None
    return cells[:fields]


def typical_rows(rows: list[list[str]], fields: int, written: Sequence[str] | None = None) -> list[list[str]]:
    """Return the rows that have a number, or a time, in each column where most have one.

    *written* are their shapes, if known.
    """
    if written is None:
        written = shapes(["\0".join(row) for row in rows])
    kinds: dict[str, tuple[int, ...]] = {}  # by the shape of a row, which many share
    for row, way in zip(rows, written, strict=True):
        if way not in kinds:
            kinds[way] = tuple(map(kind_of, row))
    typical = _typical_kinds(tuple((kinds[way], count) for way, count in Counter(written).items()), fields)
    if typical.issuperset(kinds.values()):
        return rows
    return [row for row, way in zip(rows, written, strict=True) if kinds[way] in typical]


@functools.lru_cache(maxsize=ALIKE_MAX)
def _typical_kinds(rows: Sequence[tuple[tuple[int, ...], int]], fields: int) -> frozenset[tuple[int, ...]]:
    """Return the kinds of cells of typical rows, from the numbers of cells of each kind."""
    expected: list[int] = []
    for column in range(fields):
        counts = Counter[int]()
        for kinds, count in rows:
            if kinds[column] != BLANK:
                counts[kinds[column]] += count
        kind, count = counts.most_common(1)[0] if counts else (WORDS, 0)
        expected.append(kind if kind != WORDS and count >= TYPICAL * counts.total() else BLANK)
    return frozenset(
        kinds
        for kinds, _ in rows
        if all(want in (BLANK, kind) or kind == BLANK for want, kind in zip(expected, kinds, strict=True))
        and any(kind != BLANK for kind in kinds)
    )
