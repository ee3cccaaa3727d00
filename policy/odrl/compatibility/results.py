"""The answer of a comparison, and its parts."""

from dataclasses import dataclass
from enum import StrEnum

from policy.odrl.compatibility.claims import Claim
from policy.odrl.model import Literal


class Verdict(StrEnum):
    """Whether two policies can be kept at once."""

    CONFLICT = "conflict"
    COMPATIBLE = "compatible"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Witness:
    """One value that all sides allow: of which left operand (`scope`: of whose refinement), in words."""

    left: str
    value: Literal
    words: str
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Clash:
    """Claims that cannot hold together; without any one of them the others might. None for what is no term."""

    claims: tuple[Claim, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answer: with a `witness` if compatible, `clashes` (narrowest first) if not, `unknowns` if nobody can tell.

    `beyond` says for which limits of the offer it does not follow that the request keeps them.
    """

    verdict: Verdict
    witness: tuple[Witness, ...] = ()
    clashes: tuple[Clash, ...] = ()
    unknowns: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
