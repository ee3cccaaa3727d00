"""The labeller: which security labels a resource has, by its own `meta.security` and by the codes in it (reference S8).

The rules are compiled once to a table from code to label; each code of a resource is one look-up. A finding labels if
it is at least as sure as the threshold; what is less sure is told as possible and labels nothing. What no rule says is
not added: a resource that nobody called normal (`N`) is not normal.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import resources
from typing import Any

from policy.code_systems import is_clinical, system_of
from policy.directives.model import Coding
from policy.labelling.labels import Finding, Labels
from policy.labelling.rulefile import RuleFile, read_rules

# As sure as not, or surer: the packaged rules give 1 to what is certain, 0.5 to kinship, 0 to a mere mention.
DEFAULT_THRESHOLD = 0.5
PACKAGED = "sensitivity-rules.default.json"
DEEPEST = 64

_APART = frozenset({"contained", "meta"})

# Who and where: these hold no finding that a label could be about.
_WHO_AND_WHERE = """
Patient Person RelatedPerson Practitioner PractitionerRole Organization Location HealthcareService Endpoint Group
CareTeam Device
"""
_WITHOUT_FINDINGS = frozenset(_WHO_AND_WHERE.split())

_WORDS = ("text", "div", "display", "valueString", "conclusion", "description", "comment")

_Row = tuple[Coding, str, float]


@dataclass(frozen=True, slots=True)
class Labeller:
    """A rule file, ready for use, with the threshold from which a finding labels."""

    rules: RuleFile
    threshold: float = DEFAULT_THRESHOLD
    _table: Mapping[Coding, tuple[_Row, ...]] = field(init=False, repr=False, compare=False)
    _systems: frozenset[str] = field(init=False, repr=False, compare=False)
    _labels: tuple[Coding, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        table: defaultdict[Coding, list[_Row]] = defaultdict(list)
        for rule in self.rules.rules:
            for rated in rule.codes:
                key = Coding(system_of(rated.code.system), rated.code.code)
                table[key] += [(label, rule.id, rated.confidence) for label in rule.labels]
        object.__setattr__(self, "_table", {code: tuple(rows) for code, rows in table.items()})
        object.__setattr__(self, "_systems", frozenset(code.system for code in table))
        object.__setattr__(self, "_labels", tuple(sorted({one for rule in self.rules.rules for one in rule.labels})))

    @property
    def name(self) -> str:
        """What is recorded with every label: the rules, their version (their digest), and the threshold."""
        return f"{self.rules.name} {self.rules.digest} from {self.threshold:g}"

    def label(self, resource: Mapping[str, Any]) -> Labels:
        """Return the labels of a resource and of each one contained in it, each for itself.

        Raises :class:`ValueError` if it is nested too deep, or its own labels cannot be read: then nobody knows.
        """
        own = self._label(resource)
        inside = resource.get("contained")
        if not inside:
            return own
        if not isinstance(inside, list) or not all(isinstance(one, Mapping) for one in inside):
            raise ValueError("/contained: not a list of resources")
        contained = tuple((_id(one), self._label(one)) for one in inside)
        return replace(own, contained=contained)

    def label_codes(self, codes: Iterable[Coding]) -> Labels:
        """Return the labels that codes alone lead to, for what is no FHIR resource."""
        codes = tuple(codes)
        return replace(self._found(frozenset(), codes), unread=() if self._reads(codes) else self._labels)

    def _label(self, resource: Mapping[str, Any]) -> Labels:
        codes = tuple(codings_of(resource))
        told = any(is_clinical(one.system) or not one.system for one in codes) or _in_words(resource)
        unread = told and resource.get("resourceType") not in _WITHOUT_FINDINGS and not self._reads(codes)
        return replace(self._found(frozenset(stated_labels(resource)), codes), unread=self._labels if unread else ())

    def _reads(self, codes: Iterable[Coding]) -> bool:
        """Whether a code is of a system that the rules are about: a code of another they cannot tell anything of."""
        return any(system_of(one.system) in self._systems for one in codes)

    def _found(self, stated: frozenset[Coding], codes: Iterable[Coding]) -> Labels:
        because, possible = set[Finding](), set[Finding]()
        for code in codes:
            for label, rule, confidence in self._table.get(Coding(system_of(code.system), code.code), ()):
                found = Finding(label, rule, code, confidence)
                (because if confidence >= self.threshold else possible).add(found)
        labels = stated | {one.label for one in because}
        return Labels(labels, tuple(sorted(because)), tuple(sorted(possible)))


@lru_cache(maxsize=8)
def packaged_labeller(threshold: float = DEFAULT_THRESHOLD) -> Labeller:
    """Return the labeller of the packaged rules."""
    text = resources.files("policy").joinpath("data", "asu", PACKAGED).read_text("utf-8")
    return Labeller(read_rules(json.loads(text)), threshold)


def stated_labels(resource: Mapping[str, Any]) -> Iterator[Coding]:
    """The labels that the resource itself bears in `meta.security`. Raises ValueError for what is none."""
    meta = resource.get("meta", {})
    security = meta.get("security", []) if isinstance(meta, Mapping) else None
    if not isinstance(security, list):
        raise ValueError("/meta/security: not a list of labels")
    for one in security:
        code = one.get("code") if isinstance(one, Mapping) else None
        system = one.get("system", "") if isinstance(one, Mapping) else None
        if not isinstance(code, str) or not isinstance(system, str):
            raise ValueError("/meta/security: a label without a code")
        yield Coding(system_of(system), code)


def _in_words(resource: Mapping[str, Any]) -> bool:
    """Whether a resource tells of something in words only, that no rule can read; whom it refers to is none."""
    return any(
        isinstance(part.get(name), str)
        for part in objects_of(resource)
        for name in _WORDS
        if not (name == "display" and "reference" in part)
    )


def objects_of(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every object in a resource, level by level, but not its `meta` and nothing of contained resources.

    Raises :class:`ValueError` if it is nested too deep.
    """
    level: list[Any] = [{name: part for name, part in resource.items() if name not in _APART}]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                yield part
                below += [one for one in part.values() if isinstance(one, dict | list)]
            else:
                below += [one for one in part if isinstance(one, dict | list)]
        if not below:
            return
        level = below
    raise ValueError(f"nested more than {DEEPEST} deep")


def codings_of(resource: Mapping[str, Any]) -> Iterator[Coding]:
    """Every code of a resource with its system, wherever it stands, but not those of contained resources.

    Raises :class:`ValueError` if it is nested too deep.
    """
    for part in objects_of(resource):
        if (code := coding_of(part)) is not None:
            yield code


def coding_of(part: Mapping[str, Any]) -> Coding | None:
    """The code that an object of a resource is, if it is one; where nobody wrote its system that is empty."""
    code = part.get("code")
    if not isinstance(code, str):
        return None
    system = part.get("system")
    return Coding(system_of(system) if isinstance(system, str) else "", code)


def _id(resource: Mapping[str, Any]) -> str:
    found = resource.get("id")
    return found if isinstance(found, str) else ""
