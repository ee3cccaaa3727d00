"""What an assessment of re-identification risk must at least find under a contract, before anything leaves.

A contract states it as parameters of its duty to assess risk (`policy.odrl.duties`): k (so many people share each
combination of what could single somebody out), l (so many different main diagnoses among them), t (how far their
diagnoses may be from those of everybody) and the share of people who stand alone. Stricter is narrower, for each of
them. A contract that states none asks for nothing: the risk is then reported only.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Final, cast

from contracts.duty_terms import left_of, listed, owed, rules
from contracts.shape import Json
from policy.narrowing import NotNarrowerError
from policy.odrl import vocabulary as v
from policy.odrl.duties.thresholds import TAKES, Threshold, no_looser, number

_ASSESS: Final = "assess-risk"
_LEFT: Final[Mapping[str, str]] = {one.name: left for left, one in TAKES.items()}
_KNOWN: Final[Mapping[str, Threshold]] = {one.name: one for one in TAKES.values()}
_NAMED: Final[Mapping[str, str]] = {
    "min_k": "the number of people who share each combination (k)",
    "min_l": "the number of different main diagnoses (l)",
    "max_t": "how far diagnoses may be from those of everybody (t)",
    "max_unique": "the share of people who stand alone",
}  # fmt: skip
NAMES: Final = tuple(_LEFT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What must at least be found; None asks nothing about it. False if all are None."""

    min_k: int | None = None
    min_l: int | None = None
    max_t: Decimal | None = None
    max_unique: Decimal | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) is not None for one in fields(self))

    def given(self) -> dict[str, int | Decimal]:
        """Those that ask something, by name."""
        return {name: value for name in NAMES if (value := getattr(self, name)) is not None}

    def wire(self) -> dict[str, str]:
        """As it is kept: the numbers as text, by name, with the digits they were stated with."""
        return {name: str(value) for name, value in self.given().items()}


NOTHING: Final = Thresholds()


def thresholds_of(policy: Mapping[str, Any] | None) -> Thresholds:
    """What a policy asks an assessment to find, the strictest where it states one twice.

    A policy that cannot be read asks nothing: nothing is agreed to, and nothing is released, under it either.
    """
    found: dict[str, int | Decimal] = {}
    for duty in owed(policy, _ASSESS):
        for name in NAMES:
            said = getattr(duty, name)
            if said is not None and no_looser(said, found.get(name), _KNOWN[name]):
                found[name] = said
    return _made(found)


def asks(policy: Mapping[str, Any] | None) -> bool:
    """Whether a policy holds the duty at all, with thresholds or without."""
    return bool(owed(policy, _ASSESS))


def thresholds(said: Mapping[str, str]) -> Thresholds:
    """Thresholds as somebody writes them, by name. Raises ValueError naming the one and what would be accepted."""
    found: dict[str, int | Decimal] = {}
    for name, text in said.items():
        if name not in _KNOWN:
            raise ValueError(f"there is no threshold of this name; there are {', '.join(NAMES)}")
        try:
            found[name] = number(text, _KNOWN[name])
        except ValueError as fault:
            raise ValueError(f"{_NAMED[name]} is {fault}") from None
    return _made(found)


def with_thresholds(policy: Mapping[str, Any], wanted: Thresholds) -> dict[str, Any]:
    """A copy of the policy that states these in every duty to assess risk, in one more if it has none.

    A threshold that stands there already is replaced.
    """
    made = deepcopy(dict(policy))
    if not wanted:
        return made
    duties = list(rules(made, v.ASSESS_RISK))
    if not duties:
        duties = [{"action": v.ASSESS_RISK}]
        made["obligation"] = [*listed(made.get("obligation")), *duties]
    replaced = {_LEFT[name] for name in wanted.given()}
    for duty in duties:
        kept = [one for one in listed(duty.get("constraint")) if left_of(one) not in replaced]
        duty["constraint"] = [*kept, *(_constraint(name, value) for name, value in wanted.given().items())]
    return made


def narrower_thresholds(policy: Mapping[str, Any], wanted: Thresholds) -> dict[str, Any]:
    """The same for terms under negotiation: only stricter ones than those that stand. Raises NotNarrowerError."""
    standing = thresholds_of(policy)
    for name, value in wanted.given().items():
        if not no_looser(value, getattr(standing, name), _KNOWN[name]):
            raise NotNarrowerError(name, f"This is looser than {_NAMED[name]} now asks", "a stricter one than stands")
    return with_thresholds(policy, wanted)


def _made(found: Mapping[str, int | Decimal]) -> Thresholds:
    return Thresholds(
        min_k=cast("int | None", found.get("min_k")), min_l=cast("int | None", found.get("min_l")),
        max_t=cast("Decimal | None", found.get("max_t")), max_unique=cast("Decimal | None", found.get("max_unique")),
    )  # fmt: skip


def _constraint(name: str, value: int | Decimal) -> Json:
    known = _KNOWN[name]
    text: Json = {"@value": str(value), "@type": f"{v.XSD}{'integer' if known.whole else 'decimal'}"}
    return {"leftOperand": _LEFT[name], "operator": known.operator, "rightOperand": text}
