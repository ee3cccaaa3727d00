"""Compiles FHIRPath conditions and values over the JSON of a record: predicates of `where`, cases of `generalize`.

Compiled once for the types of what it is asked about, so that a member is one look-up. Whatever cannot be told before
any record is there (a function we do not have, an element of a primitive) raises PathError then; what only a record
shows (a text where a number is needed) raises Unevaluable when it is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from msgspec import UNSET

from connector.deidentify.foreign import fhirpath, functions, values
from connector.deidentify.foreign.conditions import attribute
from connector.deidentify.foreign.fhirpath import Binary, Call, Index, Literal, Negative, Nothing, PathError, This, Tree
from connector.deidentify.foreign.temporal import moment
from connector.deidentify.foreign.types import NUMBERS, TEMPORAL, Member, Types
from connector.deidentify.foreign.values import EMPTY, Items, Run, Unevaluable, one, said, truth

Trail: TypeAlias = tuple[str, ...]
_CHOSEN = ("where", "all", "exists", "select")
_TEXTUAL = frozenset({"string", "code", "uri", "url", "canonical", "id", "oid", "uuid", "markdown", "xhtml"})


@dataclass(frozen=True, slots=True)
class Compiled:
    """How to compute something, which types its items may have (empty: not known), which elements it is read from."""

    run: Run
    types: frozenset[str] = frozenset()
    trails: frozenset[Trail] = frozenset()


@dataclass(slots=True)
class Compiler:
    """Compiles for one kind of `$this`. `reads` fills with every element that is looked at, as names from `$this` on.

    `gone` are elements that an earlier rule leaves nothing of: they are there, and equal to nothing.
    """

    types: Types
    gone: frozenset[Trail] = frozenset()
    reads: set[Trail] = field(default_factory=set)

    def predicate(self, tree: Tree, about: Iterable[str]) -> Callable[[values.Item], bool]:
        """A condition on one item: an object as JSON, or of a class with the same members. Raises PathError."""
        run = self._compiled(tree, self._this(about)).run

        def holds(item: values.Item) -> bool:
            return truth(run([item])) is True

        return holds

    def value(self, tree: Tree, about: Iterable[str]) -> Callable[[values.Item], values.Item | None]:
        """A single value computed from one item; None for none. Raises PathError."""
        run = self._compiled(tree, self._this(about)).run
        return lambda item: one(run([item]))

    def _this(self, about: Iterable[str]) -> Compiled:
        return Compiled(lambda items: items, frozenset(about), frozenset({()}))

    def _compiled(self, tree: Tree, this: Compiled) -> Compiled:
        if isinstance(tree, This):
            return this
        if isinstance(tree, Literal | Nothing):
            return _constant(tree)
        compile_one: Callable[[Tree, Compiled], Compiled] = getattr(self, f"_{type(tree).__name__.lower()}")
        return compile_one(tree, this)

    def _negative(self, tree: Negative, this: Compiled) -> Compiled:
        run = self._compiled(tree.of, this).run
        return Compiled(lambda items: [-item for item in map(_number, run(items))], NUMBERS)

    def _member(self, tree: fhirpath.Member, this: Compiled) -> Compiled:
        of = self._compiled(tree.of, this)
        if isinstance(tree.of, This) and tree.name in of.types and self.types.is_resource(tree.name):
            return of  # `Patient.name` asked of a patient
        if not of.types:
            raise PathError(f"`{tree.name}` is asked of something whose type is not known here")
        found = [one for name in sorted(of.types) for one in self._members(name, tree.name)]
        if not found:
            raise PathError(f"there is no element `{tree.name}` of {' or '.join(sorted(of.types))}")
        trails = frozenset((*trail, tree.name) for trail in of.trails)
        self.reads |= trails
        types = frozenset(one.type for one in found)
        if trails & self.gone:
            present = _getting(of.run, found)
            return Compiled(lambda items: [values.HOLLOW for _ in present(items)], types, trails)
        return Compiled(_getting(of.run, found), types, trails)

    def _members(self, type_name: str, name: str) -> list[Member]:
        if type_name in self.types.primitives:
            raise PathError(f"`{name}` of a primitive cannot be asked here")
        if type_name == "Resource":
            raise PathError(f"`{name}` of a resource of any kind cannot be asked here; test its kind with `is`")
        return [one for one in self.types.members(type_name).values() if one.name == name]

    def _index(self, tree: Index, this: Compiled) -> Compiled:
        of, at = self._compiled(tree.of, this), self._compiled(tree.at, this).run

        def run(items: Items) -> Items:
            position = values.whole(at(items))
            found = of.run(items)
            return EMPTY if position is None or not 0 <= position < len(found) else [found[position]]

        return Compiled(run, of.types, of.trails)

    def _call(self, tree: Call, this: Compiled) -> Compiled:
        of = self._compiled(tree.of, this)
        name, given = tree.name, tree.arguments
        if name in _CHOSEN and len(given) == 1:
            return self._choosing(name, of, given[0])
        if name in ("ofType", "as", "is") and len(given) == 1 and isinstance(given[0], fhirpath.Member):
            return self._typed("is" if name == "is" else "as", of, given[0].name)
        if name == "extension" and len(given) == 1:
            extension = fhirpath.Member(tree.of, "extension")
            same_url = Binary("=", fhirpath.Member(This(), "url"), given[0])
            return self._compiled(Call(extension, "where", (same_url,)), this)
        if name in ("matches", "replaceMatches"):
            return self._matching(name, of, given)
        least, most, act = functions.FUNCTIONS.get(name, (1, 0, _never))
        if not least <= len(given) <= most:
            raise PathError(f"the function `{name}` with {len(given)} arguments is not built in here")
        return self._applied(act, of, [self._compiled(argument, this).run for argument in given])

    def _applied(self, act: functions.Function, of: Compiled, arguments: list[Run]) -> Compiled:
        kinds = of.types if act in _PASSING else frozenset[str]()
        run = of.run
        if not arguments:
            return Compiled(lambda items: act(run(items)), kinds, of.trails)
        return Compiled(lambda items: act(run(items), *[argument(items) for argument in arguments]), kinds)

    def _choosing(self, name: str, of: Compiled, condition: Tree) -> Compiled:
        focus = Compiled(lambda items: items, of.types, of.trails)
        inner = self._compiled(condition, focus)
        run, asked = of.run, inner.run
        if name == "select":
            return Compiled(
                lambda items: [got for item in run(items) for got in asked([item])], inner.types, inner.trails
            )
        if name == "all":
            return Compiled(lambda items: said(all(truth(asked([item])) is True for item in run(items))))

        def chosen(items: Items) -> Items:
            return [item for item in run(items) if truth(asked([item])) is True]

        if name == "where":
            return Compiled(chosen, of.types, of.trails)
        return Compiled(lambda items: said(bool(chosen(items))))

    def _matching(self, name: str, of: Compiled, given: tuple[Tree, ...]) -> Compiled:
        texts = [one.text for one in given if isinstance(one, Literal) and one.kind == "string"]
        if len(texts) != len(given) or len(texts) != (1 if name == "matches" else 2):
            raise PathError(f"`{name}` needs constant texts")
        compiled, run = functions.pattern(texts[0]), of.run
        if name == "matches":

            def matches(items: Items) -> Items:
                found = values.text(run(items))
                return EMPTY if found is None else said(functions.is_found(compiled, found))

            return Compiled(matches)
        instead = functions.replacement(texts[1], compiled.groupindex)

        def replaced(items: Items) -> Items:
            found = values.text(run(items))
            return EMPTY if found is None else [functions.replaced(compiled, instead, found)]

        return Compiled(replaced, frozenset({"string"}))

    def _typed(self, operator: str, of: Compiled, name: str) -> Compiled:
        fits, run = self.fits(of.types, name), of.run
        if operator == "is":
            return Compiled(lambda items: EMPTY if one(items_of := run(items)) is None else said(fits(items_of[0])))
        return Compiled(lambda items: [item for item in run(items) if fits(item)], frozenset({name}), of.trails)

    def fits(self, kinds: frozenset[str], name: str) -> Callable[[values.Item], bool]:
        """Whether an item of one of these types is of the type `name`. Raises PathError where JSON does not tell."""
        if not self.types.known(name):
            raise PathError(f"there is no type `{name}`")
        if kinds and all(self.types.is_resource(kind) for kind in kinds):
            general = name in ("Resource", "DomainResource")
            return lambda item: general or (isinstance(item, dict) and item.get("resourceType") == name)
        if len(kinds) == 1:
            answer = name in kinds
            return lambda _: answer
        raise PathError(f"whether it is a `{name}` does not show in JSON here; name the element as `{'x as ' + name}`")

    def _binary(self, tree: Binary, this: Compiled) -> Compiled:
        if tree.operator in ("is", "as"):
            named = tree.right.name if isinstance(tree.right, fhirpath.Member) else ""
            return self._typed(tree.operator, self._compiled(tree.left, this), named)
        left, right = self._compiled(tree.left, this), self._compiled(tree.right, this)
        if tree.operator not in OPERATORS:
            raise PathError(f"the operator `{tree.operator}` is not built in here")
        if tree.operator in _COMPARING:
            _comparable(left.types, right.types)
        act, first, second = OPERATORS[tree.operator], left.run, right.run
        kinds = left.types | right.types if tree.operator in ("|", "+", "&", "-") and left.types and right.types else ()
        return Compiled(lambda items: act(first(items), second(items)), frozenset(kinds))


def _constant(tree: Literal | Nothing) -> Compiled:
    if isinstance(tree, Nothing):
        return Compiled(lambda _: EMPTY)
    kind, text = tree.kind, tree.text
    if kind in TEMPORAL:
        told = moment(text, kind)
        if told is None:
            raise PathError("a date that cannot be read")
        return Compiled(lambda _: [told], frozenset({kind}))
    plain: values.Item = text
    if kind == "integer":
        plain = int(text)
    elif kind == "decimal":
        plain = Decimal(text)
    elif kind == "boolean":
        plain = text == "true"
    return Compiled(lambda _: [plain], frozenset({kind}))


def _getting(of: Run, found: list[Member]) -> Run:
    kinds = [(one.key, attribute(one.key), one.type if one.primitive else "") for one in found]

    def run(items: Items) -> Items:
        got: Items = []
        for item in of(items):
            for key, name, kind in kinds:
                value = item.get(key) if item.__class__ is dict else getattr(item, name, None)
                if value is None or value is UNSET:
                    continue
                for part in value if value.__class__ is list else (value,):
                    if part is not None:
                        got.append(values.leaf(part, kind) if kind else part)
        return got

    return run


def _comparable(left: frozenset[str], right: frozenset[str]) -> None:
    for one_side, other in ((left, right), (right, left)):
        if one_side and other and one_side <= TEMPORAL and other <= _TEXTUAL:
            raise PathError("compares a date with a text; write the date as @2020-01-31")


def _number(item: values.Item) -> int | Decimal:
    if isinstance(item, int | Decimal) and not isinstance(item, bool):
        return item
    raise Unevaluable("a number is needed")


def _never(_: Items) -> Items:
    raise Unevaluable("no such function")


def _ordered(accepted: Callable[[int], bool]) -> Callable[[Items, Items], Items]:
    def act(left: Items, right: Items) -> Items:
        found = values.order(left, right)
        return EMPTY if found is None else said(accepted(found))

    return act


def _added(left: Items, right: Items) -> Items:
    first, second = one(left), one(right)
    if first is None or second is None:
        return EMPTY
    if isinstance(first, str) and isinstance(second, str):
        return [first + second]
    return [_number(first) + _number(second)]


def _joined(left: Items, right: Items) -> Items:
    return [(values.text(left) or "") + (values.text(right) or "")]


def _and(left: Items, right: Items) -> Items:
    answers = truth(left), truth(right)
    return values.FALSE if False in answers else EMPTY if None in answers else values.TRUE


def _or(left: Items, right: Items) -> Items:
    answers = truth(left), truth(right)
    return values.TRUE if True in answers else EMPTY if None in answers else values.FALSE


def _xor(left: Items, right: Items) -> Items:
    first, second = truth(left), truth(right)
    return EMPTY if first is None or second is None else said(first is not second)


def _implies(left: Items, right: Items) -> Items:
    return _or(_not(left), right)


def _not(items: Items) -> Items:
    answer = truth(items)
    return EMPTY if answer is None else said(not answer)


def _in(left: Items, right: Items) -> Items:
    wanted = one(left)
    return EMPTY if wanted is None else said(any(values.same(wanted, item) for item in right))


OPERATORS: dict[str, Callable[[Items, Items], Items]] = {
    "=": values.equal, "!=": lambda left, right: _not(values.equal(left, right)),
    "<": _ordered(lambda found: found < 0), "<=": _ordered(lambda found: found <= 0),
    ">": _ordered(lambda found: found > 0), ">=": _ordered(lambda found: found >= 0),
    "and": _and, "or": _or, "xor": _xor, "implies": _implies,
    "in": _in, "contains": lambda left, right: _in(right, left),
    "|": lambda left, right: values.distinct(left + right), "+": _added, "&": _joined,
    "-": lambda left, right: [] if not left or not right else [_number(one(left)) - _number(one(right))],
}  # fmt: skip
_COMPARING = frozenset({"=", "!=", "<", "<=", ">", ">=", "in", "contains"})
_PASSING = frozenset(functions.FUNCTIONS[name][2] for name in ("first", "last", "single"))
