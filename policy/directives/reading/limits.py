"""How large a resource may be before anybody looks at what it says: hostile input ends here, in bounded time."""

from collections.abc import Mapping
from typing import Any

from policy.directives.reading.fault import DirectiveError

MAX_PROVISION_DEPTH = 64
"""How deep provisions may stand in each other; how deep they may be judged is the judge's affair."""

# Each provision is an object in a list; what stands within one (a reference in an actor, an extension) is less deep.
MAX_DEPTH = 2 * MAX_PROVISION_DEPTH + 32
MAX_LIST = 2_000
MAX_NODES = 100_000
MAX_CHARACTERS = 16_000_000
"""A scanned signature may be part of a consent; more text than this is none."""

SMALL = 1_000


def check_size(resource: object) -> None:
    """Refuse what is deeper, longer or larger than a consent can be, and what is no JSON.

    Raises :class:`DirectiveError` with the code "too-deep", "too-long", "too-large" or "not-json".
    """
    try:
        _walk(resource)
    except TypeError:  # of the names of an object, one was no text
        raise DirectiveError("not-json") from None


def small(value: object) -> bool:
    """Whether a value is far within all limits: what stands beside the rules of a consent nearly always is."""
    try:
        _walk(value, SMALL, SMALL)
    except (DirectiveError, TypeError):
        return False
    return True


def _walk(resource: object, most: int = MAX_NODES, longest: int = MAX_CHARACTERS) -> None:
    level: list[Any] = [resource]
    nodes = characters = 0
    for _ in range(MAX_DEPTH + 1):
        nodes += len(level)
        below: list[Any] = []
        for value in level:
            kind = type(value)
            if kind is str:
                characters += len(value)
            elif kind is dict or (kind is not list and isinstance(value, Mapping)):
                "".join(value)
                below += value.values()
            elif kind is list or isinstance(value, list):
                if len(value) > MAX_LIST:
                    raise DirectiveError("too-long")
                below += value
            if len(below) > most:
                raise DirectiveError("too-large")
        if nodes > most or characters > longest:
            raise DirectiveError("too-large")
        if not below:
            return
        level = below
    raise DirectiveError("too-deep")
