"""What a reader did not understand (`Policy.unknown`), as problems."""

import re
from collections.abc import Iterable, Iterator

from policy.odrl.validation.problem import Problem, error, shown, warning
from policy.odrl.vocabulary import LOGICAL

_RULES = frozenset({"permission", "prohibition", "obligation"})
_CONSTRAINTS = LOGICAL | {"constraint", "refinement"}

# What is demanded where it is not there, or is something that no vocabulary could explain.
_ABSENT = {
    "leftOperand": "the constraint has no left operand, or not a term; name what is compared, for instance purpose",
    "operator": "the constraint has no operator, or not a term; name one, for instance eq",
    "rightOperand": "the constraint has no right operand, or not a value; state a text, a number or an IRI",
    "rightOperandReference": "the reference is no IRI; say where the value is to be found",
    "conflict": "a policy has one strategy, by its name; state perm, prohibit or invalid",
    **dict.fromkeys(LOGICAL, "joins no constraint, or something else; list the constraints it joins"),
}
_NO_RULE = "what stands here is no rule; a rule names its action and its target"
_NO_CONSTRAINT = (
    "a constraint here lacks its left or right operand, or is two things at once; state both, and one operator"
)
_PLACES = {
    "duty": "no duty may stand here; a duty stands under a permission, or is an obligation of the policy",
    "remedy": "no remedy may stand here; a remedy stands under a prohibition",
    "consequence": "no consequence may stand here; a consequence stands under a duty or an obligation",
}

# How the reader of documents says why, where the place alone does not.
_SEVERAL, _UNORDERED, _NAMELESS = "more than one value", "an order is stated by a list", "a blank node"

_INDEX = re.compile(r"(?:/\d+)+$", re.ASCII)


def unread(unknown: Iterable[str]) -> Iterator[Problem]:
    """Yield one problem for each place, ``<pointer>`` or ``<pointer>: <term or cause>``.

    It is an error where the Information Model demands something that a term or value of any vocabulary would meet; else
    a warning, since the model allows other vocabularies: whatever depends on it is refused all the same.
    """
    for entry in unknown:
        path, _, cause = entry.partition(": ")
        name = _INDEX.sub("", path).rpartition("/")[2]
        broken = _broken(name, path, cause)
        if broken:
            yield error(path, broken)
        else:
            told = f"'{shown(cause)}' is" if cause else "is"
            yield warning(path, f"{told} not understood here; whatever depends on it is refused")


def _broken(name: str, path: str, cause: str) -> str | None:
    """Return what the model demands and is not met there, None where another vocabulary could explain it."""
    if cause == _SEVERAL:
        return "states several values where one may stand; state one"
    if cause == _UNORDERED:
        return f"{name} is a sequence; state its constraints as an ordered list (@list in JSON-LD)"
    if path == "/@type" and ", " in cause:
        return f"is called {shown(cause)}; a policy is of one kind"
    if name in _PLACES and not cause.startswith(_NAMELESS):
        return _PLACES[name]
    if cause.startswith(_NAMELESS) or not cause:
        return _empty(name, cause)
    return None


def _empty(name: str, cause: str) -> str | None:
    if name in _RULES or name in _PLACES:
        return _NO_RULE
    if name in _CONSTRAINTS and cause:
        return _NO_CONSTRAINT
    return _ABSENT.get(name, _NO_CONSTRAINT if name in _CONSTRAINTS else None)
