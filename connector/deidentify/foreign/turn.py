"""What is the same while one record is de-identified, and the keys it is done with."""

from __future__ import annotations

from datetime import date
from typing import Protocol

REDACTED, ABSTRACTED, HASHED, MASKED = 1, 2, 4, 8
PERTURBED, SUBSTITUTED, GENERALIZED, PSEUDONYMIZED = 16, 32, 64, 128

_OBSERVATION_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
LABELS = (
    (REDACTED, {"system": _OBSERVATION_VALUE, "code": "REDACTED", "display": "redacted"}),
    (ABSTRACTED, {"system": _OBSERVATION_VALUE, "code": "ABSTRED", "display": "abstracted"}),
    # Spelled so in HL7's code system.
    (HASHED, {"system": _OBSERVATION_VALUE, "code": "CRYTOHASH", "display": "cryptographic hash function"}),
    (MASKED, {"system": _OBSERVATION_VALUE, "code": "MASKED", "display": "masked"}),
    (PERTURBED, {"code": "PERTURBED", "display": "exact value is replaced with another exact value"}),
    (SUBSTITUTED, {"code": "SUBSTITUTED", "display": "exact value is replaced with a predefined value"}),
    (GENERALIZED, {"code": "GENERALIZED", "display": "exact value is replaced with a general value"}),
    (PSEUDONYMIZED, {"system": _OBSERVATION_VALUE, "code": "PSEUDED", "display": "pseudonymized"}),
)
"""What is written into `meta.security` of a resource, by what was done in it, in this order."""


class Keys(Protocol):
    """The keyed acts of a rule set. Whoever holds one can make these values, and nothing else."""

    def digest(self, text: str) -> str:
        """64 hexadecimal digits in place of a text, the same for the same."""
        ...

    def encrypted(self, text: str) -> str:
        """A text that only who has the key reads again."""
        ...

    def pseudonym(self, domain: str, text: str) -> str:
        """A pseudonym of a text within a domain of the rule file."""
        ...

    def days(self, scope: str) -> int:
        """By how many days everything in this scope is moved, -50 to 50."""
        ...


class Turn:
    """One record's way through a plan. `done` collects what was done in the resource that is open now, as bits.

    `scope` is what the date shift hangs on (the id of the outermost resource, or the name of a file), `scope_after` the
    same once the rules have changed that id; `id_rule` is the number of the rule that does. `depth` counts the
    resources around the one that is open. For `quick`, `outer` collects what was done in resources that are closed, and
    `took` says that something was taken out of an object, which may have been left empty.
    """

    __slots__ = ("as_of", "depth", "done", "id_rule", "keys", "outer", "scope", "scope_after", "took")

    def __init__(self, keys: Keys, as_of: date) -> None:
        self.keys = keys
        self.as_of = as_of
        self.done = self.outer = 0
        self.took = False
        self.depth = 0
        self.scope = self.scope_after = ""
        self.id_rule = 0

    def days(self, rule: int) -> int:
        """The date shift for a rule, which sees what the rules before it made of the outermost resource's id."""
        return self.keys.days(self.scope_after if self.depth or rule > self.id_rule else self.scope)
