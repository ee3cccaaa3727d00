"""What an assessment of risk must at least find, as parameters of its duty: read, and compared for strictness."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import NamedTuple

from policy.odrl import vocabulary as v
from policy.odrl.duties.known import Duty
from policy.odrl.model import XSD, Constraint
from policy.odrl.operands import NotUnderstoodError


class Threshold(NamedTuple):
    """One of them: the parameter, the operator it is stated with, and the least and the greatest value it may have."""

    name: str
    operator: str
    least: int
    greatest: int

    @property
    def whole(self) -> bool:
        """Whether it is a whole number of people or values, and more is stricter; else a share, and less is."""
        return self.operator == "gteq"

    @property
    def words(self) -> str:
        """What is accepted, in words."""
        return f"{'a whole number' if self.whole else 'a number'} from {self.least} to {self.greatest}"


TAKES: Mapping[str, Threshold] = MappingProxyType(
    {
        v.K_ANONYMITY: Threshold("min_k", "gteq", 1, 1_000_000),
        v.L_DIVERSITY: Threshold("min_l", "gteq", 1, 10_000),
        v.T_CLOSENESS: Threshold("max_t", "lteq", 0, 1),
        v.UNIQUE_SHARE: Threshold("max_unique", "lteq", 0, 1),
    }
)
"""Left operand to threshold."""

_NUMBERS = frozenset({None, *(f"{XSD}{name}" for name in ("integer", "decimal", "double", "string"))})
_LONGEST = 24


def threshold(term: Constraint, known: Threshold) -> int | Decimal:
    """The value a term states for a threshold. Raises NotUnderstoodError naming what would be understood."""
    stated = term.right[0]
    if term.operator != known.operator or stated.datatype not in _NUMBERS:
        raise NotUnderstoodError(f"{term.pointer}: known: {known.operator}, and {known.words}")
    try:
        return number(stated.text, known)
    except ValueError as fault:
        raise NotUnderstoodError(f"{term.pointer}/rightOperand: {fault}") from None


def number(text: str, known: Threshold) -> int | Decimal:
    """A number as people write it, in its bounds. Raises ValueError saying what would be accepted."""
    try:
        found = Decimal(text) if len(text) <= _LONGEST else Decimal("NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or not known.least <= found <= known.greatest:
        raise ValueError(known.words)
    if not known.whole:
        return found
    if found != found.to_integral_value():
        raise ValueError(known.words)
    return int(found)


def keeps_thresholds(narrow: Duty, wide: Duty) -> bool:
    """Whether whoever finds what `narrow` asks has found what `wide` asks."""
    return all(no_looser(getattr(narrow, one.name), getattr(wide, one.name), one) for one in TAKES.values())


def no_looser(narrow: int | Decimal | None, wide: int | Decimal | None, known: Threshold) -> bool:
    """Whether a threshold is at least as strict as another; what asks nothing is kept by any."""
    if wide is None:
        return True
    if narrow is None:
        return False
    return narrow >= wide if known.whole else narrow <= wide
