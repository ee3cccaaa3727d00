"""The path of a rule as steps that a record can be walked by, and what cannot be walked, said in words.

Understood are members, `nodesByType('X')`, `nodesByName('x')`, `where(...)`, `ofType(X)` and `as X`,
`extension('url')`, a position (`[0]`, `first()`, `last()`) where only one parent can be there, and `|` between whole
paths or parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from connector.deidentify.foreign import fhirpath
from connector.deidentify.foreign.fhirpath import Binary, Call, Index, Literal, Member, PathError, This, Tree
from connector.deidentify.foreign.types import Types

ANY = ""
GENERAL = frozenset({ANY, "Resource", "DomainResource"})
MOST_BRANCHES = 64


@dataclass(frozen=True, slots=True)
class Child:
    """The element of this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Typed:
    """This node and what stands below it, as far as it is of this type; never inside another resource."""

    type: str


@dataclass(frozen=True, slots=True)
class Named:
    """The same by the name of the element."""

    name: str


@dataclass(frozen=True, slots=True)
class Where:
    """Only where this holds."""

    condition: Tree


@dataclass(frozen=True, slots=True)
class OfType:
    """Only if it is of this type."""

    type: str


@dataclass(frozen=True, slots=True)
class Position:
    """Only the one at this place, from 0; -1: the last."""

    at: int


Step: TypeAlias = Child | Typed | Named | Where | OfType | Position


@dataclass(frozen=True, slots=True)
class Path:
    """One way to what a rule is about: in which kind of resource it begins (`ANY`, or a general one), and the steps."""

    head: str
    steps: tuple[Step, ...]


def read_paths(text: str, types: Types) -> tuple[Path, ...]:
    """Every way a rule's path means. Raises PathError."""
    found = _paths(fhirpath.read(text), types)
    if len(found) > MOST_BRANCHES:
        raise PathError(f"more than {MOST_BRANCHES} branches")
    for path in found:
        _check_positions(path, types)
    return found


def _paths(tree: Tree, types: Types) -> tuple[Path, ...]:
    if isinstance(tree, This):
        return (Path(ANY, ()),)
    if isinstance(tree, Member):
        named = isinstance(tree.of, This) and tree.name[:1].isupper()
        return (Path(tree.name, ()),) if named else _after(tree.of, Child(tree.name), types)
    if isinstance(tree, Index):
        return _after(tree.of, Position(_position(tree.at)), types)
    if isinstance(tree, Call):
        return _called(tree, types)
    if isinstance(tree, Binary) and tree.operator == "|":
        return _paths(tree.left, types) + _paths(tree.right, types)
    return _cast(tree, types)


def _cast(tree: Tree, types: Types) -> tuple[Path, ...]:
    if isinstance(tree, Binary) and tree.operator == "as" and isinstance(tree.right, Member):
        return _after(tree.left, OfType(_known(tree.right.name, types)), types)
    raise PathError("this is a value, not a path to elements")


def _after(of: Tree, step: Step, types: Types) -> tuple[Path, ...]:
    before = _paths(of, types)
    if isinstance(step, Position) and len(before) > 1:
        raise PathError("a position in a union cannot be told from one element alone")
    return tuple(Path(path.head, (*path.steps, step)) for path in before)


def _called(tree: Call, types: Types) -> tuple[Path, ...]:
    name, given = tree.name, tree.arguments
    if name == "nodesByType" and len(given) == 1 and isinstance(given[0], Literal):
        return _after(tree.of, Typed(_known(given[0].text, types)), types)
    if name == "nodesByName" and len(given) == 1 and isinstance(given[0], Literal):
        return _after(tree.of, Named(given[0].text), types)
    if name == "where" and len(given) == 1:
        return _after(tree.of, Where(given[0]), types)
    if name in ("ofType", "as") and len(given) == 1 and isinstance(given[0], Member):
        return _after(tree.of, OfType(_known(given[0].name, types)), types)
    if name == "extension" and len(given) == 1:
        same_url = Where(Binary("=", Member(This(), "url"), given[0]))
        return tuple(Path(one.head, (*one.steps, same_url)) for one in _after(tree.of, Child("extension"), types))
    if name in ("first", "last") and not given:
        return _after(tree.of, Position(0 if name == "first" else -1), types)
    raise PathError(f"the function `{name}` cannot be compiled in a path")


def _position(tree: Tree) -> int:
    if isinstance(tree, Literal) and tree.kind == "integer":
        return int(tree.text)
    raise PathError("a position must be a whole number")


def _known(name: str, types: Types) -> str:
    if not types.known(name):
        raise PathError(f"there is no type `{name}` in FHIR {types.release}")
    return name


def _check_positions(path: Path, types: Types) -> None:
    """A position counts all that was found; it shows at one element only if there can be one parent."""
    places = [number for number, step in enumerate(path.steps) if isinstance(step, Position)]
    if not places:
        return
    if path.head in GENERAL or not types.is_resource(path.head):
        raise PathError("a position needs a path that begins with a kind of resource")
    kinds = {path.head}
    for number, step in enumerate(path.steps[: places[-1]]):
        if isinstance(step, Position):
            continue
        if not isinstance(step, Child):
            raise PathError("a position after a search or condition cannot be told from one element alone")
        found = [types.elements(kind)[step.name] for kind in kinds if step.name in types.elements(kind)]
        many = any(element.many for element in found)
        if many and not isinstance(path.steps[number + 1], Position):
            raise PathError("a position where there may be several parents cannot be told from one element alone")
        kinds = {kind for element in found for kind in element.types}
