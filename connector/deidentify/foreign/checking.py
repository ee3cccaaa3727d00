"""Whether every rule of a file can be compiled, before any record is there.

Walks the types of FHIR along each rule's path. Every place that a path can lead to is looked at: a condition, a case or
a substitute that cannot stand there refuses the file. A path that leads nowhere (a kind of resource or an element that
this release does not have) is noted: the rule does nothing, and often that is a misspelling.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from connector.deidentify.foreign.expressions import Compiler
from connector.deidentify.foreign.fhirpath import PathError
from connector.deidentify.foreign.judging import fates
from connector.deidentify.foreign.methods import ACTS, PARTIAL, Leaf, Methods
from connector.deidentify.foreign.paths import GENERAL, Child, Named, OfType, Path, Position, Step, Typed, Where
from connector.deidentify.foreign.reading import Rule
from connector.deidentify.foreign.report import NOTED, REFUSED, Finding
from connector.deidentify.foreign.standing import Standing, Walker
from connector.deidentify.foreign.substituting import checked
from connector.deidentify.foreign.types import RESOURCE, Types

Place = tuple[str, str, str]
"""A type, the name of the element, and the type it is an element of."""


def checked_rules(
    types: Types, rules: Iterable[Rule], ways: Iterable[tuple[Path, ...]], methods: Methods
) -> list[Finding]:
    """What there is to say about the rules, each by itself."""
    found: list[Finding] = []
    for rule, branches in zip(rules, ways, strict=True):
        places = set[Place]()
        try:
            for path in branches:
                places |= _led(types, path)
        except PathError as error:
            found.append(Finding(REFUSED, rule.place, str(error)))
            continue
        if not places:
            found.append(Finding(NOTED, rule.place, f"leads to no element of FHIR {types.release}: it does nothing"))
        found += _fitting(types, rule, places, methods)
    return found


def _fitting(types: Types, rule: Rule, places: set[Place], methods: Methods) -> Iterator[Finding]:
    for kind, name, parent in sorted(places):
        try:
            if kind in types.primitives:
                methods.action(rule, Leaf(kind, name, parent))
            elif rule.method == "substitute":
                if types.is_resource(kind):
                    raise PathError("a whole resource cannot be substituted")
                checked(types, rule.settings.get("replaceWith"), kind)
            elif rule.method == "generalize":
                raise PathError(f"generalize is about primitives, and this leads to a {kind}")
        except PathError as error:
            yield Finding(REFUSED, rule.place, str(error))
            return


def _led(types: Types, path: Path) -> set[Place]:
    heads = types.resources if path.head in GENERAL else {path.head} & types.resources
    places = {(head, "", "") for head in heads}
    for step in path.steps:
        places = {below for place in places for below in _stepped(types, step, place)}
    return places


def _stepped(types: Types, step: Step, place: Place) -> Iterator[Place]:
    kind, name, _ = place
    if isinstance(step, Child):
        element = types.elements(kind).get(step.name) if kind != RESOURCE else None
        if kind == RESOURCE:
            yield from {one for head in types.resources for one in _stepped(types, step, (head, name, ""))}
        elif element is not None:
            yield from ((one, step.name, kind) for one in element.types)
    elif isinstance(step, Typed | Named):
        wanted, part = (step.type, 0) if isinstance(step, Typed) else (step.name, 1)
        yield from (one for one in (place, *_below(types, kind)) if one[part] == wanted)
    elif isinstance(step, OfType):
        if kind in (RESOURCE, step.type):
            yield (step.type, name, place[2])
    elif isinstance(step, Where):
        for one in types.resources if kind == RESOURCE else (kind,):
            Compiler(types).predicate(step.condition, (one,))
        yield place
    elif isinstance(step, Position):
        yield place


_reached: dict[tuple[str, str], frozenset[Place]] = {}


def _below(types: Types, kind: str) -> frozenset[Place]:
    """Every place below a type, at any depth, that is in no other resource."""
    key = (types.release, kind)
    if key not in _reached:
        seen, waiting = set[Place](), [kind]
        walked = set[str]()
        while waiting:
            one = waiting.pop()
            if one in walked or (types.is_resource(one) and one != kind):
                continue
            walked.add(one)
            for element in types.elements(one).values():
                seen |= {(each, element.name, one) for each in element.types if not types.is_resource(each)}
                waiting += element.types
        _reached[key] = frozenset(seen)
    return _reached[key]


def checked_conditions(walker: Walker, methods: Methods, ways: list[tuple[Path, ...]]) -> list[Finding]:
    """Whether a rule before a condition changes what the condition reads."""
    found: dict[int, Finding] = {}
    led: list[set[Place]] = []
    for rule, branches in enumerate(ways):
        for path in branches:
            if _may_clash(walker, path, list(zip(walker.rules, led, strict=False))):
                try:
                    # What stands behind a rule does not matter to it.
                    before = Walker(walker.types, walker.rules[: rule + 1], ways[: rule + 1])
                    _checked_condition(before, methods, rule, path)
                except PathError as error:
                    found[rule] = Finding(REFUSED, walker.rules[rule].place, str(error))
        led.append({place for path in branches for place in _led(walker.types, path)})
    return list(found.values())


def _may_clash(walker: Walker, path: Path, before: list[tuple[Rule, set[Place]]]) -> bool:
    """Whether, by types alone, a rule before may reach what a condition of this path reads.

    A rule that reaches the node of the condition, or what is around it, takes the node first, and then the condition
    does not matter; only where a resource lies inside can both be about different parts of it.
    """
    types = walker.types
    for number, step in enumerate(path.steps):
        if not isinstance(step, Where):
            continue
        for kind, _, _ in _led(types, Path(path.head, path.steps[:number])):
            if walker.holds_resources(kind):
                return bool(before)
            compiler = Compiler(types)
            compiler.predicate(step.condition, (kind,))
            read = {place for trail in compiler.reads for place in _trailed(types, kind, trail)}
            kinds = {place[0] for place in read}
            if any(
                rule.method != "keep" and (places & read or (rule.method in PARTIAL and kinds & ACTS[rule.method]))
                for rule, places in before
            ):
                return True
    return False


def _trailed(types: Types, kind: str, trail: tuple[str, ...]) -> set[Place]:
    """Every place on the way of a trail."""
    here = {(kind, "", "")}
    every = set[Place]()
    for name in trail:
        here = {below for place in here for below in _stepped(types, Child(name), place)}
        every |= here
    return every


def _checked_condition(walker: Walker, methods: Methods, rule: int, path: Path) -> None:
    heads = walker.types.resources if path.head in GENERAL else {path.head} & walker.types.resources
    seen = set[Standing]()
    waiting = [walker.resource(head, "", frozenset()) for head in sorted(heads)]
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        for item in at.tests:
            if item.rule == rule:
                step = walker.step(item)
                if isinstance(step, Where):
                    compiler = Compiler(walker.types)
                    compiler.predicate(step.condition, (at.type,))
                    fates(walker, methods, at, item.rank, compiler.reads)
        if at.tests:
            waiting += [walker.passed(at, [answer] * len(at.tests)) for answer in (True, False)]
            continue
        waiting += _children(walker, at, rule)


def _children(walker: Walker, at: Standing, rule: int) -> Iterator[Standing]:
    """The elements below in which this rule's path may still go on."""
    if not any(item.rule == rule for item in at.items):
        return
    for element in walker.types.elements(at.type).values():
        for kind in element.types:
            if walker.types.is_resource(kind):
                for item in walker.carried(at, element.name):
                    if item.rule == rule:
                        yield from (
                            walker.resource(one, element.name, walker.carried(at, element.name))
                            for one in walker.types.resources
                        )
                        break
            else:
                yield walker.child(at, element.name, kind)
