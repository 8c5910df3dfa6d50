"""Makes broken files, and knows of each of their lines what must become of it."""

from __future__ import annotations

import random
from typing import Final

import attrs

GOOD: Final = "good"
BROKEN: Final = "broken"
LATE: Final = "late"

KINDS: Final = {
    "quotes": ("time", "bid", "ask", "bid_size"),
    "trades": ("time", "price", "size"),
    "bars": ("time", "open", "high", "low", "close", "volume"),
}
TITLES: Final = ("https://www.example.com", "# a comment", "A title, with a comma", '"A title"')
ENCODINGS: Final = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32")
ENDS: Final = ("\n", "\n", "\r\n", "\r")


@attrs.frozen
class BrokenFile:
    """A file: *fates* are what must become of its rows, by their lines."""

    data: bytes
    kind: str
    fates: dict[int, str]

    def lines(self, fate: str) -> list[int]:
        return [line for line, each in self.fates.items() if each == fate]


class _Maker:
    def __init__(self, seed: int) -> None:
        self.random: Final = random.Random(seed)
        pick = self.random.choice
        self.kind: Final = pick(list(KINDS))
        self.fields: Final = KINDS[self.kind]
        self.delimiter: Final = pick([",", ",", ";", "\t", "|"])
        self.encoding: Final = pick(ENCODINGS)
        self.end: Final = pick(ENDS)
        self.quoting: Final = pick([0.0, 0.0, 0.3, 1.0])
        self.space: Final = pick(["", "", "", " "])
        self.comma: Final = self.delimiter != "," and pick([True, False, False])  # a decimal comma
        self.iso: Final = pick([True, True, False])  # else an epoch in milliseconds
        self.minute = 0

    def row(self, back: int = 0) -> list[str]:
        """A good row, a minute after the one before, or *back* minutes earlier."""
        self.minute += 1
        at = self.minute - back
        time = f"2024-03-06 {at // 60:02}:{at % 60:02}:00" if self.iso else str(1_709_683_200_000 + at * 60_000)
        numbers = {
            "quotes": [1.1 + at / 1e5, 1.1001 + at / 1e5, 3],
            "trades": [100.5 + at / 10, 2],
            "bars": [10.5, 12.25, 9.75, 11.5, 100],
        }[self.kind]
        return [time, *(f"{number:.5f}".replace(".", "," if self.comma else ".") for number in numbers)]

    def line(self, cells: list[str]) -> str:
        """The row *cells* as the file has it."""
        return self.delimiter.join(
            f'{self.space}"{cell}"' if self.random.random() < self.quoting else f"{self.space}{cell}" for cell in cells
        )

    def broken(self) -> str:
        """A row that cannot be read, in one of many ways."""
        cells = self.row()
        last = len(cells) - 1
        number = self.random.randrange(1, last) if last > 1 else 1
        way = self.random.randrange(12)
        if way == 0:
            return self.line(cells[:-1])
        if way == 1:
            return self.line([*cells, "7"])
        if way == 2:
            return self.line([*cells, "", "7"])
        if way == 3:
            cells[0] = self.random.choice(["soon", "2024-13-06 10:00:00", "2024-03-06 25:00:00", "", "1e9"])
        elif way == 4:
            cells[number] = self.random.choice(["x", "1.2.3.4", "--5", "0x10", "1_000"])
        elif way == 5:
            return self.line(list(self.fields))  # the header in the middle
        elif way == 6:
            return "\x00" * self.random.randrange(1, 90)
        elif way == 7:
            cells[number] = cells[number][:2] + "\x00" + cells[number][2:]
        elif way == 8:
            return self.delimiter.join([cells[0], f'"{cells[1]}', *cells[2:]])  # a quote that does not end
        elif way == 9:
            return self.delimiter.join([cells[0], f'"{cells[1]}"x', *cells[2:]])
        elif way == 10:
            return self.random.choice(["garbage", "Total", "---", "\ufefftime", "{}", "<br>"])
        elif self.kind == "bars":
            cells[2], cells[3] = cells[3], cells[2]  # the high below the low
        else:
            cells[1 if self.kind == "trades" else number] = "word"
        return self.line(cells)

    def file(self) -> BrokenFile:
        pick = self.random
        header = pick.random() < 0.8
        lines: list[str] = []
        fates: dict[int, str] = {}
        if header:
            lines += pick.choices(TITLES, k=pick.choice([0, 0, 0, 1, 2]))
            lines += [""] * pick.choice([0, 0, 1])
            lines.append(self.line(list(self.fields)))
        share = pick.choice([0.0, 0.02, 0.1, 0.15])
        count = pick.choice([8, 20, 60, 200])
        good = 0
        for i in range(count):
            if pick.random() < 0.03:
                lines.append(pick.choice(["", " ", "  "]))
            if header or good >= 4:  # without one the first rows say what the columns are
                wrong = pick.random() < share and len([each for each in fates.values() if each == BROKEN]) * 6 <= i
            else:
                wrong = False
            if wrong:
                lines.append(self.broken())
                fates[len(lines)] = BROKEN
            elif self.kind != "bars" and i > 20 and pick.random() < 0.02:
                lines.append(self.line(self.row(back=10)))
                fates[len(lines)] = LATE
            else:
                lines.append(self.line(self.row()) + (self.delimiter if pick.random() < 0.05 else ""))
                fates[len(lines)] = GOOD
                good += 1
        text = self.end.join(lines) + self.end * pick.choice([0, 1, 1, 3])
        return BrokenFile(text.encode(self.encoding), self.kind, fates)


def broken_file(seed: int) -> BrokenFile:
    """Return the file number *seed*: in one of many layouts, some of its rows broken in one of many ways."""
    return _Maker(seed).file()
