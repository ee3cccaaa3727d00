"""The shape of files: names, lengths, docstrings, and nothing left unfinished."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import Module, third_party

BARRED = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "handler", "handlers"}
BARRED |= {"misc", "core", "impl"}
FILE_LINES, TEST_LINES, FUNCTION_LINES = 400, 600, 50
MARKS = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")


def barred_names(path: Path) -> Iterator[str]:
    """File and folder names that say nothing about what is inside; `path` is relative to the checkout."""
    for part in path.parts:
        stem = part.partition(".")[0].strip("_").lower()
        if stem in BARRED:
            yield f"{path}: `{part}` could hold anything; name the file after what it holds or the one act it does"


def length(module: Module) -> Iterator[str]:
    """Files and functions too long to be read in one go (migrations and data are exempt)."""
    if _exempt(module):
        return
    limit = TEST_LINES if module.place.startswith("tests/") else FILE_LINES
    lines = len(module.text.splitlines())
    if lines > limit:
        yield f"{module.place} has {lines} lines, at most {limit} are allowed: split it where its subject splits"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (lines := _body_lines(node)) > FUNCTION_LINES:
            yield (
                f"{module.place}:{node.lineno} `{node.name}` has {lines} lines beside its docstring, at most "
                f"{FUNCTION_LINES} are allowed: name its steps and make each a function"
            )


def missing_docstring(module: Module) -> Iterator[str]:
    """Modules that do not say what they decide."""
    if not ast.get_docstring(module.tree):
        yield f"{module.place}: no docstring; say what it decides, what it leaves to others, which section it follows"


def unfinished(module: Module) -> Iterator[str]:
    """Stubs: functions that raise NotImplementedError, or whose body is `...` outside a protocol."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Raise) and node.exc and "NotImplementedError" in ast.unparse(node.exc):
            yield f"{module.place}:{node.lineno} raises NotImplementedError: finish it or take it out"
    for function in _promised(module.tree, declared=False):
        yield f"{module.place}:{function.lineno} `{function.name}` has no body: finish it or take it out"


def marks(place: str, text: str) -> Iterator[str]:
    """Marks of unfinished work in any text."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := MARKS.search(line):
            yield f"{place}:{number} says `{found[0]}`: do it now, or open an issue and take the mark out"


def _exempt(module: Module) -> bool:
    return "migrations" in module.path.parts or third_party(module.path.relative_to(module.root))


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def _promised(scope: ast.AST, *, declared: bool) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions without a body in `scope`; a protocol (`declared`) or a decorator may excuse them."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            excused = any(ast.unparse(d).endswith(("overload", "abstractmethod")) for d in node.decorator_list)
            if not declared and not excused and _is_empty(node):
                yield node
        inside = isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases)
        yield from _promised(node, declared=inside)


def _is_empty(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    last = function.body[-1]
    rest = function.body[1:] if ast.get_docstring(function) else function.body
    return (
        len(rest) == 1
        and isinstance(last, ast.Expr)
        and isinstance(last.value, ast.Constant)
        and last.value.value is ...
    )
