"""A policy made narrower: fewer purposes, an earlier end, fewer recipients, another selection of data.

Nothing else of the policy changes, so that two sides who narrow in turn never lose a term. Whether the result is
narrower is read off the terms (`policy.odrl.comparison.implies`), never assumed.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any

from policy.canonical import Json
from policy.instants import wire
from policy.odrl import vocabulary as v
from policy.odrl.comparison import implies
from policy.odrl.model import Term
from policy.odrl.reading import read
from policy.purposes import purpose

_Written = dict[str, Json]
_POSITIVE = {
    v.PURPOSE: frozenset({"eq", "isA", "isAnyOf"}),
    v.RECIPIENT: frozenset({"eq", "isAnyOf"}),
    v.DATE_TIME: frozenset({"lt", "lteq"}),
    v.SELECTION: frozenset({"eq"}),
}
"""The operators by which a policy limits each of these; what stands under another operator is left as it is."""


class NotNarrowerError(ValueError):
    """What is wanted is not narrower than what stands: `where` names the term, `accepted` what would be."""

    def __init__(self, where: str, message: str, accepted: str) -> None:
        super().__init__(message)
        self.where = where
        self.accepted = accepted


def for_purposes(policy: Mapping[str, Any], purposes: Sequence[str]) -> dict[str, Any]:
    """Return the policy limited to these purposes (IRIs or prefixed terms). Raises :class:`NotNarrowerError`."""
    known = [purpose(term) for term in purposes]
    iris = sorted({one.iri for one in known if one is not None})
    if not iris or None in known:
        raise NotNarrowerError("purposes", "This is not a purpose we know", "a purpose of the Data Privacy Vocabulary")
    term = _term("purpose", *(("isA", iris[0]) if len(iris) == 1 else ("isAnyOf", list(iris))))
    return _limited(policy, v.PURPOSE, term, "purposes", "purposes within those of the present terms")


def until(policy: Mapping[str, Any], end: datetime) -> dict[str, Any]:
    """Return the policy ending at this instant, itself included. Raises :class:`NotNarrowerError`."""
    return _limited(policy, v.DATE_TIME, _term("dateTime", "lteq", wire(end)), "until", "an end no later than now set")


def for_recipients(policy: Mapping[str, Any], recipients: Sequence[str]) -> dict[str, Any]:
    """Return the policy limited to these participants. Raises :class:`NotNarrowerError`."""
    named = sorted(set(recipients))
    if not named:
        raise NotNarrowerError("recipients", "Nobody is named", "at least one participant")
    term = _term("recipient", *(("eq", named[0]) if len(named) == 1 else ("isAnyOf", list(named))))
    return _limited(policy, v.RECIPIENT, term, "recipients", "participants within those of the present terms")


def with_selection(policy: Mapping[str, Any], digest: str) -> dict[str, Any]:
    """Return the policy pinned to the selection with this digest; that it is narrower is for the caller to know."""
    return _limited(policy, v.SELECTION, _term(v.SELECTION, "eq", digest), "selection", "", checked=False)


def _limited(
    policy: Mapping[str, Any], left: str, term: _Written, where: str, accepted: str, *, checked: bool = True
) -> dict[str, Any]:
    narrower = deepcopy(dict(policy))
    permissions = narrower.get("permission")
    if not isinstance(permissions, list) or not permissions or not all(isinstance(one, dict) for one in permissions):
        raise NotNarrowerError(where, "These terms permit nothing that could be narrowed", "terms with a permission")
    for permission in permissions:
        standing = permission.get("constraint", [])
        listed = standing if isinstance(standing, list) else [standing]
        if checked and not _within(term, [one for one in listed if _limits(one, left)]):
            raise NotNarrowerError(where, "This is not within the present terms", accepted)
        permission["constraint"] = _put(listed, left, term)
    return narrower


def _put(listed: list[Any], left: str, term: _Written) -> list[Any]:
    """The term in the place of the first that limits the same; at the end where none did."""
    place = next((index for index, one in enumerate(listed) if _limits(one, left)), len(listed))
    kept = [one for one in listed[:place] if not _limits(one, left)]
    return [*kept, term, *(one for one in listed[place:] if not _limits(one, left))]


def _limits(constraint: object, left: str) -> bool:
    if not isinstance(constraint, dict):
        return False
    named, operator = constraint.get("leftOperand"), constraint.get("operator")
    return (
        isinstance(named, str)
        and v.expand_odrl(named) == left
        and isinstance(operator, str)
        and v.expand_odrl(operator).removeprefix(v.ODRL) in _POSITIVE[left]
    )


def _within(term: _Written, standing: Iterable[dict[str, Any]]) -> bool:
    """Whether the term keeps every one that it takes the place of; one that cannot be read is kept by nothing."""
    [mine] = _read(term)
    read_terms = [_read(constraint) for constraint in standing]
    return all(len(found) == 1 and implies(mine, found[0]) for found in read_terms)


def _read(constraint: Mapping[str, Any]) -> tuple[Term, ...]:
    rule = {"action": "use", "constraint": [dict(constraint)]}
    return read({"@id": "one-term", "@type": "Set", "permission": [rule]}).permissions[0].terms


def _term(left: str, operator: str, right: Json) -> _Written:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}
