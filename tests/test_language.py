"""Messages, docs and comments are in the English that a native engineer writes.

Each rule names a turn of phrase that used to be common here and tires or misleads a reader, and what to write instead.
The rules apply to all pages, and in Python files to docstrings, comments, and strings of more than one word.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("mtf", "scripts", "tests", "examples")

# Temporary: being restructured. Delete an entry once its file passes.
EXEMPT = ("tests/test_language.py",)  # it quotes what it looks for


class Rule(NamedTuple):
    pattern: str  # between two words of it there may be the end of a line
    instead: str
    wrong: str  # an example that the pattern must find
    right: str  # one that it must not find


RULES = [
    Rule(r"mend(s|ed|ing)?", "fix", "mend the row", "fix the row"),
    Rule(r"told(?! apart)", "reported, delivered, shown", "the bars told so far", "they can be told apart"),
    Rule(
        r"(?<!there )(is|are|was|were) (?-i:none)(?! of (the|these|those|them|its|their)\b)",
        "is not a ..., does not have one",
        "a tick that is none of 10:00's",
        "if there is none, none of the files",
    ),
    Rule(
        r"(?<!there )(is|are|was|were) no"
        r"(?! (longer|more|less|fewer|later|earlier|older|newer|larger|smaller|one|matter|better|worse)\b)"
        r"(?! (reason|place|secret)\b)",
        "is not a",
        "this is no data directory",
        "there is no log, it is no longer kept",
    ),
    Rule(
        r"(is|are|was|were|be|been) said|said beside",
        "is stated, given, reported, printed",
        "what is said of a date",
        "pip shows what it said",
    ),
    Rule(r"anew", "again", "begins anew each day", "begins again each day"),
    Rule(r"(let|lets|letting)( \w+)? go", "release, close", "let go of the database", "let it run, and go on"),
    Rule(r"where there (is|are|was|were)", "if there is", "None where there is no bar", "None if there is no bar"),
    Rule(
        r"(True|False|None|NaN|0|1|empty|\w+Error|\w*(Corrupt|Mismatch|Locked|Unknown)\w*) (?-i:where)",
        "if",
        "None where it is not known",
        "None if it is not known",
    ),
    Rule(r"(leave|leaves|left|leaving) (it |them |\S+ )?away", "omit", "leave --strict away", "leave --strict out"),
    Rule(r"given again", "run again", "given again, it goes on", "run again, it resumes"),
    Rule(r"gone on with", "continued, resumed", "it can be gone on with", "it goes on with the next tick"),
    Rule(r"in silence", "silently", "dropped in silence", "dropped silently"),
    Rule(r"to be had", "available", "uvloop is not to be had there", "uvloop is not available there"),
    Rule(r"cannot be one\b", "invalid", "an event that cannot be one", "an invalid event"),
    Rule(r"tells? itself", "detected", "if the file tells itself", "if it is detected"),
    Rule(r"pass(ed|es|ing)? over", "skip", "a checkpoint is passed over", "a checkpoint is skipped"),
    Rule(r"in good order", "cleanly", "a log closed in good order", "a log closed cleanly"),
    Rule(r"in the place of", "in place of, instead of", "one in the place of another", "one in place of another"),
    Rule(r"made-up (market|week)", "simulated, synthetic", "a made-up market", "a simulated market"),
    Rule(r"by right", "is expected to", "the digest differs by right", "the digest is expected to differ"),
    Rule(r"under way", "in progress, running", "a callback under way", "a running callback"),
    Rule(r"for (its|the) sake", "for it, just for", "it costs nothing for its sake", "it costs nothing extra"),
    Rule(
        r"goes? on from|gone on from", "continue from, resume", "a start goes on from it", "a start continues from it"
    ),
]


PATTERNS = [(re.compile(rf"\b(?:{rule.pattern})\b", re.IGNORECASE), rule) for rule in RULES]


class Passage(NamedTuple):
    line: int  # of its first character
    text: str


def prose(path: Path) -> Iterator[Passage]:
    """Yield the prose in *path*: a page as a whole, strings and comments of Python, elsewhere what follows a `#`."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield Passage(1, text)
    elif path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield Passage(node.lineno, node.value)
        yield from comments(text)
    else:
        for number, line in enumerate(text.splitlines(), 1):
            if "#" in line:
                yield Passage(number, line.partition("#")[2])


def comments(text: str) -> Iterator[Passage]:
    """Yield the comments of a Python file, those on successive lines as one."""
    lines: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if lines and token.start[0] != last + 1:
                yield Passage(last - len(lines) + 1, "\n".join(lines))
                lines = []
            lines.append(token.string.lstrip("# "))
            last = token.start[0]
    if lines:
        yield Passage(last - len(lines) + 1, "\n".join(lines))


def faults(passage: Passage) -> Iterator[tuple[int, str, Rule]]:
    """Yield line, words and rule of each turn of phrase in *passage* that a rule names."""
    words = list(re.finditer(r"\S+", passage.text))
    flat = " ".join(word[0] for word in words)
    starts = list(accumulate((len(word[0]) + 1 for word in words), initial=0))  # of each word in `flat`
    for pattern, rule in PATTERNS:
        for match in pattern.finditer(flat):
            first = words[bisect_right(starts, match.start()) - 1]
            yield passage.line + passage.text.count("\n", 0, first.start()), match[0], rule


def files() -> list[Path]:
    """Return every file with prose: Python, pages, and what builds mtf."""
    found = [path for path in ROOT.iterdir() if path.suffix in {".md", ".py", ".toml", ".in"}]
    found += [ROOT / "Makefile", *(ROOT / "docs").rglob("*.md"), *(ROOT / "scripts").glob("*.sh")]
    for folder in FOLDERS:
        found += (ROOT / folder).rglob("*.py")
    return sorted(path for path in found if path.name != "THIRD_PARTY_NOTICES.md")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.pattern)
def test_rule_finds_what_it_is_for(rule: Rule) -> None:
    """The next test could not fail if it did not; and a rule that also hits good English would be switched off soon."""
    assert rule in [found for _, _, found in faults(Passage(1, rule.wrong))]
    assert rule not in [found for _, _, found in faults(Passage(1, rule.right))]


def test_phrase_is_found_over_the_end_of_a_line() -> None:
    """Lines are filled, so that a phrase is broken anywhere; the line is that of its first word."""
    passage = Passage(7, "one\nan input that is\n    none of ours; if there\n    is none")
    assert [(line, words) for line, words, _ in faults(passage)] == [(8, "is none")]


def test_no_page_message_or_comment_uses_a_phrase_that_is_ruled_out() -> None:
    """See the rules above for what to write instead."""
    found = []
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        if name in EXEMPT:
            continue
        for passage in prose(path):
            found += [f"{name}:{line}: {words!r}: write {rule.instead!r}" for line, words, rule in faults(passage)]
    assert not found, "\n".join(["", *sorted(found)])
