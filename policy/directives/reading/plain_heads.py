"""The head of an R4 Consent of the plainest shape, read fast (see :mod:`policy.directives.reading.plain`)."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from policy.directives.model import Coding
from policy.directives.reading import plain
from policy.directives.reading.element import modified
from policy.directives.reading.limits import SMALL, small
from policy.instants import span

Codings = tuple[Coding, ...]


class Head(NamedTuple):
    """What a Consent says apart from its rules; the fields are those of the directive."""

    status: str
    subjects: tuple[str, ...]
    decided_at: str | None = None
    scope: Codings = ()
    categories: Codings = ()
    rules: Codings = ()
    policies: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()


def plain_head(resource: Mapping[str, Any], statuses: frozenset[str], aside: frozenset[str]) -> Head | None:
    """Return the head, or None if any of it has another shape or nobody knows it; the provision is not looked at."""
    found: dict[str, Any] = {}
    for name, value in resource.items():
        if name in aside:
            if (type(value) is not str or len(value) > SMALL) and (not small(value) or modified(value)):
                return None
        elif name in _READERS:
            field, read = _READERS[name]
            if type(value) is list and len(value) > plain.PLAIN_CODINGS:
                return None
            found[field] = read(value)
            if found[field] is None:
                return None
        elif name != "provision" or value is None:
            return None
    if found.get("status") not in statuses or "subjects" not in found:
        return None
    return Head(**found)


def _status(value: Any) -> str | None:
    return value if type(value) is str else None


def _subject(value: Any) -> tuple[str, ...] | None:
    found = plain.reference(value)
    return None if found is None else (found,)


def _moment(value: Any) -> str | None:
    try:
        return value if plain.text(value) and (plain.day(value) or span(value)) else None
    except ValueError:
        return None


def _every(value: Any) -> Codings | None:
    if type(value) is list and len(value) == 1:  # nearly always
        return plain.concept(value[0])
    found = plain.concepts(value)
    return None if found is None else tuple(one for each in found for one in each)


def _policies(value: Any) -> tuple[str, ...] | None:
    if type(value) is not list or not value:
        return None
    found = tuple(one["uri"] for one in value if type(one) is dict and one.keys() == {"uri"})
    return found if len(found) == len(value) and all(map(plain.text, found)) else None


def _people(value: Any) -> tuple[str, ...] | None:
    if type(value) is not list or not value:
        return None
    found = tuple(one for one in map(plain.reference, value) if one is not None)
    return found if len(found) == len(value) else None


_READERS: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "status": ("status", _status),
    "patient": ("subjects", _subject),
    "dateTime": ("decided_at", _moment),
    "scope": ("scope", plain.concept),
    "category": ("categories", _every),
    "policyRule": ("rules", plain.concept),
    "policy": ("policies", _policies),
    "performer": ("signers", _people),
}
