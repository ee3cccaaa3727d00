"""A policy as frozen values: what was written, with every term expanded to its IRI, before anything is decided."""

from dataclasses import dataclass
from typing import TypeAlias


class PolicyError(ValueError):
    """The text is not a policy at all: `pointer` says where, the message what would be accepted."""

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(f"{pointer or '/'}: {message}")
        self.pointer = pointer


@dataclass(frozen=True, slots=True)
class Literal:
    """A right operand value: its text and, where stated, the IRI of its datatype."""

    text: str
    datatype: str | None = None


@dataclass(frozen=True, slots=True)
class Constraint:
    """One comparison. `left` is an IRI, `operator` a name without prefix, `right` has at least one value."""

    left: str
    operator: str
    right: tuple[Literal, ...]
    pointer: str


@dataclass(frozen=True, slots=True)
class Logical:
    """Constraints joined by `or`, `xone`, `and` or `andSequence`; at least one part."""

    operator: str
    parts: "tuple[Term, ...]"
    pointer: str


Term: TypeAlias = Constraint | Logical


@dataclass(frozen=True, slots=True)
class Rule:
    """A permission, prohibition or duty. All of its terms must hold for it to apply; `action` is an IRI."""

    action: str
    terms: tuple[Term, ...]
    duties: "tuple[Rule, ...]"
    pointer: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole policy. `kind` is Offer, Agreement or Set. `unknown` names each term that was not understood."""

    uid: str
    kind: str
    target: str | None
    assigner: str | None
    assignee: str | None
    permissions: tuple[Rule, ...]
    prohibitions: tuple[Rule, ...]
    obligations: tuple[Rule, ...]
    unknown: tuple[str, ...]
