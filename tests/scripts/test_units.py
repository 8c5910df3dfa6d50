"""A unit of C depends on what it uses, and on nothing else that mypyc writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from units import declarations, needed, split, write

NATIVE = """\
#ifndef MYPYC_NATIVE_mtf_H
#define MYPYC_NATIVE_mtf_H
#include <Python.h>
#include "vecs/librt_vecs.h"
#ifndef MYPYC_DECLARED_tuple_T2II
#define MYPYC_DECLARED_tuple_T2II
typedef struct tuple_T2II {
    CPyTagged f0;
    CPyTagged f1;
} tuple_T2II;
#endif

typedef struct {
    PyObject_HEAD
    tuple_T2II _range;
} BarObject;

typedef struct {
    PyObject_HEAD
} GateObject;

#endif
"""
INTERNAL = """\
#ifndef MYPYC_LIBRT_INTERNAL_mtf_H
#define MYPYC_LIBRT_INTERNAL_mtf_H
#include <Python.h>
#include "__native_mtf.h"

int CPyGlobalsInit(void);

extern PyObject *CPyStatics[3];
extern const char * const CPyLit_Str[];
extern BarObject *CPyDef_bar(PyObject *cpy_r_self, int64_t cpy_r_n);
extern char CPyDef_gate(GateObject *cpy_r_self);
extern int (*CPyHook)(void);
#endif
"""
HEAD = '#include "__native_mtf.h"\n#include "__native_internal_mtf.h"\n'
MAIN = """\
int CPyGlobalsInit(void)
{
    static int is_initialized = 0;
    if (is_initialized) return 0;
    if (CPyStatics_Initialize(CPyStatics, CPyLit_Str) < 0) {
        return -1;
    }
    is_initialized = 1;
    return 0;
}
PyObject *CPyStatics[3];
"""
BAR = "void use(void) { CPyDef_bar(CPyStatics[2], 1); f(CPyStatics[0]); g(CPyStatics[2]); }\n"
GATE = "void judge(void) { CPyDef_gate(NULL); }\n"
FILES = {
    "__native_mtf.h": NATIVE,
    "__native_internal_mtf.h": INTERNAL,
    "__native_mtf.c": HEAD + MAIN,
    "__native_mtf___bar.c": HEAD + BAR,
    "__native_mtf___gate.c": HEAD + GATE,
}


def units(old: str = "", new: str = "") -> dict[str, str]:
    """Return the units of FILES, in all of which *new* was put in place of *old*."""
    return split({name: text.replace(old, new) if old else text for name, text in FILES.items()}, "mtf")


def test_unit_has_the_declarations_it_leads_to_and_no_others() -> None:
    """What a unit does not have cannot make it compile again. A struct is led to through a function's type."""
    bar = units()["__native_mtf___bar.c"]
    assert "CPyDef_bar(PyObject" in bar
    assert "} BarObject;" in bar
    assert "} tuple_T2II;" in bar
    assert "Gate" not in bar
    assert "__native" not in bar
    assert bar.startswith('#include <Python.h>\n#include "vecs/librt_vecs.h"\n')


def test_declarations_keep_their_order() -> None:
    """C reads a file once: a struct stands before the struct that holds it."""
    bar = units()["__native_mtf___bar.c"]
    assert bar.index("} tuple_T2II;") < bar.index("} BarObject;") < bar.index("CPyDef_bar(PyObject")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("CPyDef_gate(GateObject *cpy_r_self)", "CPyDef_gate(GateObject *a, int64_t b)", id="signature"),
        pytest.param(
            "    PyObject_HEAD\n} GateObject;", "    PyObject_HEAD\n    double _x;\n} GateObject;", id="struct"
        ),
        pytest.param("CPyDef_gate(NULL)", "CPyDef_gate((void *)CPyStatics[1])", id="code"),
        pytest.param(
            "extern char CPyDef_gate", "extern char CPyDef_more(void);\nextern char CPyDef_gate", id="function"
        ),
    ],
)
def test_change_of_one_module_leaves_the_unit_of_another_alone(old: str, new: str) -> None:
    """This is what an edit costs: the unit of its module, and of those that use what was edited."""
    assert any(old in text for text in FILES.values())
    assert units(old, new)["__native_mtf___bar.c"] == units()["__native_mtf___bar.c"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            "CPyDef_bar(PyObject *cpy_r_self, int64_t", "CPyDef_bar(PyObject *cpy_r_self, double", id="signature"
        ),
        pytest.param("    CPyTagged f1;\n", "    CPyTagged f1;\n    CPyTagged f2;\n", id="struct in a struct"),
    ],
)
def test_change_of_what_a_unit_uses_changes_the_unit(old: str, new: str) -> None:
    """An object that was compiled for another struct would read the wrong bytes."""
    assert units(old, new)["__native_mtf___bar.c"] != units()["__native_mtf___bar.c"]


def test_literals_are_numbered_by_unit() -> None:
    """A string that another module uses first would move all numbers of the common table."""
    bar = units()["__native_mtf___bar.c"]
    assert "CPyDef_bar(CPyLiterals_mtf___bar[0], 1); f(CPyLiterals_mtf___bar[1]); g(CPyLiterals_mtf___bar[0]);" in bar
    assert "PyObject *CPyLiterals_mtf___bar[2];\n" in bar
    assert "CPyStatics" not in bar
    moved = split({**FILES, "__native_mtf___bar.c": HEAD + BAR.replace("[2]", "[7]").replace("[0]", "[3]")}, "mtf")
    assert moved["__native_mtf___bar.c"] == bar


def test_main_file_fills_the_tables_after_it_made_the_literals() -> None:
    """Each unit gets the very literals that mypyc numbered for it."""
    main = units()["__native_mtf.c"]
    assert "static const int CPyLiterals_mtf___bar_numbers[] = {2, 0};" in main
    filled = main.index("CPyLiterals_mtf___bar[own] = CPyStatics[CPyLiterals_mtf___bar_numbers[own]];")
    assert main.index("CPyStatics_Initialize(CPyStatics, CPyLit_Str)") < filled < main.index("is_initialized = 1;")
    assert "gate_numbers" not in main  # it has no literals


def test_literals_stay_in_the_common_table_if_the_main_file_looks_unfamiliar() -> None:
    """Another mypyc may make them elsewhere, and a table that nobody fills would be full of null pointers."""
    bar = units("    is_initialized = 1;\n", "    done();\n")["__native_mtf___bar.c"]
    assert "CPyDef_bar(CPyStatics[2], 1)" in bar
    assert "extern PyObject *CPyStatics[3];" in bar


def test_unrecognized_declaration_stays_in_all_units() -> None:
    """It may be needed, and with it what it uses."""
    known = declarations("#define LIMIT 3\nextern int (*CPyHook)(Other *);\ntypedef struct {\n    int x;\n} Other;\n")
    assert [each.name for each in known] == [None, None, "Other"]
    assert needed("int x;", known) == known


def test_file_of_the_same_text_is_not_written(tmp_path: Path) -> None:
    """What compares times of files (make, an editor) must not see a change if there is none."""
    sources = []
    for name, text in {**FILES, "int_ops.c": "int ops;\n", "vecs/api.c": "int api;\n"}.items():
        path = tmp_path / "c" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        sources += [str(path)] if name.endswith(".c") else []
    paths = [Path(name) for name in write(sources, "mtf", tmp_path / "units")]
    assert [path.name for path in paths] == [
        "__native_mtf.c",
        "__native_mtf___bar.c",
        "__native_mtf___gate.c",
        "runtime.c",
    ]
    assert paths[3].read_text() == '#include "int_ops.c"\n#include "vecs/api.c"\n'
    before = [path.stat().st_mtime_ns for path in paths]
    (tmp_path / "c/__native_mtf___gate.c").write_text(HEAD + GATE.replace("NULL", "0"))
    write(sources, "mtf", tmp_path / "units")
    after = [path.stat().st_mtime_ns for path in paths]
    assert [new == old for old, new in zip(before, after, strict=True)] == [True, True, False, True]


LEFT = 'class Left:\n    def name(self) -> str:\n        return "left"\n'

GENERATE = """
import sys
sys.path.insert(0, sys.argv[1])
import setuptools
from pathlib import Path
from mypyc.build import mypycify
import units
library = mypycify(["pair/left.py", "pair/right.py"], group_name="pair", multi_file=True, target_dir="c")[0]
units.write(library.sources, "pair", Path("units"))
unknown = [each.text for name in ("c/__native_pair.h", "c/__native_internal_pair.h")
           for each in units.declarations(Path(name).read_text()) if each.name is None]
print(unknown)
"""


def test_what_mypyc_writes_is_recognized_and_an_edit_changes_only_its_unit(tmp_path: Path) -> None:
    """The texts above are a sketch of mypyc's; this is the real one, of the version that is installed."""
    pytest.importorskip("mypyc")
    package = tmp_path / "pair"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "left.py").write_text(LEFT)
    (package / "right.py").write_text('def right() -> str:\n    return "right"\n')
    scripts = Path(sys.modules["units"].__file__ or "").parent

    def generate() -> dict[str, str]:
        done = subprocess.run(
            [sys.executable, "-c", GENERATE, str(scripts)], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == r"['int CPyGlobalsInit(void);\n']"
        return {path.name: path.read_text() for path in (tmp_path / "units").iterdir()}

    first = generate()
    (package / "left.py").write_text(LEFT + '    def other(self) -> float:\n        return float("1.5")\n')
    second = generate()
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"__native_pair.c", "__native_pair___left.c"}
    assert "CPyStatics" not in second["__native_pair___left.c"]


def test_index_is_taken_to_be_within_bounds() -> None:
    """So that the code for it follows at once, and what is done with one that is not lies elsewhere."""
    code = """\
    cpy_r_r5 = (uint64_t)cpy_r_i < (uint64_t)cpy_r_r4;
    if (cpy_r_r5) goto CPyL9;
    cpy_r_r6 = (uint64_t)cpy_r_j < (uint64_t)cpy_r_r4;
    if (cpy_r_r6) {
        goto CPyL8;
    } else
        goto CPyL40;
    cpy_r_r8 = CPyBytes_RangeCheck(cpy_r_data, cpy_r_r7);
    if (cpy_r_r8) goto CPyL10;
    cpy_r_r9 = cpy_r_i < cpy_r_n;
    if (cpy_r_r9) goto CPyL11;
"""
    unit = split(
        {"__native_mtf.h": "", "__native_internal_mtf.h": "", "__native_mtf.c": "", "__native_a.c": code}, "mtf"
    )
    assert [line.strip() for line in unit["__native_a.c"].splitlines() if "if (" in line] == [
        "if (likely(cpy_r_r5)) goto CPyL9;",
        "if (cpy_r_r6) {",
        "if (cpy_r_r8) goto CPyL10;",
        "if (cpy_r_r9) goto CPyL11;",
    ]
