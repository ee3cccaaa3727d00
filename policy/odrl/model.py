"""A policy as frozen values: what was written, with every term expanded to its IRI, before anything is decided.

This is the whole of the ODRL 2.2 Information Model, in the form in which it was written: a rule may still name several
actions, targets or parties and leave others to the policy (its compact form, Information Model 2.7). What is evaluated
is the atomic form, in which each rule names one of each (`policy.odrl.atomic`).

`pointer` is where an element stands (a JSON pointer; in RDF the same path, with siblings in a canonical order), `node`
the blank node or IRI it had there. Neither is part of what a policy says, so neither counts when two are compared.
"""

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from dataclasses import dataclass as _plain_dataclass

    def dataclass(*, frozen: bool, **options: Any) -> Any:
        """Frozen where it is checked and not where it runs: a policy is made of hundreds of these for every request,
        and a frozen one takes four times as long to make. Nobody may set a field; mypy refuses whoever tries."""
        return _plain_dataclass(unsafe_hash=frozen, **options)


XSD = "http://www.w3.org/2001/XMLSchema#"
REFERENCE = "@id"
"""The datatype of a value that was stated as a node, not as a text."""

PLAIN = frozenset({None, REFERENCE, f"{XSD}string", f"{XSD}anyURI"})
"""Datatypes under which a value is its text and nothing else."""


class PolicyError(ValueError):
    """The text is not a policy at all: `pointer` says where, the message what would be accepted."""

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(f"{pointer or '/'}: {message}")
        self.pointer = pointer


class Kind(StrEnum):
    """What a rule is (Information Model 2.6). A duty stands under a policy (an obligation) or under another rule."""

    PERMISSION = "permission"
    PROHIBITION = "prohibition"
    DUTY = "duty"


@dataclass(frozen=True, slots=True)
class Literal:
    """A value: its text and, where stated, the IRI of its datatype (`REFERENCE` for a node) and its language."""

    text: str
    datatype: str | None = None
    language: str | None = None

    @property
    def key(self) -> tuple[str, str | None]:
        """What the value says, however written: the same for ``"x"``, ``"x"^^xsd:string`` and ``{"@id": "x"}``."""
        return self.text, None if self.datatype in PLAIN else self.datatype


@dataclass(frozen=True, slots=True)
class Constraint:
    """One comparison (Information Model 2.5.1).

    `left` is an IRI, `operator` the name of one of ODRL's own without prefix, else an IRI. `right` has at least one
    value; with `by_reference` these name where the value is to be found (rightOperandReference) and are not the value.
    `given` is a value that stands where the left operand should, as ODRE writes it; `left` is then its text.
    """

    left: str
    operator: str
    right: tuple[Literal, ...]
    pointer: str = field(default="", compare=False)
    unit: Literal | None = None
    datatype: str | None = None
    status: Literal | None = None
    by_reference: bool = False
    given: Literal | None = None
    node: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Logical:
    """Constraints joined by `or`, `xone`, `and` or `andSequence` (Information Model 2.5.2); at least one part.

    The order of the parts counts for `andSequence` alone.
    """

    operator: str
    parts: "tuple[Term, ...]"
    pointer: str = field(default="", compare=False)
    node: str = field(default="", compare=False)


Term: TypeAlias = Constraint | Logical


@dataclass(frozen=True, slots=True)
class Action:
    """What is done; with `refinements` only those doings that meet them all."""

    iri: str
    refinements: tuple[Term, ...] = ()
    node: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Entity:
    """An asset or a party; as a `collection` its members, with `refinements` only those members that meet them all."""

    iri: str
    collection: bool = False
    refinements: tuple[Term, ...] = ()
    node: str = field(default="", compare=False)


Named: TypeAlias = tuple[tuple[str, tuple[Entity, ...]], ...]
"""Entities by the IRI of the property that names them, in the order of these IRIs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A permission, prohibition or duty. All of its `terms` must hold for it to be active.

    `duties` belong to a permission, `remedies` to a prohibition, `consequences` to a duty. `functions` are the parties
    by any other function (compensatedParty, informedParty ...), `relations` the assets by any other relation (output
    ...).
    """

    kind: Kind
    actions: tuple[Action, ...] = ()
    targets: tuple[Entity, ...] = ()
    assigners: tuple[Entity, ...] = ()
    assignees: tuple[Entity, ...] = ()
    functions: Named = ()
    relations: Named = ()
    terms: tuple[Term, ...] = ()
    duties: "tuple[Rule, ...]" = ()
    remedies: "tuple[Rule, ...]" = ()
    consequences: "tuple[Rule, ...]" = ()
    uid: str | None = None
    pointer: str = field(default="", compare=False)
    node: str = field(default="", compare=False)

    @property
    def action(self) -> str:
        """The IRI of the one action of an atomic rule; empty if it names none."""
        return self.actions[0].iri if self.actions else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A whole policy. `kind` is Set, Offer, Agreement, Assertion, Privacy, Request or Ticket.

    `profiles` and `inherits` are IRIs, `conflict` is perm, prohibit, invalid or None where nothing is said. What stands
    at the policy's own level (`actions`, `targets`, `assigners`, `assignees`, `functions`, `relations`, `terms`) is
    shared by its rules. `unknown` names each place that was not understood, with the term where that can be said.
    """

    uid: str
    kind: str
    permissions: tuple[Rule, ...] = ()
    prohibitions: tuple[Rule, ...] = ()
    obligations: tuple[Rule, ...] = ()
    profiles: tuple[str, ...] = ()
    conflict: str | None = None
    inherits: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    targets: tuple[Entity, ...] = ()
    assigners: tuple[Entity, ...] = ()
    assignees: tuple[Entity, ...] = ()
    functions: Named = ()
    relations: Named = ()
    terms: tuple[Term, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def target(self) -> str | None:
        """The one asset named for the whole policy, None if it names none."""
        return self.targets[0].iri if len(self.targets) == 1 else None

    @property
    def assigner(self) -> str | None:
        """The one assigner named for the whole policy, None if it names none."""
        return self.assigners[0].iri if len(self.assigners) == 1 else None

    @property
    def assignee(self) -> str | None:
        """The one assignee named for the whole policy, None if it names none."""
        return self.assignees[0].iri if len(self.assignees) == 1 else None
