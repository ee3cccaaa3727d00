"""The R4 Consent of the plainest shape, read in one go: nearly all there are.

Nothing is decided here that is not decided alike by :mod:`policy.directives.reading.consents`: what has any other shape
is left to it, and so is what may be larger than :mod:`policy.directives.reading.limits` allows.
"""

from typing import Any

from policy.directives.model import Provision, Release
from policy.directives.reading.limits import MAX_PROVISION_DEPTH
from policy.directives.reading.provisions import PLAIN_OF

# One rule, or one member of a list within a rule, is at most 72 values (an actor with 16 codings, each of three texts
# of 250 characters) and 14,500 characters: so many of them are below the limits, whatever they are.
MOST = 1_000

_READERS = PLAIN_OF[Release.R4]


def plain_root(written: object) -> Provision | None:
    """Return the root with all below it, or None if any of it is not of the plainest shape, or there is too much."""
    if written is None:
        return Provision(effect=None, pointer="/provision")
    return _Tree().read(written, "/provision", 1)


class _Tree:
    """One tree while it is read; `left` is how much more of it is not too much."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MOST

    def read(self, value: Any, pointer: str, depth: int) -> Provision | None:
        """Return one rule with those below it, if all are plain."""
        if type(value) is not dict or not value or depth > MAX_PROVISION_DEPTH:
            return None
        fields: dict[str, Any] = {"effect": None, "pointer": pointer}
        self.left -= 1
        for name, part in value.items():
            if type(part) is list:
                self.left -= len(part)
            if self.left < 0:
                return None
            if name == "provision":
                found: object = self._below(part, f"{pointer}/provision/", depth + 1)
                field = "nested"
            elif name in _READERS:
                field, read = _READERS[name]
                found = read(part)
            else:
                return None
            if found is None:
                return None
            fields[field] = found
        return Provision.of(fields)

    def _below(self, value: Any, place: str, depth: int) -> tuple[Provision, ...] | None:
        if type(value) is not list or not value:
            return None
        found = []
        for index, one in enumerate(value):
            rule = self.read(one, f"{place}{index}", depth)
            if rule is None:
                return None
            found.append(rule)
        return tuple(found)
