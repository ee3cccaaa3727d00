"""Validation of constraints and logical constraints (Information Model 2.5), wherever they stand."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from policy.odrl import vocabulary as v
from policy.odrl.model import PLAIN, REFERENCE, XSD, Constraint, Literal, Logical, Term
from policy.odrl.validation.core_profile import LEFT_OPERANDS, OURS
from policy.odrl.validation.lexical import DURATIONS, MOMENTS, NUMBERS, WHOLE, example, fits, is_iri
from policy.odrl.validation.problem import Problem, error, short, shown, unknown, warning

SET_BASED = frozenset({"isA", "hasPart", "isPartOf", "isAllOf", "isAnyOf", "isNoneOf"})
"""The operators whose right operand may be a list (ODRL Vocabulary, "a set-based operator")."""

REPLACED: Mapping[str, str] = MappingProxyType(
    {f"{v.ODRL}device": f"{v.ODRL}systemDevice", f"{v.ODRL}system": f"{v.ODRL}systemDevice"}
)


@dataclass(frozen=True, slots=True)
class _Values:
    """What a left operand is compared with (ODRL Vocabulary 3.12): which datatypes, said how."""

    datatypes: frozenset[str]
    words: str
    plain: str = ""
    """The datatype that a text without one is taken to have."""


_NUMBER = _Values(WHOLE | {f"{XSD}decimal"}, "a decimal number", f"{XSD}decimal")
_PERIOD = _Values(DURATIONS, "a period (xsd:duration)", f"{XSD}duration")
_EXPECTED: Mapping[str, _Values] = MappingProxyType(
    {
        f"{v.ODRL}dateTime": _Values(MOMENTS, "a date (xsd:date) or an instant (xsd:dateTime)"),
        f"{v.ODRL}payAmount": _NUMBER,
        f"{v.ODRL}percentage": _NUMBER,
        f"{v.ODRL}delayPeriod": _PERIOD,
        f"{v.ODRL}elapsedTime": _PERIOD,
        f"{v.ODRL}meteredTime": _PERIOD,
        f"{v.ODRL}timeInterval": _PERIOD,
        **dict.fromkeys((v.K_ANONYMITY, v.L_DIVERSITY, v.T_CLOSENESS, v.UNIQUE_SHARE), _NUMBER),
    }
)


def term_problems(terms: Iterable[Term], parent: str, profiled: bool) -> Iterator[Problem]:
    """Yield what is wrong with the constraints under `parent`; `profiled` says whether a profile may define terms."""
    for index, term in enumerate(terms):
        path = term.pointer or f"{parent}/{index}"
        if isinstance(term, Constraint):
            yield from _constraint(term, path, profiled)
        else:
            yield from _logical(term, path, profiled)


def _logical(term: Logical, path: str, profiled: bool) -> Iterator[Problem]:
    if term.operator not in v.LOGICAL and not (profiled and is_iri(term.operator)):
        yield error(path, f"'{shown(term.operator)}' does not join constraints; use or, xone, and or andSequence")
    if not term.parts:
        yield error(f"{path}/{term.operator}", f"'{shown(term.operator)}' joins no constraint; list those it joins")
    elif len(term.parts) == 1:
        yield warning(f"{path}/{term.operator}", f"'{term.operator}' joins a single constraint; it is made for several")
    yield from _repeated(term, path)
    yield from term_problems(term.parts, f"{path}/{term.operator}", profiled)


def _repeated(term: Logical, path: str) -> Iterator[Problem]:
    nodes: set[str] = set()
    said: set[Term] = set()
    for index, part in enumerate(term.parts):
        place = part.pointer or f"{path}/{term.operator}/{index}"
        if part.node and part.node in nodes:
            yield error(place, f"the constraint {shown(part.node)} is joined twice; each may be listed once")
        elif part in said:
            yield warning(place, "says the same as a constraint before it in this list; state it once")
        nodes.add(part.node)
        said.add(part)


def _constraint(term: Constraint, path: str, profiled: bool) -> Iterator[Problem]:
    yield from _left(term, f"{path}/leftOperand", profiled)
    yield from _operator(term, f"{path}/operator", profiled)
    yield from _right(term, f"{path}/{'rightOperandReference' if term.by_reference else 'rightOperand'}")
    yield from _unit(term, f"{path}/unit")


def _left(term: Constraint, path: str, profiled: bool) -> Iterator[Problem]:
    if term.given is not None:
        # A MUST of the model, but a way of writing of its own (ODRE): it can be read, and nothing here ever meets it.
        yield warning(path, f"'{shown(term.given.text)}' is a value; a left operand is a term, for instance dateTime")
    elif not term.left:
        yield error(path, "the constraint has no left operand; name what is compared, for instance purpose")
    elif term.left in REPLACED:
        yield warning(path, f"{short(term.left)} is deprecated; use {short(REPLACED[term.left])}")
    elif not profiled and term.left not in LEFT_OPERANDS | OURS:
        yield warning(path, unknown("left operand", term.left))


def _operator(term: Constraint, path: str, profiled: bool) -> Iterator[Problem]:
    if not term.operator:
        yield error(path, "the constraint has no operator; name one, for instance eq")
    elif term.operator in v.LOGICAL:
        yield error(path, f"'{term.operator}' joins constraints and compares nothing; use an operator such as eq")
    elif term.operator not in v.OPERATORS and not profiled:
        yield warning(path, unknown("operator", term.operator))


def _right(term: Constraint, path: str) -> Iterator[Problem]:
    if not term.right:
        yield error(path, "the constraint has no right operand; state the value to compare with")
    if len(term.right) > 1 and term.operator in v.OPERATORS - SET_BASED:
        yield error(path, f"'{term.operator}' compares with one value, not {len(term.right)}; use isAnyOf for a list")
    for index, value in enumerate(term.right):
        place = f"{path}/{index}" if len(term.right) > 1 else path
        if term.by_reference:
            if not is_iri(value.text):
                yield error(place, f"'{shown(value.text)}' is not an IRI; a reference says where the value is found")
        else:
            yield from _value(term, value, place)


def _value(term: Constraint, value: Literal, path: str) -> Iterator[Problem]:
    stated = value.datatype or term.datatype
    if term.datatype and value.datatype not in {None, REFERENCE, term.datatype}:
        yield warning(path, f"is {short(value.datatype or '')}, but dataType says {short(term.datatype)}; state one")
    if stated and stated != REFERENCE and not fits(value.text, stated):
        yield warning(path, _not_a(value.text, stated))
        return
    expected = _EXPECTED.get(term.left)
    if expected and not _meets(value, stated, expected):
        told = "refers to something" if stated == REFERENCE else f"'{shown(value.text)}' is compared"
        yield warning(path, f"{told}, but {short(term.left)} is compared with {expected.words}; nothing can meet it")
    elif term.left == f"{v.ODRL}percentage" and not 0 <= float(value.text) <= 100:
        yield warning(path, f"'{shown(value.text)}' is no percentage; state a number from 0 to 100")


def _meets(value: Literal, stated: str | None, expected: _Values) -> bool:
    if stated in PLAIN:
        accepted = expected.datatypes if not expected.plain else {expected.plain}
        return stated != REFERENCE and any(fits(value.text, one) for one in accepted)
    return stated in expected.datatypes


def _unit(term: Constraint, path: str) -> Iterator[Problem]:
    if term.unit is None:
        return
    if not is_iri(term.unit.text):
        yield warning(path, f"'{shown(term.unit.text)}' is not an IRI; a unit is named by one")
    if not term.by_reference and not all(_number(value.datatype or term.datatype, value.text) for value in term.right):
        yield warning(path, "a unit is stated, but the right operand is not a number")


def _number(datatype: str | None, text: str) -> bool:
    return datatype in NUMBERS if datatype not in PLAIN else fits(text, f"{XSD}decimal")


def _not_a(text: str, datatype: str) -> str:
    right = example(datatype)
    return f"'{shown(text)}' is not a value of {short(datatype)}{f'; write for instance {right}' if right else ''}"
