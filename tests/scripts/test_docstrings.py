"""What mypyc leaves out of its C is put in from the source, and nothing else in it is touched."""

from __future__ import annotations

import ast
import inspect
import os
from typing import Any

import pytest
from docstrings import described, read, table

SOURCE = '''
"""A module."""
from __future__ import annotations
from typing import overload


class Tick:
    """A tick: "quoted", 1 µs, a \\\\ and ??/ in it.

        Indented.
    """

    def __init__(self, symbol: str, size: float = 0.0, *, id: str | None = None, n: int = -1) -> None:
        """Not shown."""

    @property
    def mid(self) -> float:
        """The middle."""
        return 0.0

    @property
    def bare(self) -> float:
        return 0.0

    @staticmethod
    def trade(symbol: str, /, price: float = 1.5, *rest: int, id: str = "x,y", **more: int) -> Tick:
        """Return a trade."""
        return Tick(symbol)

    @overload
    def get(self, key: int) -> int: ...
    @overload
    def get(self, key: str) -> str: ...
    def get(self, key: object, default: object = None) -> object:
        """Look."""
        return key


class _Tick:
    def mid(self) -> None:
        """Of another class."""


def free(a: int, b: tuple[int, ...] = (1, 2)) -> None:
    """Do."""
'''

CODE = r"""
static PyGetSetDef tick___Tick_getseters[] = {
    {"symbol",
     (getter)tick___Tick_get_symbol, NULL,
     NULL, NULL},
    {"mid",
     (getter)tick___Tick_get_mid,
    NULL, NULL, NULL},
    {"bare",
     (getter)tick___Tick_get_bare,
    NULL, NULL, NULL},
    {NULL}  /* Sentinel */
};

static PyMethodDef tick___Tick_methods[] = {
    {"trade",
     (PyCFunction)CPyPy_tick___Tick___trade,
     METH_FASTCALL | METH_KEYWORDS | METH_STATIC, PyDoc_STR("trade(symbol, price, id, /)\n--\n\n")},
    {"get",
     (PyCFunction)CPyPy_tick___Tick___get,
     METH_FASTCALL | METH_KEYWORDS, PyDoc_STR(NULL)},
    {"__ne__",
     (PyCFunction)CPyPy_tick___Tick_____ne__,
     METH_FASTCALL | METH_KEYWORDS, PyDoc_STR("__ne__($rhs)\n--\n\n")},
    {NULL}  /* Sentinel */
};

static PyMethodDef tick____Tick_methods[] = {
    {"mid",
     (PyCFunction)CPyPy_tick____Tick___mid,
     METH_FASTCALL | METH_KEYWORDS, PyDoc_STR("mid($self)\n--\n\n")},
    {NULL}  /* Sentinel */
};

static PyTypeObject CPyType_tick___Tick_template_ = {
    .tp_name = "Tick",
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HEAPTYPE,
    .tp_doc = PyDoc_STR("Tick(symbol, size=0.0, id=None, /)\n--\n\n"),
};

static PyTypeObject CPyType_tick____Tick_template_ = {
    .tp_name = "_Tick",
    .tp_doc = PyDoc_STR("_Tick()\n--\n\n"),
};

static PyMethodDef tickmodule_methods[] = {
    {"free", (PyCFunction)CPyPy_tick___free, METH_FASTCALL | METH_KEYWORDS, PyDoc_STR("free(a)\n--\n\n") /* docstring */},
    {NULL, NULL, 0, NULL}
};

        PyObject *CPyPy_tick___Tick_____init__(PyObject *self, PyObject *args, PyObject *kw) {
            if (!CPyArg_ParseTupleAndKeywords(args, kw, "O|O", "__init__", kwlist, &obj_symbol, &obj_n)) {
                return NULL;
            }
            CPy_TypeError("mtf.events.tick.Tick", obj_self); 
            CPy_TypeError("str", obj_symbol); 
            CPy_TypeError("i64", obj_n); goto fail;
            CPy_TypeError("mtf.calendars.day.Gap or None", obj_gap); goto fail;
        }

        PyObject *CPyPy_tick___free(PyObject *self, PyObject *const *args, size_t nargs, PyObject *kwnames) {
            CPy_TypeError("tuple", obj_b); goto fail;
        }

char CPyDef_tick___other(PyObject *cpy_r_a) {
    CPy_TypeError("str", obj_symbol);
}
"""  # noqa: E501, W291 - as mypyc writes it


@pytest.fixture(scope="module")
def code() -> str:
    return described(CODE, read(SOURCE))


def literal_after(code: str, start: str) -> str:
    """Return the text of the C literal that follows *start*: adjacent strings are one."""
    rest = code.partition(start)[2].lstrip()
    found = ""
    while rest.startswith('"'):
        end = 1
        while rest[end] != '"':
            end += 2 if rest[end] == "\\" else 1
        found += ast.literal_eval(f"b{rest[: end + 1]}".replace("\\?", "?")).decode()
        rest = rest[end + 1 :].lstrip()
    return found


def docs(text: str) -> tuple[str, str]:
    signature, _, docstring = text.partition("\n--\n\n")
    return signature, docstring


def test_a_class_has_its_docstring_and_what_is_by_keyword_alone(code: str) -> None:
    """To the byte, whatever C makes of it otherwise."""
    signature, docstring = docs(literal_after(code.partition('.tp_name = "Tick"')[2], ".tp_doc = PyDoc_STR("))
    assert signature == "Tick(symbol, size=0.0, *, id=None, n=-1)"
    namespace: dict[str, type] = {}
    exec(SOURCE, namespace)
    assert docstring == namespace["Tick"].__doc__


@pytest.mark.parametrize(
    ("method", "signature", "docstring"),
    [
        ("trade", "trade(symbol, /, price=1.5, *rest, id='x,y', **more)", "Return a trade."),
        ("get", "get($self, key, default=None)", "Look."),
        ("__ne__", "__ne__($rhs)", ""),
        ("free", "free(a, b=(1, 2))", "Do."),
    ],
)
def test_a_method_has_its_parameters_and_docstring(code: str, method: str, signature: str, docstring: str) -> None:
    """Of an overloaded one those of its body; what mypyc has added is left."""
    entry = code.partition(f'{{"{method}",')[2]
    assert docs(literal_after(entry, "PyDoc_STR(")) == (signature, docstring)


def test_a_property_has_its_docstring(code: str) -> None:
    """And an attribute, or a property without one, has none."""
    assert '(getter)tick___Tick_get_mid,\n    NULL, "The middle.", NULL}' in code
    for untouched in ("_get_symbol, NULL,\n     NULL, NULL}", "_get_bare,\n    NULL, NULL, NULL}"):
        assert untouched in code


def test_a_class_is_not_taken_for_one_whose_name_ends_the_same(code: str) -> None:
    entry = code.partition("PyMethodDef tick____Tick_methods")[2]
    assert docs(literal_after(entry, "PyDoc_STR(")) == ("mid($self)", "Of another class.")
    assert '.tp_doc = PyDoc_STR("_Tick()\\n--\\n\\n")' in code


def test_an_error_names_class_and_argument(code: str) -> None:
    """Of the arguments that a caller gives; within the compiled code nothing is changed."""
    assert '"O|O", "Tick", kwlist' in code
    assert "\"Tick() argument 'symbol' must be str, not %.200s\", Py_TYPE(obj_symbol)->tp_name); \n" in code
    assert "if (PyLong_Check(obj_n)) PyErr_Format(PyExc_OverflowError, \"Tick() argument 'n' must be within 64" in code
    assert "\"Tick() argument 'gap' must be Gap or None, not %.200s\"" in code
    assert "\"free() argument 'b' must be tuple, not %.200s\"" in code
    assert 'CPy_TypeError("mtf.events.tick.Tick", obj_self);' in code
    assert code.endswith('CPy_TypeError("str", obj_symbol);\n}\n')


def test_what_is_not_of_the_source_stays_as_it_was() -> None:
    """A mypyc that writes something else costs help, and breaks nothing."""
    declarations = CODE.partition("        PyObject *CPyPy_")[0]
    assert described(declarations, read("")) == declarations
    other = declarations.replace("static Py", "const Py").replace(".tp_doc = PyDoc_STR", ".tp_doc = DOC")
    assert described(other, read(SOURCE)) == other


def test_the_table_has_the_parameters_of_constructors_as_they_are_written() -> None:
    namespace: dict[str, Any] = {}
    other = "class Other:\n    def __init__(self, at: Path = sep, n: int = len('x')) -> None: ..."
    exec(table({"mtf.tick": SOURCE, "mtf.none": "x = 1\n", "os.path": other}), namespace)
    assert sorted(namespace["SIGNATURES"]) == ["mtf.tick", "os.path"]
    (tick,) = namespace["SIGNATURES"]["mtf.tick"]().values()
    assert str(inspect.signature(tick)) == (
        "(symbol: 'str', size: 'float' = 0.0, *, id: 'str | None' = None, n: 'int' = -1) -> 'None'"
    )
    (made,) = namespace["SIGNATURES"]["os.path"]().values()
    assert str(inspect.signature(made)) == f"(at: 'Path' = {os.path.sep!r}, n: 'int' = 1) -> 'None'"
