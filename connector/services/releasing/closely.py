"""Looking closely at records, where a decision holds rules about what is in them (reference S7, S8).

A record is judged with its detail; so is each resource contained in it, and each it leads to. Nothing is permitted
because something else is. Where what is withheld was referred to, a placeholder stands instead: the same everywhere,
and leading nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import orjson

from connector.dataplane.naming import WITHHELD
from connector.records import DevicePoint, SourceRecord
from connector.services.holding.labels import labels_of
from connector.sources.fhir_dates import clinical_range
from connector.sources.fhir_detail import contained_in, detail_inside, detail_of
from connector.sources.fhir_json import parse, write
from policy.categories import OTHER, category_of
from policy.directives.model import Coding
from policy.labelling import Labeller, Labels
from policy.residual import RELEASED, ItemFacts, Residual
from policy.rules import DataRule, ItemDetail

_REFERENCE = re.compile(rb'"reference":"([A-Za-z]+/[A-Za-z0-9.-]{1,64})(?:/_history/[^"\\]*)?"')
_LOINC = "http://loinc.org"
OPEN_MHEALTH = "https://w3id.org/openmhealth/schemas/omh"
_SAME_AS = {
    "heart-rate": (Coding(_LOINC, "8867-4"),),
    "step-count": (Coding(_LOINC, "41950-7"), Coding(_LOINC, "55423-8")),
    "sleep-duration": (Coding(_LOINC, "93832-4"),),
    "sleep-episode": (Coding(_LOINC, "93832-4"),),
}
_PLACEHOLDER = b'"reference":"' + WITHHELD.encode() + b'"'


@dataclass(slots=True)
class Closely:
    """Judges the records of one person under one decision, and remembers what it withheld."""

    residual: Residual
    dataset: str
    labeller: Callable[[], Labeller]
    withhold: Callable[[int], None]
    _gone: set[bytes] = field(default_factory=set)
    _inside_only: bool = field(init=False)

    def __post_init__(self) -> None:
        self._inside_only = not any(_asks_content(one.root) for one in self.residual.rules)

    def judge(self, row: SourceRecord, item: ItemFacts) -> tuple[int, SourceRecord]:
        """What the decision says of a record, and the record as it may leave: without what is withheld inside it."""
        if self._inside_only and b'"contained"' not in row.body:
            return self._plainly(row, item)
        try:
            resource = _resource(row.body)
            labels = labels_of(self.labeller(), row)
            detail = detail_of(resource, labels.judged if labels else None)
            found = self.residual.judge(item._replace(detail=detail))
            if found != RELEASED:
                self._remember(row)
                return found, row
            return found, self._without(row, resource, item, detail, labels)
        except ValueError:
            # Nobody knows what is in it: judged without any detail, as something that every denial may mean.
            self._remember(row)
            return self.residual.judge(item) or _unknown(self.residual), row

    def _plainly(self, row: SourceRecord, item: ItemFacts) -> tuple[int, SourceRecord]:
        """Judge by kind and dates alone, where no rule asks for more."""
        found = self.residual.judge(item)
        if found != RELEASED:
            self._remember(row)
        return found, row

    def masked(self, rows: Iterable[SourceRecord]) -> list[SourceRecord]:
        """The records, with a placeholder wherever one refers to what was withheld."""
        return [replace(row, body=self._masked(row.body)) for row in rows] if self._gone else list(rows)

    def _remember(self, row: SourceRecord) -> None:
        # The person a record is about has to stand in it, also where their own details are withheld.
        if row.resource_type != "Patient":
            self._gone.add(f"{row.resource_type}/{row.id}".encode())

    def _masked(self, body: bytes) -> bytes:
        return _REFERENCE.sub(lambda found: _PLACEHOLDER if found[1] in self._gone else found[0], body)

    def _without(
        self, row: SourceRecord, resource: Mapping[str, Any], item: ItemFacts, detail: ItemDetail, labels: Labels | None
    ) -> SourceRecord:
        """The record without those contained resources that may not leave."""
        inside = contained_in(resource)
        if not inside:
            return row
        given = [one for _, one in labels.contained] if labels else []
        known = given if len(given) == len(inside) else [None] * len(inside)
        judged = [self._inside(one, item, detail, some) for one, some in zip(inside, known, strict=True)]
        for found in judged:
            if found != RELEASED:
                self.withhold(found)
        return replace(row, body=_cut(row.body, judged)) if any(judged) else row

    def _inside(self, resource: Mapping[str, Any], outer: ItemFacts, detail: ItemDetail, labels: Labels | None) -> int:
        kind = resource.get("resourceType")
        category = category_of(resource) if isinstance(kind, str) else OTHER
        start, end = _dates(resource, outer)
        inner = detail_inside(detail, resource, labels.judged if labels else None)
        category = outer.category if category == OTHER else category
        return self.residual.judge(
            ItemFacts(kind if isinstance(kind, str) else "", category, start, end, self.dataset, inner)
        )


def _asks_content(rule: DataRule) -> bool:
    """Whether a rule, or an exception to it, asks for what only the record itself tells."""
    asked = (rule.classes, rule.document_types, rule.codes, rule.data, rule.labels, rule.authors)
    return any(one is not None for one in asked) or any(_asks_content(one) for one in rule.nested)


def _resource(body: bytes) -> Mapping[str, Any]:
    found = orjson.loads(body)
    if not isinstance(found, Mapping):
        raise ValueError("not a resource")
    return found


def point_closely(labeller: Labeller, point: DevicePoint, item: ItemFacts) -> ItemFacts:
    """A device's data point as rules about FHIR see it: an Observation, its kind as a code, labelled by the same rules.

    One whose header cannot be read has no detail, so that every denial may mean it.
    """
    try:
        schema = orjson.loads(point.body)["header"]["schema_id"]
        name, version = schema["name"], schema["version"]
    except (ValueError, KeyError, TypeError):
        return item._replace(resource_type="Observation")
    codes = frozenset({Coding(OPEN_MHEALTH, f"{name}:{version}"), *_SAME_AS.get(name, ())})
    labels = labeller.label_codes(codes).judged
    references = frozenset({f"Observation/{point.point_id}"})
    return item._replace(
        resource_type="Observation", detail=ItemDetail(references=references, codes=codes, labels=labels)
    )


def _dates(resource: Mapping[str, Any], outer: ItemFacts) -> tuple[date | None, date | None]:
    """The days a contained resource tells of: its own, or those of the record it is in."""
    own = clinical_range(dict(resource)) if isinstance(resource.get("resourceType"), str) else (None, None)
    return own if own != (None, None) else (outer.start, outer.end)


def _cut(body: bytes, judged: list[int]) -> bytes:
    """The record without the contained resources that were not released, and without references to them."""
    resource = parse(body)
    inside = resource["contained"]
    gone = {f"#{one.get('id')}" for one, found in zip(inside, judged, strict=True) if found != RELEASED}
    kept = [one for one, found in zip(inside, judged, strict=True) if found == RELEASED]
    resource["contained"] = kept
    if not kept:
        del resource["contained"]
    _mask(resource, gone)
    return write(resource)


def _mask(value: Any, gone: set[str]) -> None:
    """Put the placeholder wherever something refers to one of these. Depth was bounded when it was parsed."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            # In R5, what a CodeableReference has under this name is an object.
            if isinstance(part.get("reference"), str) and part["reference"] in gone:
                part["reference"] = WITHHELD
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _unknown(residual: Residual) -> int:
    """The index of the reason for what cannot be looked at."""
    return next(index for index, one in enumerate(residual.reasons) if one.code == "denied-by-directive")
