"""What is left of a provision tree for one request: rules about data, to be applied to each item (reference S4 to S9).

Both kinds of consent end in one filter, :class:`policy.residual.Residual`: our own records give scopes, FHIR provision
trees give :class:`RuleSet`. A rule set is the tree without everything that the request decided: provisions that do not
concern it are gone, and what remains asks about items only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, Self

from policy.canonical import Json, canonical
from policy.directives.model import Coding, DataReference, Effect
from policy.instants import day

# Kinds of item that carry no clinical date by nature. A date window does not withhold them (reference S9).
UNDATED = frozenset({"Patient"})


class ItemDetail(NamedTuple):
    """What provision trees ask of an item beyond :class:`policy.residual.ItemFacts`.

    `references` are what others call the item (``Observation/12``); `related` what it is directly connected to
    (encounter, episode, plan, what it is part of or based on); `authors` who recorded or performed it. `labels` are its
    security labels; None: no labeller has run, or it failed, so that nobody knows how sensitive the item is. `hollow`
    says that the item tells of nothing: a mere frame for others, without a date, a reason, or words.
    """

    references: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()
    codes: frozenset[Coding] = frozenset()
    document_types: frozenset[Coding] = frozenset()
    labels: frozenset[Coding] | None = None
    authors: frozenset[str] = frozenset()
    related: frozenset[str] = frozenset()
    hollow: bool = False


@dataclass(frozen=True, kw_only=True)
class DataRule:
    """One rule about items: within an element any, across elements all; None does not ask (reference S3).

    `classes` are resource types, profiles or document types, `window` days, both included, `authors` those who recorded
    the item (an actor in the role of author, reference S11). `unknown` says that part of
    the condition was not understood: a permit then never matches, a denial always may. `nested` are exceptions.
    """

    effect: Effect
    pointer: str
    classes: tuple[Coding, ...] | None = None
    resource_types: tuple[Coding, ...] | None = None
    document_types: tuple[Coding, ...] | None = None
    codes: tuple[tuple[Coding, ...], ...] | None = None
    window: tuple[date | None, date | None] | None = None
    data: tuple[DataReference, ...] | None = None
    labels: tuple[Coding, ...] | None = None
    authors: tuple[str, ...] | None = None
    unknown: bool = False
    nested: tuple["DataRule", ...] = ()

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """Return the rule with these fields, among them `effect` and `pointer`: faster than one by one."""
        made = cls.__new__(cls)
        made.__dict__.update(said)
        return made

    @property
    def bare(self) -> bool:
        """Whether the rule holds for every item."""
        asked = (self.classes, self.resource_types, self.document_types, self.codes, self.window, self.data)
        rest = (self.labels, self.authors)
        return not self.unknown and all(one is None for one in (*asked, *rest))

    def to_json(self) -> dict[str, Json]:
        """Return the rule as a JSON object."""
        return {
            "effect": self.effect.value,
            "pointer": self.pointer,
            "classes": _codings(self.classes),
            "resource_types": _codings(self.resource_types),
            "document_types": _codings(self.document_types),
            "codes": None if self.codes is None else [_codings(one) for one in self.codes],
            "window": None
            if self.window is None
            else [None if one is None else one.isoformat() for one in self.window],
            "data": None if self.data is None else [[one.meaning, one.reference] for one in self.data],
            "labels": _codings(self.labels),
            "authors": None if self.authors is None else list(self.authors),
            "unknown": self.unknown,
            "nested": [one.to_json() for one in self.nested],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        window, codes, data = value["window"], value["codes"], value["data"]
        return cls(
            effect=Effect(value["effect"]),
            pointer=value["pointer"],
            classes=_read_codings(value["classes"]),
            resource_types=_read_codings(value["resource_types"]),
            document_types=_read_codings(value["document_types"]),
            codes=None if codes is None else tuple(_read_codings(one) or () for one in codes),
            window=None if window is None else (_read_day(window[0]), _read_day(window[1])),
            data=None if data is None else tuple(DataReference(*one) for one in data),
            labels=_read_codings(value["labels"]),
            authors=None if value["authors"] is None else tuple(value["authors"]),
            unknown=value["unknown"],
            nested=tuple(cls.from_json(one) for one in value["nested"]),
        )


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What one directive says about items under one request. `permits`: whether its yes counts, and not only its no.

    `source` is the id of the directive, as decisions call it.
    """

    root: DataRule
    permits: bool
    source: str = ""

    def to_json(self) -> dict[str, Json]:
        """Return the set as a JSON object."""
        return {"root": self.root.to_json(), "permits": self.permits, "source": self.source}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        return cls(DataRule.from_json(value["root"]), value["permits"], value["source"])


def forbids(rule: DataRule) -> bool:
    """Whether a rule, or any exception to it, is a denial."""
    return rule.effect is Effect.DENY or any(map(forbids, rule.nested))


def _codings(codings: tuple[Coding, ...] | None) -> Json:
    return None if codings is None else [[one.system, one.code] for one in codings]


def _read_codings(value: list[list[str]] | None) -> tuple[Coding, ...] | None:
    return None if value is None else tuple(Coding(*one) for one in value)


def _read_day(value: str | None) -> date | None:
    return None if value is None else day(value)


def in_order(sets: Iterable[RuleSet]) -> tuple[RuleSet, ...]:
    """Return the sets in a canonical order, each once: by where they came from, then by what they say."""
    found: dict[tuple[str, bool], list[RuleSet]] = {}
    for one in sets:
        found.setdefault((one.source, one.permits), []).append(one)
    return tuple(one for name in sorted(found) for one in _each_once(found[name]))


def _each_once(sets: list[RuleSet]) -> list[RuleSet]:
    if len(sets) == 1:  # nearly always, and the canonical form of a tree costs more than judging it
        return sets
    named = {canonical(one.to_json()): one for one in sets}
    return [named[name] for name in sorted(named)]
