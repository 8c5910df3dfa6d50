"""Writes into the C that mypyc makes what it leaves out of it: docstrings, and whose argument an error is about.

mypyc compiles no docstrings, makes every parameter positional where a number has a default, and says of a wrong
argument only which type was expected. Here each class, function, method and property gets the docstring and the
parameters that the source has, so that `help` and `inspect.signature` show of the compiled build what they show of the
pure one, and an error is "Tick() argument 'ts_ns' must be int, not str". What C cannot hold, the annotations of the
constructors, `table` writes as a module that the package reads when it is asked (`mtf.signatures`).

Like units.py this knows the shape of mypyc's output. What is not recognized stays as it is.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

__all__ = ["Described", "described", "read", "table"]

Function = ast.FunctionDef | ast.AsyncFunctionDef

STRING: Final = r'"(?:[^"\\]|\\.)*"'
TABLE: Final = re.compile(r"static Py(GetSet|Method)Def (\w+)\[\] = \{\n(.*?)\n\};", re.DOTALL)
PROPERTY: Final = re.compile(r'(\{"(\w+)",\s*\(getter\)\w+,\s*(?:\(setter\)\w+|NULL),\s*)NULL(,\s*NULL\})')
METHOD: Final = re.compile(rf'(\{{"(\w+)",\s*\(PyCFunction\)\w+,\s*METH_[\w |]+, PyDoc_STR\()(?:{STRING}|NULL)(\))')
TYPE: Final = re.compile(
    rf'(\.tp_name = "(\w+)",\n(?:    \.\w+ = .*\n)*?    \.tp_doc = PyDoc_STR\()({STRING}|NULL)(\))'
)
WRAPPER: Final = re.compile(r"PyObject \*CPyPy_(\w+)\(PyObject \*self, [^\n]*\) \{\n.*?\n        \}\n", re.DOTALL)
WRONG_TYPE: Final = re.compile(rf"CPy_TypeError\(({STRING}), obj_(\w+)\);")
PARSED: Final = '"__init__", kwlist'
INT64: Final = "i64"


class Described(NamedTuple):
    """What the source of one module says of what is in it; methods and properties by class."""

    functions: dict[str, Function]
    classes: dict[str, ast.ClassDef]
    methods: dict[str, dict[str, Function]]


def read(source: str) -> Described:
    """Return what is in the module of which *source* is the text; of an overloaded function, its body's signature."""
    module = ast.parse(source)
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
    return Described(
        {node.name: node for node in module.body if isinstance(node, Function)},
        classes,
        {name: {each.name: each for each in node.body if isinstance(each, Function)} for name, node in classes.items()},
    )


def described(code: str, module: Described) -> str:
    """Return the C *code* of *module* with docstrings, parameters and names of arguments."""

    def in_table(found: re.Match[str]) -> str:
        kind, name, entries = found.groups()
        owner = _class_in(name, module.classes)
        if kind == "GetSet":
            entries = PROPERTY.sub(lambda entry: _property(entry, module.methods.get(owner, {})), entries)
        else:
            functions = module.methods[owner] if owner else module.functions
            entries = METHOD.sub(lambda entry: _method(entry, functions, bool(owner)), entries)
        return f"static Py{kind}Def {name}[] = {{\n{entries}\n}};"

    code = TABLE.sub(in_table, code)
    code = TYPE.sub(lambda found: _type(found, module), code)
    return WRAPPER.sub(lambda found: _named(found[0], found[1], module.classes), code)


def table(sources: Mapping[str, str]) -> str:
    """Return the text of a module with a function for each constructor in *sources*, which are texts by module.

    Its SIGNATURES have, by module, what returns these functions by class: with the parameters as they are written.
    """
    lines = ['"""Made by the build from the sources: the parameters of the constructors of compiled classes."""', ""]
    lines += ["from __future__ import annotations", ""]
    made = {}
    for name, source in sources.items():
        constructors = {
            owner: _without_first(methods["__init__"].args)
            for owner, methods in read(source).methods.items()
            if "__init__" in methods
        }
        if constructors:
            made[name] = name.replace(".", "_")
            lines += [f"def {made[name]}():", *_constructors(name, constructors), ""]
    return "\n".join(
        [*lines, "SIGNATURES = {", *(f"    {name!r}: {function}," for name, function in made.items()), "}", ""]
    )


def _constructors(module: str, constructors: Mapping[str, ast.arguments]) -> list[str]:
    """Return the lines of the function for *module*; constants that are defaults are the module's."""
    defaults = [each for found in constructors.values() for each in (*found.defaults, *found.kw_defaults) if each]
    names = sorted({node.id for each in defaults for node in ast.walk(each) if isinstance(node, ast.Name)})
    constants = [name for name in names if not hasattr(builtins, name)]
    lines = [f"    from {module} import {', '.join(constants)}", ""] if constants else []
    for owner, arguments in constructors.items():
        lines += [f"    def {owner}({ast.unparse(arguments)}) -> None: ...", ""]
    pairs = ", ".join(f"{owner!r}: {owner}" for owner in constructors)
    return [*lines, f"    return {{{pairs}}}", ""]


def _class_in(name: str, classes: Iterable[str]) -> str:
    """Return the class that the C *name* belongs to, as `tick___Tick_methods` to Tick; "" if it is of none."""
    fitting = [each for each in classes if f"___{each}_" in name]
    return max(fitting, key=len, default="")


def _property(entry: re.Match[str], methods: Mapping[str, Function]) -> str:
    found = methods.get(entry[2])
    doc = None if found is None else _docstring(found)
    return entry[0] if doc is None else f"{entry[1]}{_literal(doc)}{entry[3]}"


def _method(entry: re.Match[str], functions: Mapping[str, Function], is_method: bool) -> str:
    found = functions.get(entry[2])
    if found is None:
        return entry[0]
    marked = is_method and not _has_decorator(found, "staticmethod")
    return f"{entry[1]}{_documented(found.name, _parameters(found, marked), _docstring(found))}{entry[3]}"


def _type(found: re.Match[str], module: Described) -> str:
    owner = module.classes.get(found[2])
    if owner is None:
        return found[0]
    init = module.methods[owner.name].get("__init__")
    if init is not None:
        text = _documented(owner.name, _parameters(init, None), _docstring(owner))
    else:  # that of a base, as mypyc has found it
        text = _with_docstring(found[3], _docstring(owner))
    return f"{found[1]}{text}{found[4]}"


def _named(code: str, name: str, classes: Mapping[str, ast.ClassDef]) -> str:
    """Return the *code* of a wrapper, of which *name* is the C name, that names its arguments in errors."""
    owner = _class_in(name, classes)
    function = owner if name.endswith("_____init__") else name.rpartition("___")[2]
    if owner and name.endswith("_____init__"):
        code = code.replace(PARSED, f'"{owner}", kwlist')

    def error(found: re.Match[str]) -> str:
        expected, argument = ast.literal_eval(found[1]), found[2]
        if argument == "self":
            return found[0]
        whose = f"{function}() argument '{argument}' must be"
        types = " or ".join(each.rpartition(".")[2] for each in expected.split(" or "))
        if expected != INT64:
            return _raise("TypeError", f"{whose} {types}, not %.200s", f"Py_TYPE(obj_{argument})->tp_name")
        too_large = _raise("OverflowError", f"{whose} within 64 bits, not %R", f"obj_{argument}")
        other = _raise("TypeError", f"{whose} int, not %.200s", f"Py_TYPE(obj_{argument})->tp_name")
        return f"if (PyLong_Check(obj_{argument})) {too_large} else {other}"

    return WRONG_TYPE.sub(error, code)


def _raise(error: str, message: str, value: str) -> str:
    return f'PyErr_Format(PyExc_{error}, "{message}", {value});'


def _parameters(function: Function, marked: bool | None) -> str:
    """Return the parameters without annotations, as a text signature has them.

    The first is marked as the one that is bound if *marked*; None: it is left out.
    """
    arguments = function.args if marked is not None else _without_first(function.args)
    text = ast.unparse(_without_annotations(arguments))
    return f"${text}" if marked else text


def _without_first(arguments: ast.arguments) -> ast.arguments:
    only, both = arguments.posonlyargs, arguments.args
    return _changed(arguments, posonlyargs=only[1:], args=both if only else both[1:])


def _without_annotations(arguments: ast.arguments) -> ast.arguments:
    def bare(each: ast.arg | None) -> ast.arg | None:
        return None if each is None else ast.arg(each.arg)

    return _changed(
        arguments,
        posonlyargs=list(map(bare, arguments.posonlyargs)),
        args=list(map(bare, arguments.args)),
        vararg=bare(arguments.vararg),
        kwonlyargs=list(map(bare, arguments.kwonlyargs)),
        kwarg=bare(arguments.kwarg),
    )


def _changed(arguments: ast.arguments, **fields: Any) -> ast.arguments:
    return ast.arguments(**{**dict(ast.iter_fields(arguments)), **fields})


def _has_decorator(function: Function, name: str) -> bool:
    return any(isinstance(each, ast.Name) and each.id == name for each in function.decorator_list)


def _docstring(node: Function | ast.ClassDef) -> str | None:
    """Return the docstring of *node* as this Python makes it of the source: later ones take its indentation off."""
    text = ast.get_docstring(node, clean=False)
    if text is None:
        return None
    code = ast.parse("def documented(): pass")
    (function,) = code.body
    assert isinstance(function, ast.FunctionDef)
    function.body.insert(
        0, ast.fix_missing_locations(ast.copy_location(ast.Expr(ast.Constant(text)), function.body[0]))
    )
    namespace: dict[str, Any] = {}
    exec(compile(code, "<docstring>", "exec"), namespace)
    return str(namespace["documented"].__doc__)


def _documented(name: str, parameters: str, docstring: str | None) -> str:
    """Return the C literal that CPython takes apart into a text signature and a docstring."""
    return _literal(f"{name}({parameters})\n--\n\n{docstring or ''}")


def _with_docstring(literal: str, docstring: str | None) -> str:
    """Return *literal*, a text signature or NULL, with a docstring behind it."""
    if docstring is None:
        return literal
    return _literal(docstring) if literal == "NULL" else f"{literal} {_literal(docstring)}"


def _literal(text: str) -> str:
    """Return *text* as a literal of C, a line of it a line."""
    return "\n".join(f'"{_escaped(line)}"' for line in text.splitlines(keepends=True)) or '""'


def _escaped(line: str) -> str:
    plain = {"\n": "\\n", '"': '\\"', "\\": "\\\\", "?": "\\?"}  # two question marks may begin a trigraph
    return "".join(plain.get(chr(byte), chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in line.encode())
