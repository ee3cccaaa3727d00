"""FHIRPath, read into a tree (HL7 FHIRPath 2.0, section 12: grammar). What the tree means is said elsewhere.

Read is the whole grammar of operators, members, functions and literals; environment variables, quantities and `$index`
are refused here, since nothing of ours could answer them. `nodesByType("X")` with double quotes is read as Microsoft's
tool does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

LONGEST = 4000
DEEPEST = 40


class PathError(ValueError):
    """A path or expression that cannot be compiled: why, in words that repeat no value of a record."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: `kind` is string, integer, decimal, boolean, date, dateTime or time; a temporal one without its @."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class This:
    """`$this`, or what stands before a path that begins with a member."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """`{}`."""


@dataclass(frozen=True, slots=True)
class Member:
    """An element of what `of` finds; as the head of a path perhaps the name of a type."""

    of: Tree
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function of what `of` finds."""

    of: Tree
    name: str
    arguments: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """The item at a position."""

    of: Tree
    at: Tree


@dataclass(frozen=True, slots=True)
class Binary:
    """Two trees and what stands between them; for `is` and `as` the right one is a `Member` that names a type."""

    operator: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Negative:
    """A minus sign before a number."""

    of: Tree


Tree: TypeAlias = Literal | This | Nothing | Member | Call | Index | Binary | Negative

_LEVELS: tuple[tuple[str, ...], ...] = (
    ("implies",), ("or", "xor"), ("and",), ("in", "contains"), ("=", "~", "!=", "!~"), ("<=", ">=", "<", ">"),
    ("|",), ("is", "as"), ("+", "-", "&"), ("*", "/", "div", "mod"),
)  # fmt: skip
_WORDS = frozenset({"implies", "or", "xor", "and", "in", "contains", "is", "as", "div", "mod"})
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<time>@(?:T[0-9:.]+|\d{4}(?:-\d\d(?:-\d\d)?)?(?:T(?:[0-9:.]+(?:Z|[+-]\d\d:\d\d)?)?)?))
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*|`[^`]*`)
      | (?P<this>\$this)
      | (?P<sign><=|>=|!=|!~|[=~<>|+\-&*/.,()\[\]{}])
    )""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "'": "'", '"': '"', "`": "`", "/": "/", "\\": "\\"}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
Token: TypeAlias = tuple[str, str]


def read(text: str) -> Tree:
    """The tree of an expression. Raises PathError."""
    if len(text) > LONGEST:
        raise PathError(f"longer than {LONGEST} characters")
    return _Reader(_tokens(text)).whole()


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise PathError(f"cannot be read from character {at + 1} on")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return [*found, ("end", "")]


class _Reader:
    """Reads tokens from the left, an operator's level after the other."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> Tree:
        tree = self._level(0)
        if self._peek()[0] != "end":
            raise PathError(f"`{self._peek()[1]}` was not expected")
        return tree

    def _level(self, level: int) -> Tree:
        if level == len(_LEVELS):
            return self._signed()
        left = self._level(level + 1)
        while (found := self._operator(_LEVELS[level])) is not None:
            right = self._type_name() if found in ("is", "as") else self._level(level + 1)
            left = Binary(found, left, right)
        return left

    def _operator(self, wanted: tuple[str, ...]) -> str | None:
        kind, text = self._peek()
        if (kind == "sign" or (kind == "name" and text in _WORDS)) and text in wanted:
            self._at += 1
            return text
        return None

    def _type_name(self) -> Member:
        name = self._name()
        while self._sign("."):
            name = self._name()  # `FHIR.Patient`: the last part is the type
        return Member(This(), name)

    def _signed(self) -> Tree:
        if self._sign("-"):
            return Negative(self._signed())
        return self._signed() if self._sign("+") else self._steps()

    def _steps(self) -> Tree:
        tree = self._term()
        while True:
            if self._sign("."):
                tree = self._invoked(tree)
            elif self._sign("["):
                tree = Index(tree, self._inside("]"))
            else:
                return tree

    def _term(self) -> Tree:
        kind, text = self._peek()
        if kind == "this":
            self._at += 1
            return This()
        if kind in ("time", "number", "string"):
            self._at += 1
            return _literal(kind, text)
        if kind == "name" and text in ("true", "false"):
            self._at += 1
            return Literal("boolean", text)
        if self._sign("("):
            return self._inside(")")
        if self._sign("{"):
            self._expect("}")
            return Nothing()
        return self._invoked(This())

    def _invoked(self, of: Tree) -> Tree:
        name = self._name()
        if not self._sign("("):
            return Member(of, name)
        arguments: list[Tree] = []
        if not self._sign(")"):
            arguments.append(self._nested())
            while self._sign(","):
                arguments.append(self._nested())
            self._expect(")")
        return Call(of, name, tuple(arguments))

    def _inside(self, end: str) -> Tree:
        tree = self._nested()
        self._expect(end)
        return tree

    def _nested(self) -> Tree:
        self._depth += 1
        if self._depth > DEEPEST:
            raise PathError(f"nested deeper than {DEEPEST} levels")
        tree = self._level(0)
        self._depth -= 1
        return tree

    def _name(self) -> str:
        kind, text = self._peek()
        if kind != "name":
            raise PathError(f"`{text}` was not expected" if text else "ends too early")
        self._at += 1
        return text.strip("`")

    def _sign(self, wanted: str) -> bool:
        if self._peek() == ("sign", wanted):
            self._at += 1
            return True
        return False

    def _expect(self, wanted: str) -> None:
        if not self._sign(wanted):
            raise PathError(f"`{wanted}` is missing")

    def _peek(self) -> Token:
        return self._tokens[self._at]


def _literal(kind: str, text: str) -> Literal:
    if kind == "number":
        return Literal("decimal" if "." in text else "integer", text)
    if kind == "string":
        return Literal("string", _ESCAPE.sub(_unescaped, text[1:-1]))
    text = text[1:]
    if text.startswith("T"):
        return Literal("time", text[1:])
    return Literal("dateTime" if "T" in text else "date", text)


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    if match[2] not in _ESCAPES:
        raise PathError("a text holds an escape that FHIRPath does not know")
    return _ESCAPES[match[2]]
