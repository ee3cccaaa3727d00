"""A consent that came from elsewhere, as it was written: a FHIR Consent of R4 or R5, read into one form.

FHIR calls it a consent directive (DPV and our own papers say consent). Unlike our own record
(:class:`policy.consent.ConsentRecord`) it knows no study: it has a base decision and a tree of provisions of any depth,
and it says what it says in general. The form here is that of the wire, not of an evaluator: what an element says, where
it stood (a JSON pointer), and what of it could not be understood.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Self


class Effect(StrEnum):
    """What a provision does to what it matches."""

    PERMIT = "permit"
    DENY = "deny"


class Release(StrEnum):
    """The release of FHIR a resource is written in."""

    R4 = "R4"
    R5 = "R5"


class Coding(NamedTuple):
    """A code within its system; two are the same if both parts are."""

    system: str
    code: str


class Actor(NamedTuple):
    """Who a provision names: the codes of the role (v3-ParticipationType and others), and the reference or identifier.

    `reference` is as written (``Organization/f001``, an absolute address), or ``system|value`` of an identifier; empty
    if there is neither. `others` are what else the same actor is called there.
    """

    roles: tuple[Coding, ...]
    reference: str
    others: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Everything the actor is called, the reference first."""
        return (self.reference, *self.others) if self.reference else self.others


class DataReference(NamedTuple):
    """Data a provision names: how it is meant (instance, related, dependents, authoredby) and what by.

    `others` are what else the same thing is called there.
    """

    meaning: str
    reference: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A period as it was written: both ends included, partial dates standing for the whole of them; None is open."""

    start: str | None = None
    end: str | None = None


@dataclass(frozen=True, kw_only=True)
class Provision:
    """One rule. An element that is None was not there and limits nothing; one that is empty matches nothing.

    Request level: `period` (when the rule counts), `actors`, `actions`, `purposes`. Data level: `classes`,
    `resource_types`, `document_types`, `codes` (each concept with all its codings; one of them is enough),
    `data_period`, `data`, `labels`. `effect` is None where it was not written; the reader does not guess. `unknown`
    names each element that was not understood: such a rule permits nothing, and forbids whatever it might mean.
    """

    effect: Effect | None
    pointer: str
    period: Period | None = None
    actors: tuple[Actor, ...] | None = None
    actions: tuple[tuple[Coding, ...], ...] | None = None
    purposes: tuple[Coding, ...] | None = None
    classes: tuple[Coding, ...] | None = None
    resource_types: tuple[Coding, ...] | None = None
    document_types: tuple[Coding, ...] | None = None
    codes: tuple[tuple[Coding, ...], ...] | None = None
    data_period: Period | None = None
    data: tuple[DataReference, ...] | None = None
    labels: tuple[Coding, ...] | None = None
    nested: tuple["Provision", ...] = ()
    unknown: tuple[str, ...] = ()

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """Return the provision with these fields, among them `effect` and `pointer`.

        There are many of them, and setting field by field takes longer than reading them; hence no slots either.
        """
        made = cls.__new__(cls)
        made.__dict__.update(said)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """One FHIR Consent.

    `id` is what decisions call it: ``Consent/<id>#<version>``, or what the holder calls it. `status` is as written.
    `subjects` are the references and identifiers (``system|value``) of the person. `decided_at` is the date as written.
    `scope` and `categories` are its kinds. `bases` are the base decision in each place where it was written (R5
    `decision`, R4 root `type`, R4 `policyRule`), as (pointer, effect); places that disagree make it indeterminate
    (reference S2). `emergency_only` says that the rule was EMRGONLY. `root` holds the conditions of the whole consent
    (R5 has none there) and the tree below it. `policies` are the URIs and codes of the policies it stands on, `signers`
    those who performed or granted it, `replaces` the ids of consents it supersedes. `unknown` names what of it nobody
    understood: then it is indeterminate. `resource` is what was read; it is what :meth:`to_json` gives back.
    """

    id: str
    release: Release
    status: str
    subjects: tuple[str, ...]
    decided_at: str | None
    scope: tuple[Coding, ...]
    categories: tuple[Coding, ...]
    bases: tuple[tuple[str, Effect], ...]
    emergency_only: bool
    root: Provision
    policies: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    resource: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    # What was worked out of the tree once and for all (policy.directives.planning); it says nothing of its own.
    plans: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return what the directive can be read from again: its id and release, and the resource as it came."""
        return {"id": self.id, "release": self.release.value, "resource": dict(self.resource)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """An emergency that somebody declared, for care only (reference S16).

    `group` says that they belong to those whom the holder lets declare one, `reason` that they gave one in words,
    `second_factor` that they proved who they are twice. It lasts from `declared_at` until before `until`.
    """

    declared_at: datetime
    until: datetime
    group: bool
    reason: bool
    second_factor: bool
